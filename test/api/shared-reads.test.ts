import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ReadPace } from '../../src/api/http/read-pace.ts';
import { maxAgeOf, SharedReads, shareKey, type ShareKey } from '../../src/api/http/shared-reads.ts';
import { principalOf } from '../../src/api/permissions.ts';
import type { Answer } from '../../src/api/route.ts';
import { diamond } from '../engine/engine-fixture.ts';
import { useApi } from './api-fixture.ts';

const forever = new AbortController().signal;
const thing = (name: string, form = ''): ShareKey => ({ thing: name, key: name + form });
const [A, B, C] = [thing('a'), thing('b'), thing('c')];
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
    const first = reads.read(A, strictly, work);
    const later = Array.from({ length: 50 }, () => reads.read(A, strictly, work));
    const other = reads.read(B, strictly, work);
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
    const first = reads.read(A, strictly, work);
    const gone = reads.read(A, { ...strictly, signal: leaving.signal }, work);
    const stays = reads.read(A, strictly, work);
    leaving.abort(new Error('gone'));
    await expect(gone).rejects.toThrow('gone');
    began[0]?.end();
    await first;
    await expect.poll(() => began.length).toBe(2);
    expect(began[1]?.signal.aborted).toBe(false);
    began[1]?.end();
    expect((await stays).body).toBe(1);

    const alone = new AbortController();
    const abandoned = reads.read(C, { ...strictly, signal: alone.signal }, work);
    const next = reads.read(C, strictly, work);
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
    const first = reads.read(A, strictly, work);
    const leaving = new AbortController();
    const gone = reads.read(A, { ...strictly, signal: leaving.signal }, work);
    leaving.abort(new Error('gone'));
    await expect(gone).rejects.toThrow('gone');
    const comes = reads.read(A, strictly, work);
    began[0]?.end();
    await first;
    await expect.poll(() => began.length).toBe(2);
    began[1]?.end();
    expect((await comes).body).toBe(1);
  });

  it('fail for all who share them, and not for those who come after', async () => {
    const reads = new SharedReads();
    const { began, work } = controlled();
    const first = reads.read(A, strictly, work);
    began[0]?.fail(new Error('broken'));
    await expect(first).rejects.toThrow('broken');
    const second = reads.read(A, strictly, work);
    began[1]?.end();
    expect((await second).body).toBe(1);
  });

  it('are of one moment for all forms of a thing, so that readers who have different ones do not stay apart', async () => {
    const reads = new SharedReads();
    const { began, work } = controlled();
    const first = reads.read(thing('a', '1'), strictly, work);
    const [one, two, three] = ['1', '2', '2'].map((form) => reads.read(thing('a', form), strictly, work));
    expect(began).toHaveLength(1);
    began[0]?.end();
    await first;
    await expect.poll(() => began.length).toBe(3);
    for (const { end } of began) end();
    expect([(await one)?.body, (await two)?.body, (await three)?.body]).toEqual([1, 2, 2]);
  });

  it('are kept for those alone who accept an age', async () => {
    const reads = new SharedReads();
    let reading = 0;
    const work = async (): Promise<Answer> => ({ body: (reading += 1), headers: { etag: '"x"' } });
    const aged = { signal: forever, maxAgeSeconds: 30 };
    expect(await reads.read(A, strictly, work)).toEqual({ body: 1, headers: { etag: '"x"' } });
    expect((await reads.read(A, aged, work)).body).toBe(2);
    expect(await reads.read(A, aged, work)).toEqual({ body: 2, headers: { etag: '"x"', age: '1' } });
    expect((await reads.read(A, strictly, work)).body).toBe(3);
    // What was kept is now what was read last.
    expect((await reads.read(A, aged, work)).body).toBe(3);
    expect((await reads.read(B, aged, work)).body).toBe(4);
  });

  it('are kept for all if they say that they were costly', async () => {
    const reads = new SharedReads();
    let reading = 0;
    const work = async (): Promise<Answer> => {
      await setTimeout(reading === 0 ? 100 : 0);
      return { body: (reading += 1), mayBeKept: reading === 1 };
    };
    await reads.read(A, strictly, work);
    expect(await reads.read(A, strictly, work)).toMatchObject({ body: 1, headers: { age: '1' } });
    expect((await reads.read(B, strictly, work)).body).toBe(2);
    expect((await reads.read(B, strictly, work)).body).toBe(3);
  });

  it('are kept no longer when somebody has changed something, nor is what was being read meanwhile', async () => {
    const reads = new SharedReads();
    const { began, work } = controlled();
    const aged = { signal: forever, maxAgeSeconds: 30 };
    const kept = reads.read(A, aged, work);
    began[0]?.end();
    await kept;
    expect((await reads.read(A, aged, work)).body).toBe(0);
    const underWay = reads.read(B, aged, work);
    reads.forget();
    began[1]?.end();
    expect((await underWay).body).toBe(1);
    const anew = [reads.read(A, aged, work), reads.read(B, aged, work)];
    await expect.poll(() => began.length).toBe(4);
    for (const { end } of began) end();
    expect((await Promise.all(anew)).map(({ body }) => body)).toEqual([2, 3]);
    expect((await reads.read(A, aged, work)).body).toBe(2);
  });
});

describe('the pace of reads', () => {
  /** Reads of `ms` each, `perSecond` of them, for some seconds; returns the pause after one of a millisecond. */
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
        return pace.pauseFor(1);
      },
      nothing: (seconds: number): number => ((now += seconds * 1000), pace.pauseFor(1)),
    };
  }

  it('has no pause while reading takes 20 ms of a second', () => {
    const { pace, reads } = paced();
    expect(pace.pauseFor(100)).toBe(0);
    expect(reads(60, 10, 1.9)).toBe(0);
  });

  it('has a longer pause each second in which it takes more, and none again soon after', () => {
    const { reads, nothing } = paced();
    expect(reads(1, 50, 10)).toBe(100);
    expect(reads(1, 50, 10)).toBe(200);
    expect(reads(60, 50, 10)).toBe(2000);
    // Neither more nor less between the half and the whole of its share.
    expect(reads(10, 10, 1.5)).toBe(2000);
    expect(reads(3, 10, 0.5)).toBe(800);
    expect(nothing(6)).toBe(0);
  });

  it('is in proportion to what a read takes, and so is how long an answer is kept that may be old', () => {
    const { pace, reads } = paced();
    expect([pace.keptFor(20), pace.keptFor(1000)]).toEqual([2000, 15_000]);
    reads(4, 50, 10);
    expect([pace.pauseFor(0.1), pace.pauseFor(2), pace.pauseFor(20)]).toEqual([80, 1600, 2000]);
    expect([pace.keptFor(1), pace.keptFor(20), pace.keptFor(1000)]).toEqual([800, 15_000, 15_000]);
  });

  it('puts off the next read of the same thing, and nothing else', async () => {
    const pace = new ReadPace();
    const reads = new SharedReads(pace);
    const at: Record<string, number[]> = { a: [], b: [] };
    const work = (key: string) => async (): Promise<Answer> => {
      at[key]?.push(performance.now());
      await setTimeout(5);
      return { body: at[key]?.length };
    };
    pace.took(1e6);
    await setTimeout(1050);
    expect(pace.pauseFor(1)).toBe(100);
    expect((await reads.read(A, strictly, work('a'))).body).toBe(1);
    const again = reads.read(A, strictly, work('a'));
    await reads.read(B, strictly, work('b'));
    expect((await again).body).toBe(2);
    const [first = 0, second = 0] = at['a'] ?? [];
    expect(second - first).toBeGreaterThan(200);
    expect(at['b']?.[0]).toBeLessThan(second);
  });
});

describe('what two may share', () => {
  const viewer = principalOf({ id: 'a', name: 'a', role: 'viewer' });
  const shared = (principal: typeof viewer, url = '/v1/tasks', headers = {}) =>
    shareKey('listTasks', url, headers, principal);
  const keyOf = (...given: Parameters<typeof shared>): string => shared(...given).key;

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

  it('is the same for all whose browsers take gzip, whatever else each of them takes', () => {
    const of = (encodings: string): string => keyOf(viewer, '/v1/tasks', { 'accept-encoding': encodings });
    expect(of('gzip, deflate, br, zstd')).toBe(of('br, gzip'));
    expect(of('gzip;q=0, br')).toBe(keyOf(viewer));
  });

  it('is one thing for readers who have different versions of it', () => {
    const thingOf = (url: string, headers = {}): string => shared(viewer, url, headers).thing;
    const states = '/v1/tasks/1/states';
    const same = [
      thingOf(`${states}?since=7`),
      thingOf(`${states}?since=8`),
      thingOf(`${states}?since=8`, { 'if-none-match': '"1"' }),
    ];
    expect(new Set(same).size).toBe(1);
    expect(thingOf(`${states}?since=7&limit=1`)).toBe(thingOf(`${states}?since=8&limit=1`));
    expect(thingOf('/v1/tasks?limit=1')).not.toBe(thingOf('/v1/tasks?limit=2'));
    expect(shared(principalOf({ id: 'b', name: 'b', role: 'operator' })).thing).not.toBe(shared(viewer).thing);
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
