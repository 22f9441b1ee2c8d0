import { expect } from 'vitest';
import { heartbeat } from '../../../src/db/statements/workers/workers.ts';
import { sealActs } from '../../../src/engine/audit.ts';
import { cancel } from '../../../src/engine/cancel.ts';
import type { ClaimedStep } from '../../../src/engine/claim.ts';
import { pause, type PauseOutcome, resume, type ResumeOutcome } from '../../../src/engine/pause.ts';
import { purge } from '../../../src/engine/purge.ts';
import { rerun, type RerunOutcome } from '../../../src/engine/rerun.ts';
import { retry } from '../../../src/engine/retry.ts';
import type { Scene } from '../scene.ts';
import { inError } from './arrange.ts';
import type { Scenario } from './scenario.ts';

const QUEUE = { kind: 'queue', name: 'default' } as const;

/** Reruns, pauses and the sealing of the audit. */
export const ACT_SCENARIOS: readonly Scenario[] = [
  {
    name: 'rerun / rerun of one task',
    workflow: 'diamond',
    arrange: async (s) => {
      await inError(s);
      return [(db) => rerun(db, s.taskId, {}), (db) => rerun(db, s.taskId, { from: ['b'] })];
    },
    afterwards: (s, results) => {
      const made = (results as RerunOutcome[]).map(created);
      expect(made.map(({ ordinal }) => ordinal).toSorted()).toEqual([1, 2]);
      expect(new Set([s.taskId, ...made.map(({ taskId }) => taskId)]).size).toBe(3);
    },
    endStates: ['error'],
  },
  {
    name: 'rerun from a step / retry of the task',
    workflow: 'diamond',
    arrange: async (s) => {
      await inError(s);
      return [(db) => rerun(db, s.taskId, { from: ['b'] }), (db) => retry(db, s.taskId)];
    },
    // The retry is done in any case. A rerun behind it is refused: the task goes on by itself.
    afterwards: (_, [again, retried]) => {
      expect(retried).toMatchObject({ outcome: 'retried' });
      const outcome = again as RerunOutcome;
      if (outcome.outcome === 'created') expect(outcome.takenOver.toSorted()).toEqual(['a', 'c']);
      else expect(outcome).toMatchObject({ outcome: 'refused' });
    },
    endStates: ['complete'],
  },
  {
    name: 'rerun / purge of the task',
    workflow: 'diamond',
    arrange: async (s) => {
      await cancel(s.db, s.taskId);
      return [(db) => rerun(db, s.taskId, {}), (db) => purge(db, [s.taskId], { open: true })];
    },
    afterwards: async (s, [again]) => {
      const { outcome } = again as RerunOutcome;
      expect(['created', 'not_found']).toContain(outcome);
      expect(await s.test.query('SELECT FROM tasker.tasker_tasks')).toHaveLength(outcome === 'created' ? 1 : 0);
    },
    endStates: ['missing'],
  },
  {
    name: 'seal / seal',
    workflow: 'pair',
    arrange: async (s) => {
      await actsToSeal(s);
      return [(db) => sealActs(db), (db) => sealActs(db)];
    },
    afterwards: (_, results) =>
      expect((results as { sealed: number }[]).map(({ sealed }) => sealed).toSorted()).toEqual([0, 2]),
    endStates: ['complete'],
  },
  {
    name: 'seal / an act',
    workflow: 'pair',
    arrange: async (s) => {
      await actsToSeal(s);
      return [(db) => sealActs(db), (db) => cancel(db, s.taskId)];
    },
    // Those that were there are sealed; the new one with them, or in the next round.
    afterwards: async (s, [sealed]) => {
      const first = (sealed as { sealed: number }).sealed;
      expect(first).toBeGreaterThanOrEqual(2);
      expect(first + (await sealActs(s.db)).sealed).toBe(3);
    },
    endStates: ['cancelled'],
  },
  {
    name: 'pause / claim of a worker that reads what is paused',
    workflow: 'pair',
    arrange: async (s) => [
      (db) => pause(db, QUEUE, {}),
      async (db) => {
        const [row] = await db.run(heartbeat, { worker_id: s.w1, busy_slots: 0, draining: false });
        const text = row?.pauses ?? null;
        return { text, claimed: text === null ? await s.claim(db, s.w1, 2) : [] };
      },
      (db) => s.claim(db, s.w2, 2),
    ],
    // One that has not read it yet still claims; what it claimed goes on, and nobody claims the same step.
    afterwards: async (s, [paused, reader, late]) => {
      expect(paused).toMatchObject({ outcome: 'paused' });
      const { text, claimed } = reader as { text: string | null; claimed: ClaimedStep[] };
      if (text !== null) expect([text, claimed]).toEqual(['[["queue", "default", null]]', []]);
      const steps = [...claimed, ...(late as ClaimedStep[])].map(({ stepId }) => stepId);
      expect(new Set(steps).size).toBe(2);
      expect(steps).toHaveLength(2);
      expect(await resume(s.db, QUEUE, {})).toEqual({ outcome: 'resumed' });
    },
    endStates: ['complete'],
  },
  {
    name: 'pause / resume',
    workflow: 'pair',
    arrange: async (s) => {
      await pause(s.db, QUEUE, {});
      return [(db) => pause(db, QUEUE, { reason: 'again' }), (db) => resume(db, QUEUE, {})];
    },
    // Whoever was last decides, and each outcome says what was done.
    afterwards: async (s, [paused, resumed]) => {
      expect((resumed as ResumeOutcome).outcome).toBe('resumed');
      const [row] = await s.db.run(heartbeat, { worker_id: s.w1, busy_slots: 0, draining: false });
      expect(row?.pauses === null).toBe((paused as PauseOutcome).outcome === 'extended');
      await resume(s.db, QUEUE, {});
    },
    endStates: ['complete'],
  },
  {
    name: 'pause / pause of one queue',
    workflow: 'pair',
    arrange: async () => [(db) => pause(db, QUEUE, {}), (db) => pause(db, QUEUE, { seconds: 3600 })],
    afterwards: async (s, results) => {
      expect((results as PauseOutcome[]).map(({ outcome }) => outcome).toSorted()).toEqual(['extended', 'paused']);
      expect(await s.test.query('SELECT FROM tasker.tasker_pauses')).toHaveLength(1);
      await resume(s.db, QUEUE, {});
    },
    endStates: ['complete'],
  },
];

function created(outcome: RerunOutcome): Extract<RerunOutcome, { outcome: 'created' }> {
  if (outcome.outcome !== 'created') throw new Error(`not created: ${JSON.stringify(outcome)}`);
  return outcome;
}

/** Two acts without a place in the chain; all earlier ones have theirs. */
async function actsToSeal(s: Scene): Promise<void> {
  while ((await sealActs(s.db)).sealed > 0);
  await pause(s.db, QUEUE, {});
  await resume(s.db, QUEUE, {});
}
