import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FleetReads } from '../../src/api/fleet-reads.ts';
import { ReadPace } from '../../src/api/http/read-pace.ts';
import type { Executor } from '../../src/db/connections/database.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());
const pass = (ms: number): unknown => vi.advanceTimersByTime(ms);

/** Statements as they are sent; each returns what is paused at its begin, and the number of the statement, when it ends. */
function reads() {
  const sent: { name: string; end(): void; fail(): void }[] = [];
  const state = { paused: 'nothing', atOnce: true };
  const run = (({ name }: { name: string }) => {
    const { promise, resolve, reject } = Promise.withResolvers<object[]>();
    const { paused } = state;
    const number = sent.length + 1;
    const end = (): void =>
      resolve([
        {
          pauses_version: paused,
          ...(name === 'read_pauses_version' ? {} : { queues: [{ queue: paused, ready: number }] }),
          ...(name.startsWith('read_fleet') ? { fleet: { workers: number } } : {}),
          ...(name === 'read_fleet_and_unserved' ? { unserved: [{ ready: number }] } : {}),
        },
      ]);
    sent.push({ name, end, fail: () => reject(new Error('the database is away')) });
    if (state.atOnce) end();
    return promise;
  }) as unknown as Executor['run'];
  const fleet = new FleetReads({ run } as Executor, new ReadPace());
  const names = (): string[] => sent.splice(0).map(({ name }) => name);
  return { fleet, sent, state, names };
}

describe('what is read of the fleet', () => {
  it('is one statement a second at most, whatever is asked for', async () => {
    const { fleet, names } = reads();
    for (let ms = 0; ms < 60_000; ms += 20) {
      await Promise.all([fleet.queues(), fleet.fleet(), fleet.pausesVersion(), fleet.queues()]);
      pass(20);
    }
    const all = names();
    expect(all.length).toBeLessThanOrEqual(60);
    expect(all.length).toBeGreaterThan(40);
    const overviews = all.filter((name) => name.startsWith('read_fleet')).length;
    expect([overviews > 10, overviews <= 17, all.filter((name) => name.endsWith('unserved')).length <= 5]).toEqual([
      true,
      true,
      true,
    ]);
  });

  it('is not what nobody has asked for since it was read', async () => {
    const { fleet, names } = reads();
    await fleet.fleet();
    for (let seconds = 0; seconds < 20; seconds += 2) {
      pass(2000);
      await fleet.pausesVersion();
    }
    expect(names()).toEqual(['read_fleet_and_unserved', ...Array.from({ length: 10 }, () => 'read_pauses_version')]);
  });

  it('is read once for all who ask at a moment, and none of them waits for a second statement', async () => {
    const { fleet, names } = reads();
    const found = await Promise.all([fleet.fleet(), fleet.fleet(), fleet.queues(), fleet.pausesVersion()]);
    expect(names()).toEqual(['read_fleet_and_unserved']);
    expect(found).toMatchObject([{ workers: 1, unserved: [{ ready: 1 }] }, { workers: 1 }, [{ ready: 1 }], 'nothing']);
  });

  it('has what is not read each time from before', async () => {
    const { fleet, names } = reads();
    await fleet.fleet();
    pass(6000);
    expect(await fleet.fleet()).toMatchObject({ workers: 2, queues: [{ ready: 2 }], unserved: [{ ready: 1 }] });
    expect(names()).toEqual(['read_fleet_and_unserved', 'read_fleet']);
  });
});

describe('a pause', () => {
  it('through this process is seen by whoever asks after it, at once', async () => {
    const { fleet, state } = reads();
    await Promise.all([fleet.fleet(), fleet.queues()]);
    state.paused = 'default';
    expect(await fleet.queues()).toMatchObject([{ queue: 'nothing' }]);
    fleet.forget();
    expect(await fleet.queues()).toMatchObject([{ queue: 'default' }]);
    expect(await fleet.fleet()).toMatchObject({ queues: [{ queue: 'default' }] });
    expect(await fleet.pausesVersion()).toBe('default');
  });

  it('is not hidden by what was being read before it', async () => {
    const { fleet, sent, state } = reads();
    state.atOnce = false;
    const before = fleet.queues();
    state.paused = 'default';
    fleet.forget();
    const after = fleet.queues();
    state.atOnce = true;
    // The later one ends first.
    for (const { end } of sent.toReversed()) end();
    expect(await before).toMatchObject([{ queue: 'nothing' }]);
    expect(await after).toMatchObject([{ queue: 'default' }]);
    expect(await fleet.queues()).toMatchObject([{ queue: 'default' }]);
  });

  it('through another process is seen a little more than a second later', async () => {
    const { fleet, state } = reads();
    await Promise.all([fleet.fleet(), fleet.queues()]);
    state.paused = 'default';
    pass(1100);
    expect(await fleet.queues()).toMatchObject([{ queue: 'nothing' }]);
    pass(200);
    expect(await fleet.fleet()).toMatchObject({ queues: [{ queue: 'default' }] });
    expect(await fleet.queues()).toMatchObject([{ queue: 'default' }]);
  });

  it('is seen after three seconds if reading is slow, whatever is kept', async () => {
    const { fleet, sent, state } = reads();
    state.atOnce = false;
    const slow = fleet.queues();
    pass(1000);
    sent[0]?.end();
    await slow;
    state.atOnce = true;
    pass(500);
    state.paused = 'default';
    await fleet.queues();
    pass(2600);
    expect(await fleet.queues()).toMatchObject([{ queue: 'default' }]);
  });
});

it('a statement that fails is that of those who wait for it, and the next to ask sends another one', async () => {
  const { fleet, sent, state } = reads();
  state.atOnce = false;
  const asked = [fleet.queues(), fleet.fleet()].map((one) => one.catch((error: Error) => error.message));
  expect(sent.length).toBeGreaterThan(0);
  for (const { fail } of sent) fail();
  expect(await Promise.all(asked)).toContain('the database is away');
  state.atOnce = true;
  expect(await fleet.queues()).toMatchObject([{ queue: 'nothing' }]);
});
