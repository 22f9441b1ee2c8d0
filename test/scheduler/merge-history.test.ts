import { expect, it } from 'vitest';
import { examine } from '../../src/db/doctor/examine.ts';
import { extendHistoryAhead } from '../../src/scheduler/chores/extend-history.ts';
import { mergeOldHistory } from '../../src/scheduler/chores/merge-history.ts';
import { diamond, useEngine } from '../engine/engine-fixture.ts';
import { loadTasks } from '../support/load-tasks.ts';

const engine = await useEngine();
const { test, db } = engine;
const workflow = await engine.workflow(diamond);
const extend = extendHistoryAhead({ db, onMissing: () => undefined });
const chore = mergeOldHistory({ db });

const TABLES = ['tasker_workflow_step_transitions', 'tasker_task_transitions'];

async function partitions(table: string): Promise<string[]> {
  const rows = await test.query<{ part: string }>(
    `SELECT c.relname || ' ' || pg_get_expr(c.relpartbound, c.oid) AS part
     FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::regclass ORDER BY c.relname`,
    [`tasker.${table}`],
  );
  return rows.map(({ part }) => part.replace(`${table}_`, ''));
}

/** All of the history, by key. */
const historyOf = (taskIds: readonly string[]) =>
  test.query(
    `SELECT to_jsonb(x) AS row FROM tasker.tasker_workflow_step_transitions x WHERE task_id = ANY ($1)
     UNION ALL SELECT to_jsonb(x) FROM tasker.tasker_task_transitions x WHERE task_id = ANY ($1) ORDER BY 1`,
    [taskIds],
  );

/** The next task has an id above this one, and there is a partition behind it. */
async function goOnAt(id: number): Promise<void> {
  await test.query(`SELECT setval(pg_get_serial_sequence('tasker.tasker_tasks', 'task_id'), $1)`, [id]);
  await extend.run();
}

const remove = (below: string | number, kept: readonly string[]) =>
  test.query(
    `WITH gone AS (DELETE FROM tasker.tasker_tasks WHERE task_id < $1 AND task_id <> ALL ($2) RETURNING task_id),
       s AS (DELETE FROM tasker.tasker_workflow_steps WHERE task_id IN (SELECT task_id FROM gone)),
       e AS (DELETE FROM tasker.tasker_workflow_step_edges WHERE task_id IN (SELECT task_id FROM gone)),
       h AS (DELETE FROM tasker.tasker_task_transitions WHERE task_id IN (SELECT task_id FROM gone))
     DELETE FROM tasker.tasker_workflow_step_transitions WHERE task_id IN (SELECT task_id FROM gone)`,
    [below, kept],
  );

it('two old partitions of which little is left become one, with the history of what is left', async () => {
  const first = await engine.submitOne(workflow);
  await loadTasks(test.pool, { namedTaskId: workflow, tasks: 2000, progress: [-1] });
  await goOnAt(2_100_000);
  const second = await engine.submitOne(workflow);
  await loadTasks(test.pool, { namedTaskId: workflow, tasks: 2000, progress: [-1] });
  const worker = await engine.worker();
  const held = await worker.claim();
  await worker.complete(held);
  // The second is in use.
  expect(await chore.run()).toEqual({ done: 0, more: false });
  await goOnAt(3_100_000);
  // Too many tasks are left.
  expect(await chore.run()).toEqual({ done: 0, more: false });
  await remove(3_100_000, [first, second]);

  const before = await historyOf([first, second]);
  expect(before.length).toBeGreaterThan(4);
  expect(await chore.run()).toEqual({ done: 2, more: true });
  for (const table of TABLES) {
    expect(await partitions(table)).toEqual([
      `p1 FOR VALUES FROM (MINVALUE) TO ('3000000')`,
      `p3 FOR VALUES FROM ('3000000') TO ('4000000')`,
      `p4 FOR VALUES FROM ('4000000') TO (MAXVALUE)`,
    ]);
  }
  expect(await historyOf([first, second])).toEqual(before);
  expect(await chore.run()).toEqual({ done: 0, more: false });

  // What is left goes on as if nothing had happened.
  for (let steps = await worker.claim(); steps.length > 0; steps = await worker.claim()) await worker.complete(steps);
  expect([await engine.taskState(first), await engine.taskState(second)]).toEqual(['complete', 'complete']);
  expect(await examine(db)).toEqual([]);
});

it('a task that is restored has its place, whatever was dropped', async () => {
  await test.query(
    `INSERT INTO tasker.tasker_task_transitions (task_id, sort_key, from_state, to_state, most_recent, cause)
     VALUES (2500000, 1, 'pending', 'in_progress', true, 'claim')`,
  );
  const [row] = await test.query<{ part: string }>(
    `DELETE FROM tasker.tasker_task_transitions WHERE task_id = 2500000 RETURNING tableoid::regclass::text AS part`,
  );
  expect(row?.part).toBe('tasker.tasker_task_transitions_p1');
});

it('gives up for ten minutes if something reads the history', async () => {
  await goOnAt(4_100_000);
  const reader = await test.pool.connect();
  try {
    await reader.query('BEGIN');
    await reader.query('SELECT FROM tasker.tasker_workflow_step_transitions LIMIT 1');
    expect(await chore.run()).toEqual({ done: 0, more: false });
  } finally {
    await reader.query('COMMIT');
    reader.release();
  }
  expect(await chore.run()).toEqual({ done: 0, more: false });
  expect(await mergeOldHistory({ db }).run()).toEqual({ done: 2, more: true });
  expect((await partitions('tasker_task_transitions'))[0]).toBe(`p1 FOR VALUES FROM (MINVALUE) TO ('4000000')`);
});
