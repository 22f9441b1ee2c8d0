import { expect, it } from 'vitest';
import { examine } from '../../src/db/doctor/examine.ts';
import { claim } from '../../src/engine/claim.ts';
import { complete } from '../../src/engine/complete.ts';
import { taskRange } from '../../src/engine/lock-order.ts';
import { release } from '../../src/engine/release.ts';
import { diamond, useEngine } from './engine-fixture.ts';

const engine = await useEngine();
const workflow = await engine.workflow(diamond);
const worker = await engine.worker();
const claimFrom = (lowest?: number) =>
  claim(engine.db, {
    workerId: worker.id,
    queue: 'default',
    namedTaskIds: [workflow],
    limit: 16,
    ...(lowest === undefined ? {} : { lowestTask: lowest }),
  });

it('a claim that opens the history of recent tasks leaves older steps that have a history, as they are, to one that opens all', async () => {
  const [tried, untried, recent] = [
    await engine.submitOne(workflow),
    await engine.submitOne(workflow),
    await engine.submitOne(workflow),
  ];
  const held = await claimFrom();
  const given = held.filter(({ taskId }) => taskId !== untried);
  await release(engine.db, { workerId: worker.id, steps: held });
  expect(given).toHaveLength(2);
  const old = await engine.submitOne(workflow);
  // The root of `old` was never attempted, those of the others were.
  const claimed = await claimFrom(Number(recent));
  expect(claimed.map(({ taskId }) => taskId).toSorted()).toEqual([recent, old].toSorted());
  expect((await engine.steps(tried))[0]).toMatchObject({ state: 'pending', attempts: 0, ready: true });
  expect((await claimFrom()).map(({ taskId }) => taskId).toSorted()).toEqual([tried, untried].toSorted());
  expect(await examine(engine.db)).toEqual([]);
});

it('a batch has the lowest and the highest id of its tasks, whatever the order of its steps', async () => {
  const key = (taskId: string, stepId: string) => ({ taskId, stepId, claimId: '' });
  expect(taskRange([key('20', '1'), key('9', '2'), key('100', '3')])).toEqual({
    lowest_task: '9',
    highest_task: '100',
  });
  expect(taskRange([])).toEqual({ lowest_task: '0', highest_task: '0' });
});

it('a completion of steps of tasks far apart writes the history of each', async () => {
  const old = await engine.submitOne(workflow);
  await engine.test.query(`SELECT setval(pg_get_serial_sequence('tasker.tasker_tasks', 'task_id'), 2500000)`);
  const recent = await engine.submitOne(workflow);
  const held = (await claimFrom()).filter(({ taskId }) => taskId === old || taskId === recent);
  expect(held).toHaveLength(2);
  await complete(engine.db, {
    workerId: worker.id,
    completions: held.toReversed().map((step) => ({ ...step, result: '1' })),
    claimLimit: 0,
    queues: ['default'],
    namedTaskIds: [workflow],
  });
  const rows = await engine.test.query(
    `SELECT task_id, tableoid::regclass::text AS partition, count(*)::integer AS transitions
     FROM tasker.tasker_workflow_step_transitions WHERE task_id = ANY ($1::bigint[]) GROUP BY 1, 2 ORDER BY 1`,
    [[old, recent]],
  );
  expect(rows).toEqual([
    { task_id: old, partition: 'tasker.tasker_workflow_step_transitions_p1', transitions: 2 },
    { task_id: recent, partition: 'tasker.tasker_workflow_step_transitions_p2', transitions: 2 },
  ]);
  expect(await examine(engine.db)).toEqual([]);
});
