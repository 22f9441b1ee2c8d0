import { expect } from 'vitest';
import { cancel } from '../../../src/engine/cancel.ts';
import { recoverClaims } from '../../../src/engine/recover.ts';
import { releaseHeldStep } from '../../../src/engine/release-held.ts';
import { release } from '../../../src/engine/release.ts';
import type { Scenario } from './scenario.ts';

/** Recovery of a dead worker against everything that its worker, others and operators may do at the same time. */
export const RECOVERY_SCENARIOS: readonly Scenario[] = [
  {
    name: 'fail / recover',
    workflow: 'diamond',
    arrange: async (s) => {
      const steps = await s.begin();
      await s.expireLease(s.w1);
      return [(db) => s.fail(db, s.w1, steps), (db) => s.recover(db)];
    },
    afterwards: async (s) => expect((await s.stateOf(1)).attempts).toBe(1),
    endStates: ['complete'],
  },
  {
    name: 'complete / recover',
    workflow: 'diamond',
    arrange: async (s) => {
      const steps = await s.begin();
      await s.expireLease(s.w1);
      return [(db) => s.complete(db, s.w1, steps, 1), (db) => s.recover(db)];
    },
    afterwards: async (s) => expect((await s.stateOf(1)).attempts).toBe(1),
    endStates: ['complete'],
  },
  {
    name: 'complete by a zombie / recover, claim and complete by another',
    workflow: 'diamond',
    arrange: async (s) => {
      const steps = await s.begin();
      await s.expireLease(s.w1);
      return [
        (db) => s.complete(db, s.w1, steps),
        async (db) => {
          await s.recover(db);
          const again = await s.claim(db, s.w2);
          return s.complete(db, s.w2, again);
        },
      ];
    },
    // The zombie's completion locks the row before it finds that the claim is lost; a claim at that moment skips the row.
    afterwards: async (s) =>
      expect([
        { state: 'complete', attempts: 1 },
        { state: 'complete', attempts: 2 },
        { state: 'pending', attempts: 1 },
      ]).toContainEqual(await s.stateOf(1)),
    endStates: ['complete'],
    found: [[1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1]],
  },
  {
    name: 'release / recover',
    workflow: 'diamond',
    arrange: async (s) => {
      const steps = await s.begin();
      await s.expireLease(s.w1);
      return [(db) => release(db, { workerId: s.w1, steps }), (db) => s.recover(db)];
    },
    afterwards: async (s) => expect((await s.stateOf(1)).state).toBe('pending'),
    endStates: ['complete'],
  },
  {
    name: 'release by an operator / recover',
    workflow: 'diamond',
    arrange: async (s) => {
      await s.begin();
      await s.expireLease(s.w1);
      return [(db) => releaseHeldStep(db, s.taskId, 'a', { force: true }), (db) => s.recover(db)];
    },
    afterwards: async (s) => expect((await s.stateOf(1)).state).toBe('pending'),
    endStates: ['complete'],
  },
  {
    name: 'recovery of an abandoned outcome by its worker / recover',
    workflow: 'diamond',
    arrange: async (s) => {
      const [step] = await s.begin();
      await s.expireLease(s.w1);
      return [(db) => recoverClaims(db, [step?.claimId as string]), (db) => s.recover(db)];
    },
    afterwards: async (s) => {
      await s.recover(s.db);
      expect(await s.stateOf(1)).toEqual({ state: 'pending', attempts: 1 });
    },
    endStates: ['complete'],
  },
  {
    name: 'recover / recover',
    workflow: 'diamond',
    arrange: async (s) => {
      await s.begin();
      await s.expireLease(s.w1);
      return [(db) => s.recover(db), (db) => s.recover(db)];
    },
    afterwards: async (s) => {
      await s.recover(s.db);
      expect(await s.stateOf(1)).toEqual({ state: 'pending', attempts: 1 });
    },
    endStates: ['complete'],
  },
  {
    name: 'claim by a process whose lease is being ended / recover',
    workflow: 'diamond',
    arrange: async (s) => {
      await s.expireLease(s.w1);
      return [(db) => s.claim(db, s.w1), (db) => s.recover(db)];
    },
    endStates: ['complete'],
  },
  {
    name: 'recover / cancel',
    workflow: 'diamond',
    arrange: async (s) => {
      await s.begin();
      await s.expireLease(s.w1);
      return [(db) => s.recover(db), (db) => cancel(db, s.taskId)];
    },
    endStates: ['cancelled'],
  },
];
