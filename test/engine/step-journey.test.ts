import { describe, expect, it } from 'vitest';
import { loadStepInputs } from '../../src/engine/claim.ts';
import { adopt, endedAttempts } from '../../src/engine/claims.ts';
import { cancel } from '../../src/engine/cancel.ts';
import { recover, type RecoverOutcome } from '../../src/engine/recover.ts';
import { examine } from '../../src/db/doctor/examine.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { z } from 'zod';
import type { FailOutcome } from '../../src/engine/fail.ts';
import { release } from '../../src/engine/release.ts';
import { enqueueDueRetries } from '../../src/engine/enqueue-due-retries.ts';
import { resolveStep, resolveTask } from '../../src/engine/resolve.ts';
import { retry } from '../../src/engine/retry.ts';
import { finalize, finalizeUnfinalized } from '../../src/engine/finalize.ts';
import { byName, diamond, useEngine } from './engine-fixture.ts';

const engine = await useEngine();
const id = await engine.workflow(diamond);

/** Makes every waiting retry due now. */
const makeDue = () =>
  engine.test.query('UPDATE tasker.tasker_workflow_steps SET next_retry_at = now() WHERE next_retry_at IS NOT NULL');

const retryAtMs = ({ failed }: FailOutcome, stepId: string): number => {
  const next = failed.get(stepId);
  return typeof next === 'object' ? next.retryAt.getTime() : 0;
};

describe('a task', () => {
  it('runs step by step to its end, each child after all its parents', async () => {
    const worker = await engine.worker();
    const taskId = await engine.submitOne(id);
    const order: string[] = [];
    for (let claimed = await worker.claim(); claimed.length > 0; claimed = await worker.claim()) {
      order.push(claimed.map((step) => Number(BigInt(step.stepId) & 0xffffn)).join(','));
      await worker.complete(claimed);
    }
    expect(order).toEqual(['1', '2,3', '4']);
    expect(await engine.taskState(taskId)).toBe('complete');
  });

  it('hands on children in the completion itself, with the results of all parents', async () => {
    const worker = await engine.worker();
    await engine.submitOne(id, { context: '{"order":7}' });
    const first = await worker.complete(await worker.claim(), { claimLimit: 10, result: '"from a"' });
    expect(first.claimed).toHaveLength(2);
    const second = await worker.complete(first.claimed, { claimLimit: 10, result: '{"x":1}' });
    expect(second.claimed).toHaveLength(1);
    const inputs = await loadStepInputs(engine.db, second.claimed);
    const only = inputs.get(second.claimed[0]?.stepId as string);
    expect(JSON.parse(only?.context as string)).toEqual({ order: 7 });
    expect(JSON.parse(only?.parents as string)).toEqual({ '2': { x: 1 }, '3': { x: 1 } });
    expect((await worker.complete(second.claimed)).completedTasks).toHaveLength(1);
  });

  it('gets the results of its parents as jsonb writes them, also one of 100,000 keys', async () => {
    // The time limit of the test is the assertion: with a time by the square of the number of keys it is not enough.
    const wide = `{${Array.from({ length: 100_000 }, (_, n) => `"key ${n}":${n}.10`).join(',')}}`;
    const fan = Array.from({ length: 11 }, (_, n) => `p_${n + 1}`).reduce(
      (flow, name) => flow.step(name, () => 1) as unknown as typeof flow,
      defineWorkflow({ name: 'fan_in', input: z.unknown() }),
    );
    const fanIn = await engine.workflow(
      fan.step('last', { dependsOn: Array.from({ length: 11 }, (_, n) => `p_${n + 1}`) as never[] }, () => 1),
    );
    await engine.submitOne(fanIn);
    const worker = await engine.worker();
    const parents = await worker.claim();
    expect(parents).toHaveLength(11);
    await worker.complete(parents.slice(0, 10), { result: 'null' });
    await worker.complete(parents.slice(10), { result: wide });
    const [last] = await worker.claim();
    const [stored] = await engine.test.query<{ text: string }>(
      `SELECT '{' || string_agg(format('"%s": %s', s.workflow_step_id & 65535, s.results), ', ' ORDER BY s.workflow_step_id) || '}' AS text
       FROM tasker.tasker_workflow_steps s WHERE s.task_id = $1 AND s.workflow_step_id & 65535 <= 11`,
      [last?.taskId],
    );
    expect(last?.inputs?.parents === stored?.text).toBe(true);
    expect(Object.keys(JSON.parse(last?.inputs?.parents as string)[parents.length])).toHaveLength(100_000);
    await worker.complete([last as NonNullable<typeof last>], { result: '1' });
  });

  it('leaves children that do not fit to the queue', async () => {
    const worker = await engine.worker();
    await engine.submitOne(id);
    const outcome = await worker.complete(await worker.claim(), { claimLimit: 1 });
    expect(outcome.claimed).toHaveLength(1);
    expect(outcome.ready).toEqual(new Map([['default', 1]]));
    const rest = await worker.claim();
    expect(rest).toHaveLength(1);
    await worker
      .complete([...outcome.claimed, ...rest], { claimLimit: 1 })
      .then((next) => worker.complete(next.claimed));
  });
});

describe('a failure', () => {
  it('waits out a backoff between half the base and the base, then runs again', async () => {
    const worker = await engine.worker();
    const taskId = await engine.submitOne(id);
    const step = await worker.claimOne();
    const before = Date.now();
    const outcome = await worker.fail(step);
    const due = retryAtMs(outcome, step.stepId);
    expect(due - before).toBeGreaterThanOrEqual(900);
    expect(due - before).toBeLessThanOrEqual(4000);
    expect(await enqueueDueRetries(engine.db)).toEqual(new Map());
    expect(await worker.claim()).toEqual([]);
    await makeDue();
    expect(await enqueueDueRetries(engine.db)).toEqual(new Map([['default', 1]]));
    const again = await worker.claimOne();
    expect(again).toMatchObject({ stepId: step.stepId, attempt: 2 });
    await cancel(engine.db, taskId);
  });

  it('honours a backoff that the other side asked for', async () => {
    const worker = await engine.worker();
    const taskId = await engine.submitOne(id);
    const step = await worker.claimOne();
    const outcome = await worker.fail(step, { requested: 120 });
    const due = retryAtMs(outcome, step.stepId);
    expect(due - Date.now()).toBeGreaterThan(110_000);
    await cancel(engine.db, taskId);
  });

  it('that is the last attempt blocks the step; independent branches finish first, then the task is in error', async () => {
    const worker = await engine.worker();
    const taskId = await engine.submitOne(id);
    await worker.complete(await worker.claim());
    const [b, c] = await worker.claimTwo();
    const failed = await worker.fail(c, { permanent: true });
    expect(failed).toMatchObject({ erroredTasks: [] });
    expect(await engine.taskState(taskId)).toBe('in_progress');
    expect((await worker.complete([b])).erroredTasks).toEqual([taskId]);
    expect(await engine.taskState(taskId)).toBe('error');
    expect(byName(await engine.steps(taskId))['d']).toMatchObject({ state: 'pending', ready: false, unmet_parents: 1 });
  });

  it('of a step whose claim was lost changes nothing', async () => {
    const worker = await engine.worker();
    const taskId = await engine.submitOne(id);
    const step = await worker.claimOne();
    await cancel(engine.db, taskId);
    expect((await worker.fail(step)).lost).toEqual([step.stepId]);
    expect((await worker.complete([step])).lost).toEqual([step.stepId]);
    expect((await release(engine.db, { workerId: worker.id, steps: [step] })).lost).toEqual([step.stepId]);
    expect(byName(await engine.steps(taskId))['a']?.state).toBe('cancelled');
  });
});

describe('a release', () => {
  it('gives the attempt back', async () => {
    const worker = await engine.worker();
    const taskId = await engine.submitOne(id);
    const claimed = await worker.claim();
    await release(engine.db, { workerId: worker.id, steps: claimed });
    expect(byName(await engine.steps(taskId))['a']).toMatchObject({ state: 'pending', attempts: 0, ready: true });
    expect((await worker.claim())[0]?.attempt).toBe(1);
    await cancel(engine.db, taskId);
  });
});

describe('recovery', () => {
  it('returns the steps of a worker whose lease ran out, and keeps the attempt spent', async () => {
    const worker = await engine.worker(60);
    const taskId = await engine.submitOne(id);
    const step = await worker.claimOne();
    expect((await recover(engine.db, { silentSeconds: 5 })).expired).toEqual([]);
    await engine.test.query(
      `UPDATE tasker.tasker_workers SET lease_expires_at = now() - interval '1 s' WHERE worker_id = $1`,
      [worker.id],
    );
    const outcome = await recover(engine.db, { silentSeconds: 5 });
    expect(outcome.expired.map((expired) => expired.workerId)).toContain(worker.id);
    expect(outcome.recovered).toEqual(new Map([['default', 1]]));
    const other = await engine.worker();
    const again = await other.claimOne();
    expect(again).toMatchObject({ stepId: step.stepId, attempt: 2 });
    expect((await worker.complete([step])).lost).toEqual([step.stepId]);
    expect((await other.complete([again])).lost).toEqual([]);
    await cancel(engine.db, taskId);
  });

  /** A process with this many slots claims from this queue and dies; returns what was decided for the steps that it held. */
  async function death(slots: number, queue: string, limit = 16): Promise<RecoverOutcome> {
    const worker = await engine.worker(60, slots);
    expect(await worker.claim(limit, queue)).not.toEqual([]);
    await engine.test.query(
      `UPDATE tasker.tasker_workers SET lease_expires_at = now() - interval '1 s' WHERE worker_id = $1`,
      [worker.id],
    );
    return recover(engine.db, { silentSeconds: 5 });
  }
  const limitOf = async (taskId: string): Promise<unknown> =>
    (
      await engine.test.query(
        `SELECT attempts, retry_limit, queue FROM tasker.tasker_workflow_steps WHERE task_id = $1 ORDER BY workflow_step_id LIMIT 1`,
        [taskId],
      )
    )[0];

  it('charges no step with a crash that many could have caused, and then runs each of them alone', async () => {
    const poison = await engine.submitOne(id);
    const neighbour = await engine.submitOne(id);
    expect((await death(10, 'default')).recovered).toEqual(new Map([['default', 2]]));
    expect(await limitOf(neighbour)).toEqual({ attempts: 1, retry_limit: 4, queue: 'default' });
    expect((await death(10, 'default')).recovered).toEqual(new Map([['default~quarantine', 2]]));
    expect(await limitOf(neighbour)).toEqual({ attempts: 2, retry_limit: 5, queue: 'default~quarantine' });

    const last = await death(1, 'default~quarantine', 1);
    expect(last.blocked.stepIds).toHaveLength(1);
    expect(last.erroredTasks).toEqual([poison]);
    const [{ error } = { error: undefined }] = await engine.test.query<{ error: unknown }>(
      `SELECT metadata -> 'error' AS error FROM tasker.tasker_workflow_step_transitions WHERE task_id = $1 AND most_recent`,
      [poison],
    );
    expect(error).toEqual({
      fingerprint: expect.stringMatching(/^[0-9a-f]{12}$/),
      name: 'WorkerDied',
      message:
        'the process that ran this step died (3 deaths in all, the last time with nothing else running in it), and no attempts are left',
    });

    const alone = await engine.worker(60, 1);
    const innocent = await alone.claimOne(1, 'default~quarantine');
    expect(innocent).toMatchObject({ taskId: neighbour, attempt: 3, retryLimit: 5 });
    await alone.complete([innocent]);
    await cancel(engine.db, neighbour);
  });

  it('ends a step in error after as many crashes as it has attempts, if it ran alone in each', async () => {
    const taskId = await engine.submitOne(id);
    expect((await death(1, 'default')).blocked.stepIds).toHaveLength(0);
    expect((await death(1, 'default')).blocked.stepIds).toHaveLength(0);
    expect((await death(1, 'default~quarantine')).blocked.stepIds).toHaveLength(1);
    expect(await engine.taskState(taskId)).toBe('error');
  });

  it('never runs a step again that may run only once, whatever killed its process', async () => {
    const once = await engine.workflow(
      defineWorkflow({ name: 'once', input: z.unknown() })
        .step('not_retryable', { retryable: false }, () => 1)
        .step('one_attempt', { retryLimit: 1 }, () => 1),
    );
    const taskId = await engine.submitOne(once);
    expect((await death(10, 'default')).blocked.stepIds).toHaveLength(2);
    expect(await engine.taskState(taskId)).toBe('error');
  });

  it('does not let a step go on for ever that no process could run alone', async () => {
    const taskId = await engine.submitOne(id);
    await death(10, 'default');
    await death(10, 'default');
    await death(10, 'default~quarantine');
    await death(10, 'default~quarantine');
    expect((await death(10, 'default~quarantine')).blocked.stepIds).toHaveLength(1);
    expect(await engine.taskState(taskId)).toBe('error');
    expect(await examine(engine.db)).toEqual([]);
  });

  it('gives nothing to a process whose lease was ended, and finds what it claimed in the same moment', async () => {
    const worker = await engine.worker();
    const taskId = await engine.submitOne(id);
    expect(await worker.claim()).toHaveLength(1);
    await engine.test.query(`UPDATE tasker.tasker_workers SET stopped_at = now() WHERE worker_id = $1`, [worker.id]);
    const other = await engine.submitOne(id);
    expect(await worker.claim()).toEqual([]);
    await cancel(engine.db, other);
    expect((await recover(engine.db, { silentSeconds: 5 })).recovered).toEqual(new Map([['default', 1]]));
    await cancel(engine.db, taskId);
  });
});

describe('a claim whose response was lost', () => {
  it('can be adopted by its id if it committed, and is empty if it did not', async () => {
    const worker = await engine.worker();
    const taskId = await engine.submitOne(id);
    const step = await worker.claimOne();
    expect(await adopt(engine.db, step.claimId)).toMatchObject([{ stepId: step.stepId, attempt: 1 }]);
    expect(await adopt(engine.db, '00000000-0000-4000-8000-000000000000')).toEqual([]);
    expect(await endedAttempts(engine.db, [step])).toEqual(new Set());
    await worker.complete([step]);
    expect(await endedAttempts(engine.db, [step])).toEqual(new Set([step.stepId]));
    await cancel(engine.db, taskId);
  });
});

describe('an operator', () => {
  async function errored(): Promise<string> {
    const worker = await engine.worker();
    const taskId = await engine.submitOne(id);
    await worker.complete(await worker.claim());
    const [b, c] = await worker.claimTwo();
    await worker.complete([b]);
    await worker.fail(c, { permanent: true });
    expect(await engine.taskState(taskId)).toBe('error');
    return taskId;
  }

  it('retries a task in error: the blocked step is ready at once with at least one more attempt', async () => {
    const taskId = await errored();
    expect(await retry(engine.db, taskId)).toMatchObject({ outcome: 'retried', steps: [{ name: 'c' }] });
    const worker = await engine.worker();
    const outcome = await worker.complete(await worker.claim(), { claimLimit: 5 });
    await worker.complete(outcome.claimed);
    expect(await engine.taskState(taskId)).toBe('complete');
  });

  it('resolves a step by hand: its children see the result and the task goes on', async () => {
    const taskId = await errored();
    expect(await resolveStep(engine.db, taskId, 'c', { result: '{"by":"hand"}' })).toMatchObject({
      outcome: 'resolved',
      taskState: 'in_progress',
    });
    const worker = await engine.worker();
    const d = await worker.claimOne();
    expect(JSON.parse(d.inputs?.parents as string)).toMatchObject({ '3': { by: 'hand' } });
    await worker.complete([d]);
    expect(await engine.taskState(taskId)).toBe('complete');
  });

  it('cannot resolve a step that waits for a parent', async () => {
    const taskId = await errored();
    expect(await resolveStep(engine.db, taskId, 'd')).toMatchObject({ outcome: 'refused' });
  });

  it('resolving the last sink completes the task', async () => {
    const taskId = await errored();
    await resolveStep(engine.db, taskId, 'c');
    expect(await resolveStep(engine.db, taskId, 'd')).toMatchObject({ outcome: 'resolved', taskState: 'complete' });
    expect(await engine.taskState(taskId)).toBe('complete');
  });

  it('declares a task in error done: its open steps are cancelled', async () => {
    const taskId = await errored();
    expect(await resolveTask(engine.db, taskId)).toMatchObject({ taskState: 'resolved_manually' });
    expect(byName(await engine.steps(taskId))['c']?.state).toBe('cancelled');
  });

  it('cancels a running task with its open steps, and no ended one', async () => {
    const worker = await engine.worker();
    const taskId = await engine.submitOne(id);
    await worker.complete(await worker.claim(), { claimLimit: 1 });
    expect(await cancel(engine.db, taskId)).toEqual({ outcome: 'cancelled', steps: 3 });
    expect(await cancel(engine.db, taskId)).toEqual({ outcome: 'refused', state: 'cancelled' });
    expect(await cancel(engine.db, '99999999')).toEqual({ outcome: 'not_found' });
    expect(await worker.claim()).toEqual([]);
  });
});

describe('finalizing', () => {
  it('finds a task that was not finalized because a process died in between', async () => {
    const worker = await engine.worker();
    const taskId = await engine.submitOne(id);
    const a = await worker.claimOne();
    await worker.fail(a, { permanent: true });
    // As if the process had died between the two transactions of `fail`.
    await engine.test.query(`UPDATE tasker.tasker_tasks SET state = 'in_progress', sort_key = 1 WHERE task_id = $1`, [
      taskId,
    ]);
    await engine.test.query(`DELETE FROM tasker.tasker_task_transitions WHERE task_id = $1 AND sort_key = 2`, [taskId]);
    await engine.test.query(`UPDATE tasker.tasker_task_transitions SET most_recent = true WHERE task_id = $1`, [
      taskId,
    ]);
    expect(await finalizeUnfinalized(engine.db)).toEqual([taskId]);
    expect(await engine.taskState(taskId)).toBe('error');
    expect(await finalize(engine.db, [taskId])).toEqual([]);
  });
});
