import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { examine } from '../../src/db/doctor/examine.ts';
import { countRunsOnce } from '../../src/engine/count-runs.ts';
import { enqueueDueRetries } from '../../src/engine/enqueue-due-retries.ts';
import { cancel } from '../../src/engine/cancel.ts';
import { purge } from '../../src/engine/purge.ts';
import { release } from '../../src/engine/release.ts';
import { resolveStep } from '../../src/engine/resolve.ts';
import { retry } from '../../src/engine/retry.ts';
import { diamond, useEngine } from './engine-fixture.ts';
import { NOW, runStatsOf } from './run-stats-fixture.ts';

const engine = await useEngine();
const { query } = engine.test;
const { countAll, reset, stats, ofStep } = runStatsOf(engine);
let workflow: number;
beforeAll(async () => {
  workflow = await engine.workflow(diamond);
});
beforeEach(reset);

/** The tasks so far are of a database that is in use for long: what was before counting began is not counted. */
const age = () => query(`UPDATE tasker.tasker_tasks SET requested_at = requested_at - interval '2 hours'`);

describe('tasks of every kind', () => {
  it('count once each, from the moment at which counting begins, also those that were open then', async () => {
    const worker = await engine.worker();
    const before = await engine.submitOne(workflow);
    await worker.complete([await worker.claimOne()]);
    const blocked = await engine.submitOne(workflow);
    await worker.claim(2).then((steps) => worker.complete(steps));
    await worker.claim(20);
    await query(`UPDATE tasker.tasker_tasks SET requested_at = requested_at - interval '2 hours' WHERE task_id = $1`, [
      before,
    ]);
    await countAll();
    expect(await query('SELECT task_id FROM tasker.tasker_run_stats_tasks ORDER BY task_id')).toEqual([
      { task_id: before },
      { task_id: blocked },
    ]);
    expect(await stats()).toEqual([]);
  });

  it('of a new database count from the first one on, also those that ended before counting began', async () => {
    const worker = await engine.worker();
    for (const _task of [1, 2, 3]) await engine.submitOne(workflow);
    for (let steps = await worker.claim(20); steps.length > 0; steps = await worker.claim(20))
      await worker.complete(steps);
    const open = await engine.submitOne(workflow);
    await worker.complete([await worker.claimOne()]);
    await countAll();
    expect(await ofStep(null)).toMatchObject({ runs: 3, failures: 0 });
    expect(await ofStep('a')).toMatchObject({ runs: 4 });
    await worker.fail(await worker.claimOne(), { permanent: true });
    await countAll();
    await countAll();
    expect(await ofStep('a')).toMatchObject({ runs: 4 });
    expect((await stats()).reduce((sum, { failures }) => sum + failures, 0)).toBe(1);
    expect(await engine.taskState(open)).toBe('in_progress');
    expect((await examine(engine.db)).filter(({ id: check }) => check.startsWith('stats_'))).toEqual([]);
  });

  it('have runs, failures and retries by step and by task', async () => {
    const worker = await engine.worker();
    await countAll();
    const id = await engine.submitOne(workflow);
    await worker.fail(await worker.claimOne());
    await query(`UPDATE tasker.tasker_workflow_steps SET next_retry_at = now() WHERE next_retry_at IS NOT NULL`);
    await enqueueDueRetries(engine.db);
    // Given back: no run.
    await release(engine.db, { workerId: worker.id, steps: await worker.claim() });
    await countAll();
    expect(await ofStep('a')).toMatchObject({ runs: 1, failures: 1, retries: 0 });
    await worker.complete([await worker.claimOne()]);
    const [b, c] = await worker.claimTwo();
    await worker.complete([b]);
    await worker.fail(c, { permanent: true });
    await countAll();
    expect(await ofStep('a')).toMatchObject({ runs: 2, failures: 1, retries: 1 });
    expect(await ofStep('c')).toMatchObject({ runs: 1, failures: 1, retries: 0 });
    await resolveStep(engine.db, id, 'c');
    await worker.complete([await worker.claimOne()]);
    await countAll();
    // It went to error, an operator let it go on, and it was complete.
    expect(await ofStep(null)).toMatchObject({ runs: 2, failures: 1, retries: 1 });
    expect(await ofStep('c')).toMatchObject({ runs: 1, failures: 1 });
    const waited = await ofStep('d');
    expect(waited).toMatchObject({ runs: 1 });
    expect(waited?.waiting_p50).toBeLessThan(60);

    const cancelled = await engine.submitOne(workflow);
    await worker.claim();
    await cancel(engine.db, cancelled);
    await countAll();
    expect(await ofStep('a')).toMatchObject({ runs: 2 });
    // Nothing is left to visit.
    await countAll();
    expect(await query('SELECT task_id FROM tasker.tasker_run_stats_tasks')).toEqual([]);
    expect((await examine(engine.db)).filter(({ id: check }) => check.startsWith('stats_'))).toEqual([]);
  });

  it('in error are not read again until an operator lets them go on', async () => {
    const worker = await engine.worker();
    const id = await engine.submitOne(workflow);
    await worker.fail(await worker.claimOne(), { permanent: true });
    await age();
    await countAll();
    await countAll();
    expect(await countAll()).toBe(0);
    expect(await retry(engine.db, id)).toMatchObject({ outcome: 'retried' });
    await worker.complete([await worker.claimOne()]);
    expect(await countAll()).toBeGreaterThan(0);
    expect(await ofStep('a')).toMatchObject({ runs: 1, failures: 0, retries: 1 });
    expect(await ofStep(null)).toMatchObject({ runs: 0, failures: 0, retries: 1 });
  });

  it('in error that are removed are forgotten, and do not keep others from being counted', async () => {
    const worker = await engine.worker();
    const id = await engine.submitOne(workflow);
    const other = await engine.submitOne(workflow);
    for (const step of await worker.claim()) await worker.fail(step, { permanent: true });
    await age();
    for (let round = 0; round < 3; round += 1) await countAll();
    expect(await purge(engine.db, [id], { open: true })).toMatchObject({ purged: { tasks: 1 } });
    await retry(engine.db, other);
    await worker.complete([await worker.claimOne()]);
    await countAll();
    expect(await ofStep('a')).toMatchObject({ runs: 1, retries: 1 });
    expect(await query('SELECT task_id FROM tasker.tasker_run_stats_tasks')).toEqual([{ task_id: other }]);
  });
});

it('a transition is counted whose transaction commits long after', async () => {
  const worker = await engine.worker();
  await countAll();
  await engine.submitOne(workflow);
  const step = await worker.claimOne();
  const late = await engine.test.pool.connect();
  try {
    await late.query('BEGIN');
    // As a completion in a transaction of a caller: written now, visible later.
    await late.query(
      `INSERT INTO tasker.tasker_workflow_step_transitions (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent, cause)
       VALUES (${step.taskId}, ${step.stepId}, 2, 'in_progress', 'complete', false, 'complete')`,
    );
    for (let round = 0; round < 20; round += 1) await countRunsOnce(engine.db, NOW);
    expect(await ofStep('a')).toBeUndefined();
    await late.query('COMMIT');
  } finally {
    late.release();
  }
  await countAll();
  await countAll();
  expect(await ofStep('a')).toMatchObject({ runs: 1, failures: 0 });
});
