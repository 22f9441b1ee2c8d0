import { expect } from 'vitest';
import type { ClaimedStep } from '../../../src/engine/claim.ts';
import { finalizeUnfinalized } from '../../../src/engine/finalize.ts';
import { bAndC, lostOf } from './arrange.ts';
import type { Scenario } from './scenario.ts';

/** Completions and failures against each other. */
export const COMPLETION_SCENARIOS: readonly Scenario[] = [
  {
    name: 'complete / complete of two parents of one child',
    workflow: 'diamond',
    arrange: async (s) => {
      const [b, c] = await bAndC(s);
      return [(db) => s.complete(db, s.w1, [b]), (db) => s.complete(db, s.w2, [c])];
    },
    afterwards: async (s) => expect(await s.stateOf(4)).toEqual({ state: 'pending', attempts: 0 }),
    endStates: ['complete'],
  },
  {
    name: 'complete / complete of two parents, each claiming the child',
    workflow: 'diamond',
    arrange: async (s) => {
      const [b, c] = await bAndC(s);
      return [(db) => s.complete(db, s.w1, [b], 2), (db) => s.complete(db, s.w2, [c], 2)];
    },
    afterwards: async (s) => expect(await s.stateOf(4)).toEqual({ state: 'in_progress', attempts: 1 }),
    endStates: ['complete'],
  },
  {
    name: 'complete / complete of the last two sinks',
    workflow: 'pair',
    arrange: async (s) => {
      const [x, y] = (await s.begin()) as [ClaimedStep, ClaimedStep];
      return [(db) => s.complete(db, s.w1, [x]), (db) => s.complete(db, s.w2, [y])];
    },
    afterwards: async (s) => expect(await s.taskState()).toBe('complete'),
    endStates: ['complete'],
  },
  {
    name: 'complete / complete of one attempt, sent twice',
    workflow: 'diamond',
    arrange: async (s) => {
      const steps = await s.begin();
      return [(db) => s.complete(db, s.w1, steps), (db) => s.complete(db, s.w1, steps)];
    },
    afterwards: (_, results) => expect(results.map(lostOf).toSorted()).toEqual([0, 1]),
    endStates: ['complete'],
  },
  {
    name: 'complete / permanent failure of the last two running steps',
    workflow: 'diamond',
    arrange: async (s) => {
      const [b, c] = await bAndC(s);
      return [(db) => s.complete(db, s.w1, [b]), (db) => s.fail(db, s.w2, [c], { permanent: true })];
    },
    afterwards: async (s) => expect(await s.taskState()).toBe('error'),
    endStates: ['error'],
  },
  {
    name: 'permanent failure / permanent failure',
    workflow: 'diamond',
    arrange: async (s) => {
      const [b, c] = await bAndC(s);
      return [(db) => s.fail(db, s.w1, [b], { permanent: true }), (db) => s.fail(db, s.w2, [c], { permanent: true })];
    },
    afterwards: async (s) => expect(await s.taskState()).toBe('error'),
    endStates: ['error'],
  },
  {
    name: 'permanent failure and finalize / complete of the last running step',
    workflow: 'diamond',
    arrange: async (s) => {
      const [b, c] = await bAndC(s);
      return [
        async (db) => {
          await s.fail(db, s.w1, [b], { permanent: true });
          return finalizeUnfinalized(db);
        },
        (db) => s.complete(db, s.w1, [c]),
      ];
    },
    endStates: ['error'],
  },
];
