import { afterAll, expect, it } from 'vitest';
import { openDatabase } from '../../src/db/connections/database.ts';
import { extendHistoryAhead } from '../../src/scheduler/chores/extend-history.ts';
import type { TaskerError } from '../../src/errors.ts';
import { useTestDatabase } from '../support/test-database.ts';

const test = await useTestDatabase();
const db = openDatabase({ url: test.url, poolSize: 4 });
afterAll(() => db.close());
const chore = extendHistoryAhead({
  db,
  onMissing: (error) => {
    throw error;
  },
});

/** The upper bound of each partition, in order, and the checks that are left on them. */
async function bounds(table = 'tasker_workflow_step_transitions'): Promise<string[]> {
  const rows = await test.query<{ name: string; bound: string; checks: string[] }>(
    `SELECT c.relname AS name, substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \\(''?(\\w+)') AS bound,
       ARRAY(SELECT conname::text FROM pg_constraint WHERE conrelid = c.oid AND contype = 'c' AND conname NOT LIKE '%cause_known') AS checks
     FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::regclass
     ORDER BY substring(c.relname FROM '\\d+$')::integer`,
    [`tasker.${table}`],
  );
  expect(rows.map(({ name }) => name)).toEqual(rows.map((_, index) => `${table}_p${index + 1}`));
  expect(rows.flatMap(({ checks }) => checks)).toEqual([]);
  return rows.map(({ bound }) => bound);
}
const submitted = (tasks: number) =>
  test.query(`SELECT setval(pg_get_serial_sequence('tasker.tasker_tasks', 'task_id'), $1)`, [tasks]);
/** Writes one transition for each of `rows` tasks from an id on. */
const write = (from: number, rows: number) =>
  test.query(
    `INSERT INTO tasker.tasker_workflow_step_transitions (task_id, workflow_step_id, sort_key, to_state, most_recent, cause)
     SELECT $1::bigint + n, ($1::bigint + n) * 65536 + 1, 1, 'in_progress', true, 'claim' FROM generate_series(0, $2::integer - 1) AS n`,
    [from, rows],
  );
const rowsIn = async (partition: string) =>
  (await test.query<{ rows: number }>(`SELECT count(*)::integer AS rows FROM tasker.${partition}`))[0]?.rows;

it('does nothing while the last partition is far ahead', async () => {
  await submitted(1_700_000);
  expect(await chore.run()).toEqual({ done: 0, more: false });
  expect(await bounds()).toEqual(['2000000', 'MAXVALUE']);
});

it('makes one ahead of the tasks that are submitted, once, however many schedulers do', async () => {
  await submitted(1_850_000);
  await Promise.all([chore.run(), chore.run(), chore.run()]);
  for (const table of ['tasker_workflow_step_transitions', 'tasker_task_transitions'])
    expect(await bounds(table)).toEqual(['2000000', '3000000', 'MAXVALUE']);
  const [row] = await test.query<{ options: string[] }>(
    `SELECT reloptions AS options FROM pg_class WHERE oid = 'tasker.tasker_workflow_step_transitions_p3'::regclass`,
  );
  expect(row?.options).toContain('fillfactor=50');
  expect(await chore.run()).toEqual({ done: 0, more: false });
});

it('comes too late without harm: what the last partition took stays in it', async () => {
  await write(3_400_000, 100);
  await submitted(4_600_000);
  await chore.run();
  expect(await bounds()).toEqual(['2000000', '3000000', '5000000', 'MAXVALUE']);
  expect(await rowsIn('tasker_workflow_step_transitions_p3')).toBe(100);
});

it('bounds a last partition with many rows by a check that it proves before, and not under the lock', async () => {
  await write(5_000_000, 150_000);
  await submitted(5_200_000);
  await chore.run();
  expect(await bounds()).toEqual(['2000000', '3000000', '5000000', '8000000', 'MAXVALUE']);
  // That of tasks had no rows, so it got the usual bound.
  expect(await bounds('tasker_task_transitions')).toEqual(['2000000', '3000000', '5000000', '6000000', 'MAXVALUE']);
  expect(await rowsIn('tasker_workflow_step_transitions_p4')).toBe(150_000);
});

it('leaves it to the next round if it does not get the lock', async () => {
  await submitted(7_900_000);
  const reader = await test.pool.connect();
  try {
    await reader.query('BEGIN');
    await reader.query('SELECT FROM tasker.tasker_workflow_step_transitions LIMIT 1');
    expect(await chore.run()).toEqual({ done: 0, more: false });
    await reader.query('COMMIT');
  } finally {
    reader.release();
  }
  expect((await bounds()).at(-2)).toBe('8000000');
  expect((await chore.run()).done).toBe(2);
  expect((await bounds()).at(-2)).toBe('9000000');
});

it('reports once if its role may not make partitions', async () => {
  await submitted(8_900_000);
  await test.query(`CREATE ROLE other_scheduler LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA tasker TO other_scheduler;
    GRANT SELECT ON ALL TABLES IN SCHEMA tasker TO other_scheduler; GRANT SELECT, USAGE ON ALL SEQUENCES IN SCHEMA tasker TO other_scheduler`);
  const url = new URL(test.url);
  url.username = 'other_scheduler';
  url.password = 'x';
  const other = openDatabase({ url: url.href, poolSize: 1 });
  try {
    const reports: TaskerError[] = [];
    const theirs = extendHistoryAhead({ db: other, onMissing: (error) => reports.push(error) });
    await theirs.run();
    await theirs.run();
    expect(reports).toMatchObject([
      { code: 'RIGHT_MISSING', message: /role "other_scheduler" may not make partitions/ },
    ]);
  } finally {
    await other.close();
    await test.query('DROP OWNED BY other_scheduler; DROP ROLE other_scheduler');
  }
});
