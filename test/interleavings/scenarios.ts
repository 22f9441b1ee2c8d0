import { expect } from 'vitest';
import type { Database } from '../../src/db/connections/database.ts';
import { cancel } from '../../src/engine/cancel.ts';
import { type ClaimedStep } from '../../src/engine/claim.ts';
import { promote } from '../../src/engine/promote.ts';
import { recoverClaims } from '../../src/engine/recover.ts';
import { releaseHeldStep } from '../../src/engine/release-held.ts';
import { release } from '../../src/engine/release.ts';
import { enqueueDueRetries } from '../../src/engine/enqueue-due-retries.ts';
import { resolveStep, resolveTask } from '../../src/engine/resolve.ts';
import { retry } from '../../src/engine/retry.ts';
import { finalizeUnfinalized } from '../../src/engine/finalize.ts';
import type { Schedule } from './explore.ts';
import type { Scene } from './scene.ts';

type Verb = (db: Database) => Promise<unknown>;

export interface Scenario {
  name: string;
  workflow: 'diamond' | 'pair';
  /** Sets the stage and answers the verbs that run against each other. */
  stage: (scene: Scene) => Promise<Verb[]>;
  /** What must hold beside the invariants once all verbs have returned; `results` are theirs. */
  afterwards?: (scene: Scene, results: unknown[]) => Promise<void> | void;
  /** Schedules that once broke an invariant: run every time. */
  found?: readonly Schedule[];
  /** The states that the task may be in after the heal. */
  ends: readonly string[];
}

const lengths = (results: unknown[]): number => (results as ClaimedStep[][]).reduce((sum, r) => sum + r.length, 0);
const lostOf = (result: unknown): number => (result as { lost: string[] }).lost.length;

/** Claims, then gives back: the step is ready again, two transitions later. */
const claimAndRelease =
  (scene: Scene): Verb =>
  async (db) => {
    const steps = await scene.claim(db, scene.w2);
    return release(db, { workerId: scene.w2, steps });
  };

/** Claims, fails without a backoff, and brings the step back to the queue. */
const claimFailRequeue =
  (scene: Scene): Verb =>
  async (db) => {
    const steps = await scene.claim(db, scene.w2);
    if (steps.length > 0) await scene.fail(db, scene.w2, steps);
    return enqueueDueRetries(db);
  };

async function bAndC(scene: Scene): Promise<[ClaimedStep, ClaimedStep]> {
  await scene.afterA();
  return (await scene.begin()) as [ClaimedStep, ClaimedStep];
}

/** b is blocked, c is running. */
async function blockedB(scene: Scene): Promise<ClaimedStep> {
  const [b, c] = await bAndC(scene);
  await scene.fail(scene.db, scene.w1, [b], { permanent: true });
  return c;
}

/** Task in error: b is blocked, c is done. */
async function stuck(scene: Scene): Promise<void> {
  const c = await blockedB(scene);
  await scene.complete(scene.db, scene.w1, [c]);
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'claim / claim of one ready step',
    workflow: 'diamond',
    stage: async (s) => [(db) => s.claim(db, s.w1), (db) => s.claim(db, s.w2)],
    afterwards: async (s, results) => {
      expect(lengths(results)).toBe(1);
      expect(await s.stateOf(1)).toEqual({ state: 'in_progress', attempts: 1 });
    },
    ends: ['complete'],
  },
  {
    name: 'claim / claim of the two roots of one task',
    workflow: 'pair',
    stage: async (s) => [(db) => s.claim(db, s.w1), (db) => s.claim(db, s.w2)],
    afterwards: (_, results) => expect(lengths(results)).toBeGreaterThanOrEqual(1),
    ends: ['complete'],
  },
  {
    name: 'claim / claim and release',
    workflow: 'diamond',
    stage: async (s) => [(db) => s.claim(db, s.w1), claimAndRelease(s)],
    // A has its snapshot, B claims and gives back: the step is ready as A saw it, with two transitions that A cannot see.
    found: [[0, 1, 1, 1, 1, 1, 1, 0, 0]],
    ends: ['complete'],
  },
  {
    name: 'claim / claim, fail and requeue',
    workflow: 'diamond',
    stage: async (s) => [(db) => s.claim(db, s.w1), claimFailRequeue(s)],
    found: [[0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]],
    ends: ['complete'],
  },
  {
    name: 'claim / promote / claim and release',
    workflow: 'pair',
    stage: async (s) => {
      await s.test.query(
        `UPDATE tasker.tasker_workflow_steps SET priority = 3
         WHERE workflow_step_id = (SELECT min(workflow_step_id) FROM tasker.tasker_workflow_steps)`,
      );
      return [(db) => s.claim(db, s.w1), (db) => promote(db, { afterSeconds: 0 }), claimAndRelease(s)];
    },
    ends: ['complete'],
  },
  {
    name: 'requeue / requeue, claim and fail',
    workflow: 'diamond',
    stage: async (s) => {
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
    ends: ['complete'],
  },
  {
    name: 'complete / complete of two parents of one child',
    workflow: 'diamond',
    stage: async (s) => {
      const [b, c] = await bAndC(s);
      return [(db) => s.complete(db, s.w1, [b]), (db) => s.complete(db, s.w2, [c])];
    },
    afterwards: async (s) => expect(await s.stateOf(4)).toEqual({ state: 'pending', attempts: 0 }),
    ends: ['complete'],
  },
  {
    name: 'complete / complete of two parents, each claiming the child',
    workflow: 'diamond',
    stage: async (s) => {
      const [b, c] = await bAndC(s);
      return [(db) => s.complete(db, s.w1, [b], 2), (db) => s.complete(db, s.w2, [c], 2)];
    },
    afterwards: async (s) => expect(await s.stateOf(4)).toEqual({ state: 'in_progress', attempts: 1 }),
    ends: ['complete'],
  },
  {
    name: 'complete / complete of the last two sinks',
    workflow: 'pair',
    stage: async (s) => {
      const [x, y] = (await s.begin()) as [ClaimedStep, ClaimedStep];
      return [(db) => s.complete(db, s.w1, [x]), (db) => s.complete(db, s.w2, [y])];
    },
    afterwards: async (s) => expect(await s.taskState()).toBe('complete'),
    ends: ['complete'],
  },
  {
    name: 'complete / complete of one attempt, sent twice',
    workflow: 'diamond',
    stage: async (s) => {
      const steps = await s.begin();
      return [(db) => s.complete(db, s.w1, steps), (db) => s.complete(db, s.w1, steps)];
    },
    afterwards: (_, results) => expect(results.map(lostOf).toSorted()).toEqual([0, 1]),
    ends: ['complete'],
  },
  {
    name: 'complete / cancel',
    workflow: 'diamond',
    stage: async (s) => {
      const steps = await s.begin();
      return [(db) => s.complete(db, s.w1, steps, 1), (db) => cancel(db, s.taskId)];
    },
    ends: ['cancelled'],
  },
  {
    name: 'complete of the last sink / cancel',
    workflow: 'pair',
    stage: async (s) => {
      const steps = await s.begin();
      return [(db) => s.complete(db, s.w1, steps), (db) => cancel(db, s.taskId)];
    },
    ends: ['complete', 'cancelled'],
  },
  {
    name: 'complete / fail for good of the last two running steps',
    workflow: 'diamond',
    stage: async (s) => {
      const [b, c] = await bAndC(s);
      return [(db) => s.complete(db, s.w1, [b]), (db) => s.fail(db, s.w2, [c], { permanent: true })];
    },
    afterwards: async (s) => expect(await s.taskState()).toBe('error'),
    ends: ['error'],
  },
  {
    name: 'fail for good / fail for good',
    workflow: 'diamond',
    stage: async (s) => {
      const [b, c] = await bAndC(s);
      return [(db) => s.fail(db, s.w1, [b], { permanent: true }), (db) => s.fail(db, s.w2, [c], { permanent: true })];
    },
    afterwards: async (s) => expect(await s.taskState()).toBe('error'),
    ends: ['error'],
  },
  {
    name: 'fail / recover',
    workflow: 'diamond',
    stage: async (s) => {
      const steps = await s.begin();
      await s.killed(s.w1);
      return [(db) => s.fail(db, s.w1, steps), (db) => s.recover(db)];
    },
    afterwards: async (s) => expect((await s.stateOf(1)).attempts).toBe(1),
    ends: ['complete'],
  },
  {
    name: 'complete / recover',
    workflow: 'diamond',
    stage: async (s) => {
      const steps = await s.begin();
      await s.killed(s.w1);
      return [(db) => s.complete(db, s.w1, steps, 1), (db) => s.recover(db)];
    },
    afterwards: async (s) => expect((await s.stateOf(1)).attempts).toBe(1),
    ends: ['complete'],
  },
  {
    name: 'complete by a zombie / recover, claim and complete by another',
    workflow: 'diamond',
    stage: async (s) => {
      const steps = await s.begin();
      await s.killed(s.w1);
      return [
        (db) => s.complete(db, s.w1, steps),
        async (db) => {
          await s.recover(db);
          const again = await s.claim(db, s.w2);
          return s.complete(db, s.w2, again);
        },
      ];
    },
    // The zombie's completion locks the row to find out that the claim is another's; a claim in that moment skips it.
    afterwards: async (s) =>
      expect([
        { state: 'complete', attempts: 1 },
        { state: 'complete', attempts: 2 },
        { state: 'pending', attempts: 1 },
      ]).toContainEqual(await s.stateOf(1)),
    ends: ['complete'],
    found: [[1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1]],
  },
  {
    name: 'release / recover',
    workflow: 'diamond',
    stage: async (s) => {
      const steps = await s.begin();
      await s.killed(s.w1);
      return [(db) => release(db, { workerId: s.w1, steps }), (db) => s.recover(db)];
    },
    afterwards: async (s) => expect((await s.stateOf(1)).state).toBe('pending'),
    ends: ['complete'],
  },
  {
    name: 'complete / release by an operator, then claim',
    workflow: 'diamond',
    stage: async (s) => {
      const steps = await s.begin();
      return [
        (db) => s.complete(db, s.w1, steps),
        async (db) => {
          await releaseHeldStep(db, s.taskId, 'a', { force: true });
          return s.claim(db, s.w2);
        },
      ];
    },
    ends: ['complete'],
  },
  {
    name: 'release by an operator / recover',
    workflow: 'diamond',
    stage: async (s) => {
      await s.begin();
      await s.killed(s.w1);
      return [(db) => releaseHeldStep(db, s.taskId, 'a', { force: true }), (db) => s.recover(db)];
    },
    afterwards: async (s) => expect((await s.stateOf(1)).state).toBe('pending'),
    ends: ['complete'],
  },
  {
    name: 'release by an operator / cancel',
    workflow: 'diamond',
    stage: async (s) => {
      await s.begin();
      return [(db) => releaseHeldStep(db, s.taskId, 'a', { force: true }), (db) => cancel(db, s.taskId)];
    },
    ends: ['cancelled'],
  },
  {
    name: 'recovery of a given-up outcome by its worker / recover',
    workflow: 'diamond',
    stage: async (s) => {
      const [step] = await s.begin();
      await s.killed(s.w1);
      return [(db) => recoverClaims(db, [step?.claimId as string]), (db) => s.recover(db)];
    },
    afterwards: async (s) => {
      await s.recover(s.db);
      expect(await s.stateOf(1)).toEqual({ state: 'pending', attempts: 1 });
    },
    ends: ['complete'],
  },
  {
    name: 'recover / recover',
    workflow: 'diamond',
    stage: async (s) => {
      await s.begin();
      await s.killed(s.w1);
      return [(db) => s.recover(db), (db) => s.recover(db)];
    },
    afterwards: async (s) => {
      await s.recover(s.db);
      expect(await s.stateOf(1)).toEqual({ state: 'pending', attempts: 1 });
    },
    ends: ['complete'],
  },
  {
    name: 'claim by a process whose lease is being ended / recover',
    workflow: 'diamond',
    stage: async (s) => {
      await s.killed(s.w1);
      return [(db) => s.claim(db, s.w1), (db) => s.recover(db)];
    },
    ends: ['complete'],
  },
  {
    name: 'recover / cancel',
    workflow: 'diamond',
    stage: async (s) => {
      await s.begin();
      await s.killed(s.w1);
      return [(db) => s.recover(db), (db) => cancel(db, s.taskId)];
    },
    ends: ['cancelled'],
  },
  {
    name: 'claim / cancel',
    workflow: 'diamond',
    stage: async (s) => [(db) => s.claim(db, s.w1), (db) => cancel(db, s.taskId)],
    ends: ['cancelled'],
  },
  {
    name: 'requeue / cancel',
    workflow: 'diamond',
    stage: async (s) => {
      await s.fail(s.db, s.w1, await s.begin());
      return [(db) => enqueueDueRetries(db), (db) => cancel(db, s.taskId)];
    },
    ends: ['cancelled'],
  },
  {
    name: 'requeue / requeue',
    workflow: 'diamond',
    stage: async (s) => {
      await s.fail(s.db, s.w1, await s.begin());
      return [(db) => enqueueDueRetries(db), (db) => enqueueDueRetries(db)];
    },
    afterwards: async (s) => {
      await enqueueDueRetries(s.db);
      expect(await s.stateOf(1)).toEqual({ state: 'pending', attempts: 1 });
    },
    ends: ['complete'],
  },
  {
    name: 'requeue / retry',
    workflow: 'diamond',
    stage: async (s) => {
      await s.fail(s.db, s.w1, await s.begin());
      return [(db) => enqueueDueRetries(db), (db) => retry(db, s.taskId)];
    },
    ends: ['complete'],
  },
  {
    name: 'retry / complete of the last running step',
    workflow: 'diamond',
    stage: async (s) => {
      const c = await blockedB(s);
      return [(db) => retry(db, s.taskId), (db) => s.complete(db, s.w2, [c])];
    },
    ends: ['complete'],
  },
  {
    name: 'retry / retry',
    workflow: 'diamond',
    stage: async (s) => {
      await stuck(s);
      return [(db) => retry(db, s.taskId), (db) => retry(db, s.taskId)];
    },
    ends: ['complete'],
  },
  {
    name: 'settle / retry',
    workflow: 'diamond',
    stage: async (s) => {
      const c = await blockedB(s);
      await s.complete(s.db, s.w1, [c]);
      await s.test.query(`UPDATE tasker.tasker_tasks SET state = 'in_progress', sort_key = 1 WHERE task_id = $1`, [
        s.taskId,
      ]);
      await s.test.query(`DELETE FROM tasker.tasker_task_transitions WHERE task_id = $1 AND sort_key = 2`, [s.taskId]);
      await s.test.query(`UPDATE tasker.tasker_task_transitions SET most_recent = true WHERE task_id = $1`, [s.taskId]);
      return [(db) => finalizeUnfinalized(db), (db) => retry(db, s.taskId)];
    },
    ends: ['complete'],
  },
  {
    name: 'settle / settle',
    workflow: 'diamond',
    stage: async (s) => {
      const [b, c] = await bAndC(s);
      return [
        async (db) => {
          await s.fail(db, s.w1, [b], { permanent: true });
          return finalizeUnfinalized(db);
        },
        (db) => s.complete(db, s.w1, [c]),
      ];
    },
    ends: ['error'],
  },
  {
    name: 'resolve / complete of the other parent',
    workflow: 'diamond',
    stage: async (s) => {
      const c = await blockedB(s);
      return [(db) => resolveStep(db, s.taskId, 'b', { result: '1' }), (db) => s.complete(db, s.w1, [c], 1)];
    },
    ends: ['complete'],
  },
  {
    name: 'resolve / resolve of one step',
    workflow: 'diamond',
    stage: async (s) => {
      await stuck(s);
      return [(db) => resolveStep(db, s.taskId, 'b'), (db) => resolveStep(db, s.taskId, 'b')];
    },
    afterwards: (_, results) =>
      expect((results as { outcome: string }[]).map((r) => r.outcome).toSorted()).toEqual(['refused', 'resolved']),
    ends: ['complete'],
  },
  {
    name: 'resolve / claim of a ready root',
    workflow: 'pair',
    stage: async (s) => [(db) => resolveStep(db, s.taskId, 'x'), (db) => s.claim(db, s.w1, 2)],
    ends: ['complete'],
  },
  {
    name: 'resolve of the task / retry',
    workflow: 'diamond',
    stage: async (s) => {
      await stuck(s);
      return [(db) => resolveTask(db, s.taskId), (db) => retry(db, s.taskId)];
    },
    ends: ['complete', 'resolved_manually'],
  },
  {
    name: 'cancel / cancel',
    workflow: 'diamond',
    stage: async (s) => {
      await s.begin();
      return [(db) => cancel(db, s.taskId), (db) => cancel(db, s.taskId)];
    },
    afterwards: (_, results) =>
      expect((results as { outcome: string }[]).map((r) => r.outcome).toSorted()).toEqual(['cancelled', 'refused']),
    ends: ['cancelled'],
  },
  {
    name: 'submit / submit with one identity',
    workflow: 'pair',
    stage: async (s) => [(db) => s.submit(db, 'the same'), (db) => s.submit(db, 'the same')],
    afterwards: (_, results) => {
      const [one, other] = (results as { outcome: string; taskId: string }[][]).map((r) => r[0]);
      expect(one?.taskId).toBe(other?.taskId);
      expect([one?.outcome, other?.outcome].toSorted()).toEqual(['created', 'existing']);
    },
    ends: ['complete'],
  },
];

/** Three at once: too many interleavings to run all of them, so they are sampled. */
export const TRIPLES: readonly Scenario[] = [
  {
    name: 'complete / complete / cancel',
    workflow: 'diamond',
    stage: async (s) => {
      const [b, c] = await bAndC(s);
      return [(db) => s.complete(db, s.w1, [b], 1), (db) => s.complete(db, s.w2, [c], 1), (db) => cancel(db, s.taskId)];
    },
    ends: ['cancelled'],
  },
  {
    name: 'complete / fail for good / retry',
    workflow: 'diamond',
    stage: async (s) => {
      const [b, c] = await bAndC(s);
      return [
        (db) => s.complete(db, s.w1, [b]),
        (db) => s.fail(db, s.w2, [c], { permanent: true }),
        (db) => retry(db, s.taskId),
      ];
    },
    ends: ['complete', 'error'],
  },
  {
    name: 'claim / claim and release / recover',
    workflow: 'diamond',
    stage: async (s) => [(db) => s.claim(db, s.w1), claimAndRelease(s), (db) => s.recover(db)],
    ends: ['complete'],
  },
  {
    name: 'complete by a zombie / recover / cancel',
    workflow: 'diamond',
    stage: async (s) => {
      const steps = await s.begin();
      await s.killed(s.w1);
      return [(db) => s.complete(db, s.w1, steps, 1), (db) => s.recover(db), (db) => cancel(db, s.taskId)];
    },
    ends: ['cancelled'],
  },
  {
    name: 'requeue / claim, fail and requeue / claim',
    workflow: 'diamond',
    stage: async (s) => {
      await s.fail(s.db, s.w1, await s.begin());
      return [(db) => enqueueDueRetries(db), claimFailRequeue(s), (db) => s.claim(db, s.w1)];
    },
    ends: ['complete'],
  },
  {
    name: 'resolve / complete / retry',
    workflow: 'diamond',
    stage: async (s) => {
      const c = await blockedB(s);
      return [
        (db) => resolveStep(db, s.taskId, 'b', { result: '1' }),
        (db) => s.complete(db, s.w1, [c], 1),
        (db) => retry(db, s.taskId),
      ];
    },
    ends: ['complete'],
  },
];
