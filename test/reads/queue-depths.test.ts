import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../src/client/client.ts';
import { queueStats, type QueueDepthRow } from '../../src/db/reads/queues.ts';
import { Metrics } from '../../src/metrics/registry.ts';
import { countReady } from '../../src/scheduler/chores/count-ready.ts';
import { measureQueues } from '../../src/scheduler/chores/measure.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from '../engine/engine-fixture.ts';
import { evaluateOnce } from '../scaling/evaluate-once.ts';
import { loadTasks } from '../support/load-tasks.ts';

const READY = 12_000;
const engine = await useEngine();
const { query } = engine.test;
const one = await engine.workflow(defineWorkflow({ name: 'one', input: z.unknown() }).step('a', () => 1));
const other = await engine.workflow(defineWorkflow({ name: 'other', input: z.unknown() }).step('a', () => 1));
await loadTasks(engine.test.pool, { namedTaskId: one, tasks: READY, progress: [0] });
await loadTasks(engine.test.pool, { namedTaskId: other, tasks: 500, progress: [0] });
await query(`UPDATE tasker.tasker_workflow_steps SET queue = 'small' WHERE named_task_id = $1 AND task_id % 5 = 0`, [
  other,
]);
await query('VACUUM ANALYZE tasker.tasker_workflow_steps');

const depths = async (): Promise<Record<string, QueueDepthRow>> =>
  Object.fromEntries((await engine.db.run(queueStats)).map((row) => [row.queue, row]));
const depthOf = async (queue: string): Promise<QueueDepthRow | undefined> => (await depths())[queue];

const evaluate = (): Promise<unknown> => evaluateOnce(engine.db);

beforeEach(async () => {
  await query('DELETE FROM tasker.tasker_queue_scaling_signals');
  await query('DELETE FROM tasker.tasker_pauses');
});

describe('the number of ready steps of a queue', () => {
  it('is exact up to a bound, and above it what a scheduler counted for the scaling', async () => {
    expect(await depths()).toMatchObject({
      default: { ready: 10_000, ready_is: 'at_least' },
      small: { ready: 100, ready_is: 'exact' },
    });
    await evaluate();
    expect(await depths()).toMatchObject({
      default: { ready: READY + 400, ready_is: 'about' },
      small: { ready: 100, ready_is: 'exact' },
    });
    const client = createClient({ url: engine.test.url, notify: false });
    expect(await client.queues()).toMatchObject([
      { queue: 'default', ready: READY + 400, ready_is: 'about', workers: 0, paused: null },
      { queue: 'small', ready: 100, ready_is: 'exact' },
    ]);
    await client.close();
  });

  it('is that of the scheduler only while its evaluation is valid, and not while the queue is paused', async () => {
    await evaluate();
    await query(`UPDATE tasker.tasker_queue_scaling_signals SET valid_until = clock_timestamp()`);
    expect(await depthOf('default')).toMatchObject({ ready: 10_000, ready_is: 'at_least' });
    await query(`
      INSERT INTO tasker.tasker_pauses (kind, name, by) VALUES ('queue', 'default', 'a test')`);
    await evaluate();
    expect(await depthOf('default')).toMatchObject({ ready: 10_000, ready_is: 'at_least' });
  });

  it('is in the metrics of a scheduler', async () => {
    await evaluate();
    const metrics = new Metrics('scheduler');
    await measureQueues(engine.db, metrics, 1).run();
    const text = await metrics.registry.metrics();
    expect(text).toContain(`tasker_ready_steps{queue="default",role="scheduler"} ${READY + 400}`);
    expect(text).toContain('tasker_ready_steps{queue="small",role="scheduler"} 100');
  });

  it('is counted for fewer steps of each queue if there are very many queues', async () => {
    await engine.test.query(
      `UPDATE tasker.tasker_workflow_steps SET queue = 'many-' || task_id % 60 WHERE named_task_id = $1`,
      [one],
    );
    try {
      const [row] = await query<{ most: number; all: number }>(
        `SELECT max(n)::integer AS most, sum(n)::integer AS all FROM (SELECT count(*) AS n FROM tasker.tasker_workflow_steps GROUP BY queue) q`,
      );
      expect(row).toEqual({ most: 400, all: READY + 500 });
      expect(Object.values(await depths()).reduce((sum, { ready }) => sum + ready, 0)).toBe(READY + 500);
    } finally {
      await query(`UPDATE tasker.tasker_workflow_steps SET queue = 'default' WHERE named_task_id = $1`, [one]);
    }
  });
});

it('the oldest step of a queue is found behind more urgent ones that are not all counted', async () => {
  const [old] = await query<{ id: string }>(`
    UPDATE tasker.tasker_workflow_steps SET priority = 9, ready_at = clock_timestamp() - interval '30 days'
    WHERE workflow_step_id = (SELECT max(workflow_step_id) FROM tasker.tasker_workflow_steps WHERE named_task_id = ${one})
    RETURNING workflow_step_id AS id`);
  await query(
    `UPDATE tasker.tasker_workflow_steps SET priority = 5 WHERE named_task_id = ${one} AND task_id % 7 = 0 AND workflow_step_id <> $1`,
    [old?.id],
  );
  const age = (await depthOf('default'))?.oldest_ready_seconds;
  expect(age).toBeGreaterThan(30 * 86_400 - 1);
  expect(age).toBeLessThan(30 * 86_400 + 600);
});

describe('the count of a scheduler', () => {
  const counted = async (stretch: number): Promise<unknown[]> =>
    (await countReady(engine.db, stretch)).queues.toSorted((a, b) => a.queue.localeCompare(b.queue));
  const truth = (skipped: number[] = []): Promise<unknown[]> =>
    query(
      `SELECT queue, count(*)::float8 AS ready, extract(epoch FROM min(ready_at))::float8 AS oldest_at
       FROM tasker.tasker_workflow_steps WHERE ready_at IS NOT NULL AND named_task_id <> ALL ($1) GROUP BY queue ORDER BY queue`,
      [skipped],
    );

  it('has every step once, whatever the length of its stretches', async () => {
    // Many steps that differ by their id alone, or by a microsecond.
    await query(
      `UPDATE tasker.tasker_workflow_steps SET ready_at = date_trunc('second', ready_at) + (task_id % 3) * interval '1 microsecond'`,
    );
    for (const stretch of [1000, 997, 12_500, 50_000]) expect(await counted(stretch)).toEqual(await truth());
    expect((await countReady(engine.db, 12_500)).atOnce).toBe(false);
    expect((await countReady(engine.db, 12_501)).atOnce).toBe(true);
  });

  it('leaves out the steps of paused workflows, and goes on where they fill a stretch', async () => {
    await query(`INSERT INTO tasker.tasker_pauses (kind, name, by) VALUES ('workflow', 'default/one', 'a test')`);
    for (const stretch of [100, 5000, 50_000]) expect(await counted(stretch)).toEqual(await truth([one]));
  });
});
