import { expect } from 'vitest';
import { promote } from '../../../src/engine/promote.ts';
import { enqueueDueRetries } from '../../../src/engine/enqueue-due-retries.ts';
import { claimAndRelease, claimFailAndEnqueue, lengths } from './arrange.ts';
import type { Scenario } from './scenario.ts';

/** Claims, enqueued retries and submits against each other. */
export const CLAIM_SCENARIOS: readonly Scenario[] = [
  {
    name: 'claim / claim of one ready step',
    workflow: 'diamond',
    arrange: async (s) => [(db) => s.claim(db, s.w1), (db) => s.claim(db, s.w2)],
    afterwards: async (s, results) => {
      expect(lengths(results)).toBe(1);
      expect(await s.stateOf(1)).toEqual({ state: 'in_progress', attempts: 1 });
    },
    endStates: ['complete'],
  },
  {
    name: 'claim / claim of the two roots of one task',
    workflow: 'pair',
    arrange: async (s) => [(db) => s.claim(db, s.w1), (db) => s.claim(db, s.w2)],
    afterwards: (_, results) => expect(lengths(results)).toBeGreaterThanOrEqual(1),
    endStates: ['complete'],
  },
  {
    name: 'claim / claim and release',
    workflow: 'diamond',
    arrange: async (s) => [(db) => s.claim(db, s.w1), claimAndRelease(s)],
    // A has its snapshot, B claims and releases: the step is ready as in A's snapshot, with two transitions that A cannot see.
    found: [[0, 1, 1, 1, 1, 1, 1, 0, 0]],
    endStates: ['complete'],
  },
  {
    name: 'claim / claim, fail and enqueue the retry',
    workflow: 'diamond',
    arrange: async (s) => [(db) => s.claim(db, s.w1), claimFailAndEnqueue(s)],
    found: [[0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]],
    endStates: ['complete'],
  },
  {
    name: 'claim / promote / claim and release',
    workflow: 'pair',
    arrange: async (s) => {
      await s.test.query(
        `UPDATE tasker.tasker_workflow_steps SET priority = 3
         WHERE workflow_step_id = (SELECT min(workflow_step_id) FROM tasker.tasker_workflow_steps)`,
      );
      return [(db) => s.claim(db, s.w1), (db) => promote(db, { afterSeconds: 0 }), claimAndRelease(s)];
    },
    endStates: ['complete'],
  },
  {
    name: 'enqueue due retries / the same, then claim and fail',
    workflow: 'diamond',
    arrange: async (s) => {
      await s.fail(s.db, s.w1, await s.begin());
      return [
        (db) => enqueueDueRetries(db),
        async (db) => {
          await enqueueDueRetries(db);
          const steps = await s.claim(db, s.w2);
          if (steps.length > 0) await s.fail(db, s.w2, steps);
        },
      ];
    },
    endStates: ['complete'],
  },
  {
    name: 'enqueue due retries / enqueue due retries',
    workflow: 'diamond',
    arrange: async (s) => {
      await s.fail(s.db, s.w1, await s.begin());
      return [(db) => enqueueDueRetries(db), (db) => enqueueDueRetries(db)];
    },
    afterwards: async (s) => {
      await enqueueDueRetries(s.db);
      expect(await s.stateOf(1)).toEqual({ state: 'pending', attempts: 1 });
    },
    endStates: ['complete'],
  },
  {
    name: 'submit / submit with one identity',
    workflow: 'pair',
    arrange: async (s) => [(db) => s.submit(db, 'the same'), (db) => s.submit(db, 'the same')],
    afterwards: (_, results) => {
      const [one, other] = (results as { outcome: string; taskId: string }[][]).map((r) => r[0]);
      expect(one?.taskId).toBe(other?.taskId);
      expect([one?.outcome, other?.outcome].toSorted()).toEqual(['created', 'existing']);
    },
    endStates: ['complete'],
  },
];
