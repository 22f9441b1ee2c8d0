import { beforeEach, describe, expect, it } from 'vitest';
import { examine } from '../../src/db/doctor/examine.ts';
import { watchForClockSetBack } from '../../src/engine/clock.ts';
import { recover } from '../../src/engine/recover.ts';
import { diamond, useEngine } from './engine-fixture.ts';

const engine = await useEngine();
const workflow = await engine.workflow(diamond);

/** Everything that the database has stamped so far was stamped by a clock that was two hours ahead. */
async function setBackTwoHours(): Promise<void> {
  for (const [table, columns] of [
    ['tasker_clock', ['latest_at']],
    ['tasker_workers', ['started_at', 'heartbeat_at', 'lease_expires_at']],
    ['tasker_workflow_steps', ['ready_at', 'next_retry_at', 'last_attempted_at']],
    ['tasker_workflow_step_transitions', ['created_at']],
    ['tasker_task_transitions', ['created_at']],
  ] as const) {
    await engine.test.query(
      `UPDATE tasker.${table} SET ${columns.map((column) => `${column} = ${column} + interval '2 hours'`).join(', ')}`,
    );
  }
}

const secondsUntilRetry = async (stepId: string): Promise<number> => {
  const [row] = await engine.test.query<{ seconds: number }>(
    `SELECT extract(epoch FROM next_retry_at - clock_timestamp())::float8 AS seconds
     FROM tasker.tasker_workflow_steps WHERE workflow_step_id = $1`,
    [stepId],
  );
  return row?.seconds as number;
};

beforeEach(async () => {
  await engine.test.query(
    `TRUNCATE tasker.tasker_tasks, tasker.tasker_workflow_steps, tasker.tasker_workflow_step_edges, tasker.tasker_claims,
      tasker.tasker_workflow_step_transitions, tasker.tasker_task_transitions, tasker.tasker_workers`,
  );
  await engine.test.query('UPDATE tasker.tasker_clock SET latest_at = now(), set_back_from = NULL, set_back_to = NULL');
});

describe('a clock that was set back', () => {
  it('costs a failed step no more than the wait that it was given', async () => {
    await engine.submitOne(workflow);
    const worker = await engine.worker();
    const [step] = await worker.claim(1);
    if (step === undefined) throw new Error('nothing was claimed');
    await worker.fail(step, { requested: 600 });
    await setBackTwoHours();
    expect(await secondsUntilRetry(step.stepId)).toBeGreaterThan(7200);
    expect(await watchForClockSetBack(engine.db)).toMatchObject({ retries: 1, leases: 1 });
    const left = await secondsUntilRetry(step.stepId);
    expect(left).toBeGreaterThan(500);
    expect(left).toBeLessThanOrEqual(600);
    // Mended once: calling again changes nothing.
    expect(await watchForClockSetBack(engine.db)).toBeUndefined();
    expect(await secondsUntilRetry(step.stepId)).toBeLessThanOrEqual(600);
  });

  it('does not keep a dead worker alive: its lease ends as if it had been silent from now on', async () => {
    const taskId = await engine.submitOne(workflow);
    const worker = await engine.worker(1);
    expect(await worker.claim(1)).toHaveLength(1);
    await setBackTwoHours();
    await watchForClockSetBack(engine.db);
    await expect
      .poll(async () => (await recover(engine.db, { silentSeconds: 1 })).recovered.get('default'), { timeout: 10_000 })
      .toBe(1);
    expect((await engine.steps(taskId))[0]).toMatchObject({ state: 'pending', ready: true });
  });

  it('is mended by one of the schedulers that notice it', async () => {
    await setBackTwoHours();
    const found = await Promise.all(Array.from({ length: 4 }, () => watchForClockSetBack(engine.db)));
    expect(found.filter((one) => one !== undefined)).toHaveLength(1);
    expect(found.find((one) => one !== undefined)?.seconds).toBeGreaterThan(7100);
  });

  it('is no violation: a task that ended after it, with steps that ended before it, is in order', async () => {
    const single = await engine.submitOne(workflow);
    const worker = await engine.worker();
    const finish = async (): Promise<void> => void (await worker.complete(await worker.claim()));
    for (let level = 0; level < 2; level += 1) await finish();
    await setBackTwoHours();
    await watchForClockSetBack(engine.db);
    await finish();
    expect(await engine.taskState(single)).toBe('complete');
    expect((await examine(engine.db)).map(({ id, examples }) => ({ id, examples }))).toEqual([]);
  });

  it('is no violation: a process that died before it and was found dead after it, and a retry that waits anew', async () => {
    for (let task = 0; task < 2; task += 1) await engine.submitOne(workflow);
    const failing = await engine.worker();
    const [step] = await failing.claim(1);
    if (step === undefined) throw new Error('nothing was claimed');
    await failing.fail(step, { requested: 600 });
    const dying = await engine.worker(1);
    expect(await dying.claim(1)).toHaveLength(1);
    await setBackTwoHours();
    expect(await watchForClockSetBack(engine.db)).toMatchObject({ retries: 1, leases: 2 });
    await expect
      .poll(async () => (await recover(engine.db, { silentSeconds: 1 })).recovered.get('default'), { timeout: 10_000 })
      .toBe(1);
    expect((await examine(engine.db)).map(({ id, examples }) => ({ id, examples }))).toEqual([]);
  });
});

describe('a clock that goes on as it should', () => {
  it('is remembered, and nothing is mended', async () => {
    await engine.test.query(`UPDATE tasker.tasker_clock SET latest_at = now() - interval '1 minute'`);
    expect(await watchForClockSetBack(engine.db)).toBeUndefined();
    const [clock] = await engine.test.query<{ current: boolean; set_back_to: null }>(
      `SELECT latest_at > now() - interval '10 s' AS current, set_back_to FROM tasker.tasker_clock`,
    );
    expect(clock).toEqual({ current: true, set_back_to: null });
  });
});
