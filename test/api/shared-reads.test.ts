import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ReadPace } from '../../src/api/http/read-pace.ts';
import { maxAgeOf, SharedReads, shareKey } from '../../src/api/http/shared-reads.ts';
import { principalOf } from '../../src/api/permissions.ts';
import type { Answer } from '../../src/api/route.ts';
import { diamond } from '../engine/engine-fixture.ts';
import { useApi } from './api-fixture.ts';

const forever = new AbortController().signal;
const strictly = { signal: forever, maxAgeSeconds: 0 };

/** A read that ends when the test ends it, and says which one it was. */
function controlled() {
  const began: { signal: AbortSignal; end(): void; fail(error: Error): void }[] = [];
  const work = (signal: AbortSignal): Promise<Answer> => {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const body = began.length;
    began.push({ signal, end: () => resolve({ body }), fail: reject });
    return promise;
  };
  return { began, work };
}

describe('reads that several ask for', () => {
  it('are two, however many ask while the first is under way: none begins before somebody who shares it has asked', async () => {
    const reads = new SharedReads();
    const { began, work } = controlled();
    const first = reads.read('a', strictly, work);
    const later = Array.from({ length: 50 }, () => reads.read('a', strictly, work));
    const other = reads.read('b', strictly, work);
    expect(began).toHaveLength(2);
    began[0]?.end();
    expect((await first).body).toBe(0);
    await expect.poll(() => began.length).toBe(3);
    for (const { end } of began) end();
    expect(new Set((await Promise.all(later)).map(({ body }) => body))).toEqual(new Set([2]));
    expect((await other).body).toBe(1);
  });

  it('go on while one waits, end when all are gone, and leave the next one alone', async () => {
    const reads = new SharedReads();
    const { began, work } = controlled();
    const leaving = new AbortController();
    const first = reads.read('a', strictly, work);
    const gone = reads.read('a', { ...strictly, signal: leaving.signal }, work);
    const stays = reads.read('a', strictly, work);
    leaving.abort(new Error('gone'));
    await expect(gone).rejects.toThrow('gone');
    began[0]?.end();
    await first;
    await expect.poll(() => began.length).toBe(2);
    expect(began[1]?.signal.aborted).toBe(false);
    began[1]?.end();
    expect((await stays).body).toBe(1);

    const alone = new AbortController();
    const abandoned = reads.read('c', { ...strictly, signal: alone.signal }, work);
    const next = reads.read('c', strictly, work);
    alone.abort(new Error('gone'));
    await expect(abandoned).rejects.toThrow('gone');
    expect(began[2]?.signal.aborted).toBe(true);
    began[2]?.fail(new Error('cancelled'));
    await expect.poll(() => began.length).toBe(4);
    began[3]?.end();
    expect((await next).body).toBe(3);
  });

  it('are not those that all have left before they began', async () => {
    const reads = new SharedReads();
    const { began, work } = controlled();
    const first = reads.read('a', strictly, work);
    const leaving = new AbortController();
    const gone = reads.read('a', { ...strictly, signal: leaving.signal }, work);
    leaving.abort(new Error('gone'));
    await expect(gone).rejects.toThrow('gone');
    const comes = reads.read('a', strictly, work);
    began[0]?.end();
    await first;
    await expect.poll(() => began.length).toBe(2);
    began[1]?.end();
    expect((await comes).body).toBe(1);
  });

  it('fail for all who share them, and not for those who come after', async () => {
    const reads = new SharedReads();
    const { began, work } = controlled();
    const first = reads.read('a', strictly, work);
    began[0]?.fail(new Error('broken'));
    await expect(first).rejects.toThrow('broken');
    const second = reads.read('a', strictly, work);
    began[1]?.end();
    expect((await second).body).toBe(1);
  });

  it('are kept for those alone who accept an age', async () => {
    const reads = new SharedReads();
    let reading = 0;
    const work = async (): Promise<Answer> => ({ body: (reading += 1), headers: { etag: '"x"' } });
    const aged = { signal: forever, maxAgeSeconds: 30 };
    expect(await reads.read('a', strictly, work)).toEqual({ body: 1, headers: { etag: '"x"' } });
    expect((await reads.read('a', aged, work)).body).toBe(2);
    expect(await reads.read('a', aged, work)).toEqual({ body: 2, headers: { etag: '"x"', age: '1' } });
    expect((await reads.read('a', strictly, work)).body).toBe(3);
    // What was kept is now what was read last.
    expect((await reads.read('a', aged, work)).body).toBe(3);
    expect((await reads.read('b', aged, work)).body).toBe(4);
  });

  it('are kept for all if they say that they were costly', async () => {
    const reads = new SharedReads();
    let reading = 0;
    const work = async (): Promise<Answer> => ({ body: (reading += 1), keptSeconds: reading === 1 ? 5 : 0 });
    await reads.read('a', strictly, work);
    expect(await reads.read('a', strictly, work)).toMatchObject({ body: 1, headers: { age: '1' } });
    expect((await reads.read('b', strictly, work)).body).toBe(2);
    expect((await reads.read('b', strictly, work)).body).toBe(3);
  });
});

describe('the pace of reads', () => {
  /** Reads of `ms` each, `perSecond` of them, for some seconds. */
  function paced() {
    let now = 0;
    const pace = new ReadPace(() => now);
    return {
      pace,
      reads(seconds: number, perSecond: number, ms: number): number {
        for (let count = 0; count < seconds * perSecond; count += 1) {
          now += 1000 / perSecond;
          pace.took(ms);
        }
        return pace.pauseMs;
      },
      nothing: (seconds: number): number => ((now += seconds * 1000), pace.pauseMs),
    };
  }

  it('has no pause while reading takes 40 ms of a second', () => {
    const { pace, reads } = paced();
    expect(pace.pauseMs).toBe(0);
    expect(reads(60, 10, 3.9)).toBe(0);
  });

  it('has a longer pause each second in which it takes more, and none again soon after', () => {
    const { reads, nothing } = paced();
    expect(reads(1, 50, 10)).toBe(125);
    expect(reads(1, 50, 10)).toBe(250);
    expect(reads(60, 50, 10)).toBe(1000);
    // Neither more nor less between the half and the whole of its share.
    expect(reads(10, 10, 3)).toBe(1000);
    expect(reads(1, 10, 1)).toBe(500);
    expect(nothing(5)).toBe(0);
  });

  it('puts off the next read of the same thing, and nothing else', async () => {
    const pace = new ReadPace();
    const reads = new SharedReads(pace);
    const at: Record<string, number[]> = { a: [], b: [] };
    const work = (key: string) => async (): Promise<Answer> => {
      at[key]?.push(performance.now());
      return { body: at[key]?.length };
    };
    pace.took(1e6);
    await setTimeout(1050);
    expect(pace.pauseMs).toBe(125);
    expect((await reads.read('a', strictly, work('a'))).body).toBe(1);
    const again = reads.read('a', strictly, work('a'));
    await reads.read('b', strictly, work('b'));
    expect((await again).body).toBe(2);
    const [first = 0, second = 0] = at['a'] ?? [];
    expect(second - first).toBeGreaterThan(120);
    expect(at['b']?.[0]).toBeLessThan(second);
  });
});

describe('what two may share', () => {
  const viewer = principalOf({ id: 'a', name: 'a', role: 'viewer' });
  const keyOf = (principal: typeof viewer, url = '/v1/tasks', headers = {}): string =>
    shareKey('listTasks', url, headers, principal);

  it('is what they have the same rights to', () => {
    expect(keyOf(principalOf({ id: 'b', name: 'b', role: 'viewer' }))).toBe(keyOf(viewer));
    const others = [
      keyOf(principalOf({ id: 'a', name: 'a', role: 'operator' })),
      keyOf(principalOf({ id: 'a', name: 'a', role: 'viewer', payload: true })),
      keyOf(principalOf({ id: 'a', name: 'a', role: 'viewer', namespaces: ['a'] })),
      keyOf(principalOf({ id: 'a', name: 'a', role: 'viewer', namespaces: ['a', 'b'] })),
      keyOf(viewer, '/v1/tasks?limit=1'),
      keyOf(viewer, '/v1/tasks', { 'if-none-match': '"1"' }),
      keyOf(viewer, '/v1/tasks', { 'accept-encoding': 'gzip' }),
    ];
    expect(new Set([keyOf(viewer), ...others]).size).toBe(8);
  });

  it('has the age that a request accepts', () => {
    expect(maxAgeOf({})).toBe(0);
    expect(maxAgeOf({ 'cache-control': 'no-cache' })).toBe(0);
    expect(maxAgeOf({ 'cache-control': 'max-age=15' })).toBe(15);
    expect(maxAgeOf({ 'cache-control': 'no-transform, max-age=7' })).toBe(7);
    expect(maxAgeOf({ 'cache-control': 's-max-age=7' })).toBe(0);
    expect(maxAgeOf({ 'cache-control': 'max-age=-1' })).toBe(0);
  });
});

const fixture = await useApi();

describe('many pages that show one task', () => {
  async function statements(name: string): Promise<number> {
    const text = await (await fetch(`${fixture.api.url}/metrics`)).text();
    const [, count = '0'] =
      new RegExp(`_duration_seconds_count\\{[^}]*statement="${name}"[^}]*\\} (\\d+)`).exec(text) ?? [];
    return Number(count);
  }

  it('read it a few times, and each has what its own rights allow', async () => {
    const id = await fixture.submitOne(await fixture.workflow(diamond), { context: '{"secret":"of the customer"}' });
    const keys = await Promise.all([
      ...Array.from({ length: 5 }, () => fixture.key({ role: 'viewer', payload: false })),
      ...Array.from({ length: 5 }, () => fixture.key({ role: 'viewer', payload: true })),
      ...Array.from({ length: 5 }, () => fixture.key({ role: 'admin', payload: true, namespaces: ['elsewhere'] })),
    ]);
    await Promise.all(keys.map((key) => fixture.call('GET', '/v1/me', { key })));
    const before = await statements('find_task_scope');
    const replies = await Promise.all(
      Array.from({ length: 6 }, () => keys.map((key) => fixture.call('GET', `/v1/tasks/${id}`, { key }))).flat(),
    );
    expect((await statements('find_task_scope')) - before).toBeLessThanOrEqual(45);
    for (const [index, { status, text }] of replies.entries()) {
      const who = Math.floor((index % 15) / 5);
      expect(status).toBe(who === 2 ? 404 : 200);
      expect(text.includes('of the customer')).toBe(who === 1);
    }
  });

  it('see what was done before they asked, and nothing older', async () => {
    const key = await fixture.key();
    const workflow = await fixture.workflow(diamond);
    for (let turn = 0; turn < 2; turn += 1) {
      const id = await fixture.submitOne(workflow);
      let cancelled = false;
      const states: string[] = [];
      const readers = Array.from({ length: 10 }, async () => {
        for (let n = 0; n < 6; n += 1) {
          const sure = cancelled;
          const { body } = await fixture.call('GET', `/v1/tasks/${id}`, { key });
          if (sure) states.push(String(body['state']));
        }
      });
      await fixture.call('POST', `/v1/tasks/${id}:cancel`, { key, body: { reason: 'a test' } });
      cancelled = true;
      await Promise.all(readers);
      expect(new Set(states)).toEqual(new Set(['cancelled']));
    }
  });
});
