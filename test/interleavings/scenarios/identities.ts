import { expect } from 'vitest';
import { cancel } from '../../../src/engine/cancel.ts';
import { resolveStep } from '../../../src/engine/resolve.ts';
import { retry } from '../../../src/engine/retry.ts';
import { inError } from './arrange.ts';
import type { Scenario } from './scenario.ts';

interface Result {
  outcome: string;
  taskId?: string;
}

/** Submits that let a new task take over an identity, against each other and against operators. */
export const IDENTITY_SCENARIOS: readonly Scenario[] = [
  {
    name: 'submit / submit of an identity that is used again',
    workflow: 'diamond',
    arrange: async (s) => {
      await cancel(s.db, s.taskId);
      return [(db) => s.submit(db, s.identity, 'afterEnd'), (db) => s.submit(db, s.identity, 'afterEnd')];
    },
    afterwards: (s, results) => {
      const [one, other] = (results as Result[][]).map((result) => result[0]);
      expect(one?.taskId).toBe(other?.taskId);
      expect(one?.taskId).not.toBe(s.taskId);
      expect([one?.outcome, other?.outcome].toSorted()).toEqual(['created', 'existing']);
    },
    endStates: ['cancelled'],
  },
  {
    name: 'submit of a third task / submit of a third task of an identity',
    workflow: 'diamond',
    arrange: async (s) => {
      await cancel(s.db, s.taskId);
      const [second] = await s.submit(s.db, s.identity, 'afterEnd');
      await cancel(s.db, second?.taskId as string);
      return [(db) => s.submit(db, s.identity, 'afterEnd'), (db) => s.submit(db, s.identity, 'afterFailure')];
    },
    afterwards: (_, results) => {
      const outcomes = (results as Result[][]).map((result) => result[0]?.outcome);
      expect(outcomes.toSorted()).toEqual(['created', 'existing']);
    },
    endStates: ['cancelled'],
  },
  {
    name: 'submit of an identity that is used again / retry by an operator',
    workflow: 'diamond',
    arrange: async (s) => {
      await inError(s);
      return [(db) => s.submit(db, s.identity, 'afterFailure'), (db) => retry(db, s.taskId)];
    },
    afterwards: (s, [submitted, retried]) => expectOne(s.taskId, submitted, retried, 'retried'),
    // B holds the lock of the task and has found no successor; only that lock keeps A from creating one.
    found: [[1, 1, 1, 1, 1, 1]],
    endStates: ['error', 'complete'],
  },
  {
    name: 'submit of an identity that is used again / resolve by an operator',
    workflow: 'diamond',
    arrange: async (s) => {
      await inError(s);
      return [(db) => s.submit(db, s.identity, 'afterFailure'), (db) => resolveStep(db, s.taskId, 'b')];
    },
    afterwards: (s, [submitted, resolved]) => expectOne(s.taskId, submitted, resolved, 'resolved'),
    // B holds the lock of the task and has found no successor; only that lock keeps A from creating one.
    found: [[1, 1, 1, 1, 1, 1]],
    endStates: ['error', 'complete'],
  },
];

/** Either a new task was created and the old one stays in error, or the old one goes on and there is no new one. */
function expectOne(taskId: string, submitted: unknown, operator: unknown, done: string): void {
  const [task] = submitted as Result[];
  const { outcome } = operator as Result;
  if (task?.outcome === 'created') expect(outcome).toBe('superseded');
  else expect([task?.outcome, task?.taskId, outcome]).toEqual(['existing', taskId, done]);
}
