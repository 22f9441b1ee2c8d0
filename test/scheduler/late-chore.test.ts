import { expect, it } from 'vitest';
import type { Chore } from '../../src/scheduler/chore.ts';
import { databaseIntervalMs, INTERVALS_MS, promotionIntervalMs } from '../../src/scheduler/chore-intervals.ts';
import * as chores from '../../src/scheduler/chores/index.ts';
import { lateChore } from '../../src/scheduler/late-chore.ts';

const own = { name: 'own', intervalMs: 5 };

it('is made by its first round, with the code of all, and once', async () => {
  let made = 0;
  let rounds = 0;
  const chore = lateChore('own', 5, (found) => {
    expect(found.watchClock).toBe(chores.watchClock);
    made += 1;
    return { ...own, run: async () => ({ done: (rounds += 1), more: true }) };
  });
  expect(chore).toMatchObject(own);
  expect(made).toBe(0);
  expect(await chore.run()).toEqual({ done: 1, more: true });
  expect(await chore.run()).toEqual({ done: 2, more: true });
  expect(made).toBe(1);
});

it('that cannot be made fails in its round, and tries again in the next', async () => {
  let tries = 0;
  const chore = lateChore('own', 5, () => {
    tries += 1;
    if (tries === 1) throw new Error('not now');
    return { ...own, run: async () => ({ done: 0, more: false }) };
  });
  await expect(chore.run()).rejects.toThrow('not now');
  expect(await chore.run()).toEqual({ done: 0, more: false });
});

it('chores run at the intervals under whose names a scheduler has them', () => {
  const any = {} as never;
  const made: Chore[] = [
    chores.checkRights(any),
    chores.countRuns(any, any, any),
    chores.extendHistoryAhead(any),
    chores.keepActs(any),
    chores.keepDirectory(any, any),
    chores.maintain(any),
    chores.mergeOldHistory(any),
    chores.pruneOldAudit({ settings: { auditKeep: 'forever', auditKeepReads: 'forever' } } as never),
    chores.removeDueTasks(any),
    chores.runOperations(any),
    chores.watchClock(any),
  ];
  expect(Object.fromEntries(made.map(({ name, intervalMs }) => [name, intervalMs]))).toEqual(INTERVALS_MS);
  expect(chores.measureDatabase(any, any, 100).intervalMs).toBe(databaseIntervalMs(100));
  expect(chores.promoteWaiting({ afterSeconds: 60 } as never).intervalMs).toBe(promotionIntervalMs(60));
});
