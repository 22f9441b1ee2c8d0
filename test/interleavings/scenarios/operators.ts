import { expect } from 'vitest';
import { cancel } from '../../../src/engine/cancel.ts';
import { releaseHeldStep } from '../../../src/engine/release-held.ts';
import { enqueueDueRetries } from '../../../src/engine/enqueue-due-retries.ts';
import { resolveStep, resolveTask } from '../../../src/engine/resolve.ts';
import { retry } from '../../../src/engine/retry.ts';
import { finalizeUnfinalized } from '../../../src/engine/finalize.ts';
import { blockedB, inError } from './arrange.ts';
import type { Scenario } from './scenario.ts';

/** Actions of operators against each other and against workers. */
export const OPERATOR_SCENARIOS: readonly Scenario[] = [
  {
    name: 'release by an operator / cancel',
    workflow: 'diamond',
    arrange: async (s) => {
      await s.begin();
      return [(db) => releaseHeldStep(db, s.taskId, 'a', { force: true }), (db) => cancel(db, s.taskId)];
    },
    endStates: ['cancelled'],
  },
  {
    name: 'complete / release by an operator, then claim',
    workflow: 'diamond',
    arrange: async (s) => {
      const steps = await s.begin();
      return [
        (db) => s.complete(db, s.w1, steps),
        async (db) => {
          await releaseHeldStep(db, s.taskId, 'a', { force: true });
          return s.claim(db, s.w2);
        },
      ];
    },
    endStates: ['complete'],
  },
  {
    name: 'complete / cancel',
    workflow: 'diamond',
    arrange: async (s) => {
      const steps = await s.begin();
      return [(db) => s.complete(db, s.w1, steps, 1), (db) => cancel(db, s.taskId)];
    },
    endStates: ['cancelled'],
  },
  {
    name: 'complete of the last sink / cancel',
    workflow: 'pair',
    arrange: async (s) => {
      const steps = await s.begin();
      return [(db) => s.complete(db, s.w1, steps), (db) => cancel(db, s.taskId)];
    },
    endStates: ['complete', 'cancelled'],
  },
  {
    name: 'claim / cancel',
    workflow: 'diamond',
    arrange: async (s) => [(db) => s.claim(db, s.w1), (db) => cancel(db, s.taskId)],
    endStates: ['cancelled'],
  },
  {
    name: 'enqueue due retries / cancel',
    workflow: 'diamond',
    arrange: async (s) => {
      await s.fail(s.db, s.w1, await s.begin());
      return [(db) => enqueueDueRetries(db), (db) => cancel(db, s.taskId)];
    },
    endStates: ['cancelled'],
  },
  {
    name: 'enqueue due retries / retry by an operator',
    workflow: 'diamond',
    arrange: async (s) => {
      await s.fail(s.db, s.w1, await s.begin());
      return [(db) => enqueueDueRetries(db), (db) => retry(db, s.taskId)];
    },
    endStates: ['complete'],
  },
  {
    name: 'retry / complete of the last running step',
    workflow: 'diamond',
    arrange: async (s) => {
      const c = await blockedB(s);
      return [(db) => retry(db, s.taskId), (db) => s.complete(db, s.w2, [c])];
    },
    endStates: ['complete'],
  },
  {
    name: 'retry / retry',
    workflow: 'diamond',
    arrange: async (s) => {
      await inError(s);
      return [(db) => retry(db, s.taskId), (db) => retry(db, s.taskId)];
    },
    endStates: ['complete'],
  },
  {
    name: 'finalize / retry',
    workflow: 'diamond',
    arrange: async (s) => {
      const c = await blockedB(s);
      await s.complete(s.db, s.w1, [c]);
      await s.test.query(`UPDATE tasker.tasker_tasks SET state = 'in_progress', sort_key = 1 WHERE task_id = $1`, [
        s.taskId,
      ]);
      await s.test.query(`DELETE FROM tasker.tasker_task_transitions WHERE task_id = $1 AND sort_key = 2`, [s.taskId]);
      await s.test.query(`UPDATE tasker.tasker_task_transitions SET most_recent = true WHERE task_id = $1`, [s.taskId]);
      return [(db) => finalizeUnfinalized(db), (db) => retry(db, s.taskId)];
    },
    endStates: ['complete'],
  },
  {
    name: 'resolve / complete of the other parent',
    workflow: 'diamond',
    arrange: async (s) => {
      const c = await blockedB(s);
      return [(db) => resolveStep(db, s.taskId, 'b', { result: '1' }), (db) => s.complete(db, s.w1, [c], 1)];
    },
    endStates: ['complete'],
  },
  {
    name: 'resolve / resolve of one step',
    workflow: 'diamond',
    arrange: async (s) => {
      await inError(s);
      return [(db) => resolveStep(db, s.taskId, 'b'), (db) => resolveStep(db, s.taskId, 'b')];
    },
    afterwards: (_, results) =>
      expect((results as { outcome: string }[]).map((r) => r.outcome).toSorted()).toEqual(['refused', 'resolved']),
    endStates: ['complete'],
  },
  {
    name: 'resolve / claim of a ready root',
    workflow: 'pair',
    arrange: async (s) => [(db) => resolveStep(db, s.taskId, 'x'), (db) => s.claim(db, s.w1, 2)],
    endStates: ['complete'],
  },
  {
    name: 'resolve of the task / retry',
    workflow: 'diamond',
    arrange: async (s) => {
      await inError(s);
      return [(db) => resolveTask(db, s.taskId), (db) => retry(db, s.taskId)];
    },
    endStates: ['complete', 'resolved_manually'],
  },
  {
    name: 'cancel / cancel',
    workflow: 'diamond',
    arrange: async (s) => {
      await s.begin();
      return [(db) => cancel(db, s.taskId), (db) => cancel(db, s.taskId)];
    },
    afterwards: (_, results) =>
      expect((results as { outcome: string }[]).map((r) => r.outcome).toSorted()).toEqual(['cancelled', 'refused']),
    endStates: ['cancelled'],
  },
];
