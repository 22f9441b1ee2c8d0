import { beforeAll, describe, expect, it } from 'vitest';
import { diamond, useEngine } from '../engine/engine-fixture.ts';

/** Steps in each state that one column can contradict. */
const CLAIMED = `state = 'in_progress'`;
const READY = 'ready_at IS NOT NULL';
const DONE = `state = 'complete'`;
const WAITING = `state = 'pending' AND unmet_parents = 2`;
const RETRYING = 'next_retry_at IS NOT NULL';

const engine = await useEngine();

beforeAll(async () => {
  const workflow = await engine.workflow(diamond);
  const worker = await engine.worker();
  for (let n = 0; n < 3; n += 1) await engine.submitOne(workflow);
  const steps = await worker.claim(2);
  await worker.complete(steps.slice(0, 1), { claimLimit: 1 });
  await worker.fail(steps[1]!);
});

describe('a row that contradicts itself is refused', () => {
  it.each([
    ['a claim without its id', 'claim_id = NULL', CLAIMED],
    ['a claim without its worker', 'claimed_by = NULL', CLAIMED],
    ['a claim of a step that is not in progress', `state = 'pending'`, CLAIMED],
    ['in process without a claim', 'in_process = true', READY],
    ['in progress without being in process', `state = 'in_progress'`, READY],
    ['a claim of what is done', 'claim_id = gen_random_uuid()', DONE],
    ['done without being processed', 'processed = false', DONE],
    ['processed without being done', 'processed = true', READY],
    ['ready before its parents are done', 'ready_at = now()', WAITING],
    ['ready without an attempt left', 'attempts = retry_limit', READY],
    ['ready and done', 'ready_at = now()', DONE],
    ['in error with no future', 'next_retry_at = NULL', RETRYING],
    ['in error with two futures', 'blocked_at = now()', RETRYING],
    ['a retry of what is not in error', 'next_retry_at = now()', READY],
    ['a state that does not exist', `state = 'sleeping'`, READY],
    ['fewer unmet parents than none', 'unmet_parents = -1', WAITING],
    ['a step of no workflow', 'named_task_id = 0', READY],
  ])('step: %s', async (_, change, which) => {
    const where = `workflow_step_id = (SELECT min(workflow_step_id) FROM tasker.tasker_workflow_steps WHERE ${which})`;
    const rows = await engine.test.query(`SELECT FROM tasker.tasker_workflow_steps WHERE ${where}`);
    expect(rows).toHaveLength(1);
    await expect(
      engine.test.query(`UPDATE tasker.tasker_workflow_steps SET ${change} WHERE ${where}`),
    ).rejects.toMatchObject({ code: '23514', constraint: 'steps_row_agrees' });
  });

  it('step: a retry limit that is unknown', async () => {
    await expect(engine.test.query('UPDATE tasker.tasker_workflow_steps SET retry_limit = NULL')).rejects.toMatchObject(
      {
        code: '23502',
        column: 'retry_limit',
      },
    );
  });

  it.each([
    ['complete without its state', 'complete = true'],
    ['complete by its state alone', `state = 'complete'`],
    ['a state that does not exist', `state = 'sleeping'`],
    ['fewer unfinished sinks than none', 'unfinished_sinks = -1'],
  ])('task: %s', async (_, change) => {
    await expect(engine.test.query(`UPDATE tasker.tasker_tasks SET ${change}`)).rejects.toMatchObject({
      code: '23514',
      constraint: 'tasks_row_agrees',
    });
  });
});
