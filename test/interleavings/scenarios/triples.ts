import { cancel } from '../../../src/engine/cancel.ts';
import { enqueueDueRetries } from '../../../src/engine/enqueue-due-retries.ts';
import { resolveStep } from '../../../src/engine/resolve.ts';
import { retry } from '../../../src/engine/retry.ts';
import { bAndC, blockedB, claimAndRelease, claimFailAndEnqueue } from './arrange.ts';
import type { Scenario } from './scenario.ts';

/** Three verbs at once: they have too many interleavings to run all of them, so these are sampled. */
export const TRIPLES: readonly Scenario[] = [
  {
    name: 'complete / complete / cancel',
    workflow: 'diamond',
    arrange: async (s) => {
      const [b, c] = await bAndC(s);
      return [(db) => s.complete(db, s.w1, [b], 1), (db) => s.complete(db, s.w2, [c], 1), (db) => cancel(db, s.taskId)];
    },
    endStates: ['cancelled'],
  },
  {
    name: 'complete / permanent failure / retry',
    workflow: 'diamond',
    arrange: async (s) => {
      const [b, c] = await bAndC(s);
      return [
        (db) => s.complete(db, s.w1, [b]),
        (db) => s.fail(db, s.w2, [c], { permanent: true }),
        (db) => retry(db, s.taskId),
      ];
    },
    endStates: ['complete', 'error'],
  },
  {
    name: 'claim / claim and release / recover',
    workflow: 'diamond',
    arrange: async (s) => [(db) => s.claim(db, s.w1), claimAndRelease(s), (db) => s.recover(db)],
    endStates: ['complete'],
  },
  {
    name: 'complete by a zombie / recover / cancel',
    workflow: 'diamond',
    arrange: async (s) => {
      const steps = await s.begin();
      await s.expireLease(s.w1);
      return [(db) => s.complete(db, s.w1, steps, 1), (db) => s.recover(db), (db) => cancel(db, s.taskId)];
    },
    endStates: ['cancelled'],
  },
  {
    name: 'enqueue due retries / claim, fail and enqueue the retry / claim',
    workflow: 'diamond',
    arrange: async (s) => {
      await s.fail(s.db, s.w1, await s.begin());
      return [(db) => enqueueDueRetries(db), claimFailAndEnqueue(s), (db) => s.claim(db, s.w1)];
    },
    endStates: ['complete'],
  },
  {
    name: 'resolve / complete / retry',
    workflow: 'diamond',
    arrange: async (s) => {
      const c = await blockedB(s);
      return [
        (db) => resolveStep(db, s.taskId, 'b', { result: '1' }),
        (db) => s.complete(db, s.w1, [c], 1),
        (db) => retry(db, s.taskId),
      ];
    },
    endStates: ['complete'],
  },
];
