import { migrations } from '../../migrations/index.ts';
import { expect, it } from 'vitest';
import { examine } from '../../src/db/doctor/examine.ts';
import { openDatabase } from '../../src/db/connections/database.ts';
import { migrateTo, migrateToLatest } from '../../src/db/migrate.ts';
import { registerWorkflow } from '../../src/engine/register-workflow.ts';
import { diamond } from '../engine/engine-fixture.ts';
import { loadTasks } from '../support/load-tasks.ts';
import { useTestDatabase } from '../support/test-database.ts';

const BEFORE = migrations[migrations.findIndex(({ name }) => name.endsWith('_history_partitions')) - 1]?.name as string;
const test = await useTestDatabase({ empty: true });

const HISTORY = ['tasker_workflow_step_transitions', 'tasker_task_transitions'];

/** The partitions of a table with their bounds and the number of their file, which a rewrite changes. */
const partitions = (table: string) =>
  test.query<{ name: string; bound: string; file: string; options: string[]; comment: string | null }>(
    `SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound, pg_relation_filenode(c.oid)::text AS file,
       c.reloptions AS options, obj_description(c.oid, 'pg_class') AS comment
     FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = $1::regclass ORDER BY c.relname`,
    [`tasker.${table}`],
  );
const fileOf = async (table: string) =>
  (
    await test.query<{ file: string }>(`SELECT pg_relation_filenode($1::regclass)::text AS file`, [`tasker.${table}`])
  )[0]?.file;
const indexes = (table: string) =>
  test.query<{ name: string; file: string | null; valid: boolean }>(
    `SELECT c.relname AS name, pg_relation_filenode(c.oid)::text AS file, i.indisvalid AS valid
     FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = $1::regclass ORDER BY c.relname`,
    [`tasker.${table}`],
  );
const columns = (table: string) =>
  test.query(
    `SELECT attname, format_type(atttypid, atttypmod) AS type, attnotnull, pg_get_expr(d.adbin, d.adrelid) AS value,
       col_description(attrelid, attnum) AS comment
     FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum`,
    [`tasker.${table}`],
  );

it('makes what is there the first partition, as it is, with views, comments and rights; and takes that back', async () => {
  await migrateTo(test.url, BEFORE);
  const db = openDatabase({ url: test.url, poolSize: 2 });
  try {
    const namedTaskId = await registerWorkflow(db, diamond);
    await loadTasks(test.pool, { namedTaskId, tasks: 200, progress: [-1, 0, 2] });
    await test.query(`CREATE ROLE partition_reader; GRANT SELECT ON tasker.tasker_task_transitions TO partition_reader;
      CREATE SCHEMA reports;
      CREATE VIEW reports.ended WITH (security_invoker = true) AS SELECT task_id FROM tasker.tasker_task_transitions WHERE to_state = 'complete';
      CREATE VIEW reports.ended_count AS SELECT count(*) FROM reports.ended;
      COMMENT ON VIEW reports.ended IS 'mine'; GRANT SELECT ON reports.ended TO partition_reader`);
    const files = await Promise.all(HISTORY.map(fileOf));
    const indexed = await Promise.all(HISTORY.map(indexes));
    const described = await Promise.all(HISTORY.map(columns));
    const shown = await test.query('SELECT * FROM tasker.tasker_step_readiness_statuses ORDER BY workflow_step_id');
    const ended = await test.query('SELECT * FROM reports.ended_count');

    await migrateToLatest(test.url);
    for (const [index, table] of HISTORY.entries()) {
      const [first, second, ...more] = await partitions(table);
      expect(first).toMatchObject({
        name: `${table}_p1`,
        bound: "FOR VALUES FROM (MINVALUE) TO ('2000000')",
        file: files[index],
      });
      expect(second).toMatchObject({
        name: `${table}_p2`,
        bound: "FOR VALUES FROM ('2000000') TO (MAXVALUE)",
        options: first?.options,
        comment: first?.comment,
      });
      expect(more).toEqual([]);
      // Indexes keep their files, too, and none is built.
      expect((await indexes(`${table}_p1`)).map(({ file }) => file).toSorted()).toEqual(
        indexed[index]?.map(({ file }) => file).toSorted(),
      );
      expect((await indexes(table)).map(({ name, valid }) => [name, valid])).toEqual(
        indexed[index]?.map(({ name }) => [name, true]),
      );
      expect(await columns(table)).toEqual(described[index]);
    }
    expect(await test.query('SELECT * FROM tasker.tasker_step_readiness_statuses ORDER BY workflow_step_id')).toEqual(
      shown,
    );
    expect(await test.query('SELECT * FROM reports.ended_count')).toEqual(ended);
    expect(
      await test.query(`SELECT has_table_privilege('partition_reader', 'tasker.tasker_task_transitions', 'SELECT') AS history,
        has_table_privilege('partition_reader', 'reports.ended', 'SELECT') AS report, obj_description('reports.ended'::regclass) AS comment,
        (SELECT reloptions FROM pg_class WHERE oid = 'reports.ended'::regclass) AS options`),
    ).toEqual([{ history: true, report: true, comment: 'mine', options: ['security_invoker=true'] }]);
    expect(await examine(db)).toEqual([]);
    // A view reads every partition, and not the one that had the name.
    await test.query(
      `INSERT INTO tasker.tasker_task_transitions (task_id, sort_key, to_state, most_recent, cause) VALUES (3000000, 1, 'complete', true, 'complete')`,
    );
    expect(await test.query('SELECT count(*)::integer AS n FROM reports.ended WHERE task_id = 3000000')).toEqual([
      { n: 1 },
    ]);
    await expect(migrateTo(test.url, BEFORE)).rejects.toThrow(
      /rows in more than one partition \(task 3000000 in tasker_task_transitions_p2\)/,
    );
    await test.query('DELETE FROM tasker.tasker_task_transitions WHERE task_id = 3000000');

    await migrateTo(test.url, BEFORE);
    expect(await Promise.all(HISTORY.map(fileOf))).toEqual(files);
    expect(await Promise.all(HISTORY.map(indexes))).toEqual(indexed);
    expect(await Promise.all(HISTORY.map(columns))).toEqual(described);
    expect(await test.query('SELECT * FROM reports.ended_count')).toEqual(ended);
    // The doctor reads tables that only later migrations make.
    await migrateToLatest(test.url);
    expect(await examine(db)).toEqual([]);
  } finally {
    await db.close();
    await test.query(
      `DROP SCHEMA reports CASCADE; REASSIGN OWNED BY partition_reader TO CURRENT_USER; DROP OWNED BY partition_reader; DROP ROLE partition_reader`,
    );
  }
});
