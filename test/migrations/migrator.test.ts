import { describe, expect, test } from 'vitest';
import { migrations } from '../../migrations/index.ts';
import { migrateTo, migrateToLatest, migrationStatus } from '../../src/db/migrate.ts';
import { useProcesses } from '../support/processes.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const database = await useTestDatabase({ empty: true });
const processes = useProcesses();
const names = migrations.map(({ name }) => name);
const clean = () => database.query('DROP SCHEMA IF EXISTS tasker CASCADE');
const applied = async () =>
  (await migrationStatus(database.url)).filter(({ appliedAt }) => appliedAt !== null).map(({ name }) => name);

describe('the migrator', () => {
  test('applies each migration once when several processes start at once', async () => {
    await clean();
    const starts = Array.from({ length: 4 }, () =>
      processes.start('src/cli/main.ts', { args: ['migrate', 'up', '--json'], env: { DATABASE_URL: database.url } }),
    );
    const exits = await Promise.all(starts.map((start) => start.exited));
    expect(exits.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(await applied()).toEqual(names);
    const rows = await database.query('SELECT name FROM tasker.tasker_migrations ORDER BY name');
    expect(rows.map(({ name }) => name)).toEqual(names);
  });

  test('refuses a schema with tables of another program by name, and leaves nothing behind', async () => {
    await database.query('DROP TABLE IF EXISTS public.tasker_named_tasks, public.tasker_migrations');
    await database.query('CREATE TABLE public.tasker_named_tasks (named_task_id integer)');
    await expect(migrateToLatest(database.url, { schema: 'public' })).rejects.toMatchObject({
      code: 'SCHEMA_OCCUPIED',
      message: expect.stringContaining(
        'schema "public" has tables of Tasker (Ruby), but it lacks tasker_tasks, tasker_workflow_steps, tasker_named_steps (tasker_named_tasks)',
      ),
    });
    expect(
      await database.query(
        `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`,
      ),
    ).toEqual([{ relname: 'tasker_named_tasks' }]);
    await database.query('DROP TABLE public.tasker_named_tasks');
  });

  test('names the rows that a constraint or a unique index refuses', async () => {
    await clean();
    await migrateTo(database.url, '0005_backfill_engine_columns');
    await database.query(`INSERT INTO tasker.tasker_task_namespaces (name) VALUES ('n')`);
    await database.query(
      `INSERT INTO tasker.tasker_tasks (task_id, named_task_id, context, identity_hash, complete) SELECT n, 1, '{}', n, true FROM generate_series(1, 7) AS n`,
    );
    await expect(migrateToLatest(database.url)).rejects.toThrow(
      /7 rows of tasker_tasks contradict tasks_complete_means_done \(the first are task_id 1; task_id 2; .*SELECT task_id FROM tasker\.tasker_tasks WHERE/s,
    );
    await database.query('UPDATE tasker.tasker_tasks SET complete = false');
    await database.query(
      `INSERT INTO tasker.tasker_workflow_step_transitions (task_id, workflow_step_id, sort_key, to_state, most_recent, cause)
       SELECT 1, 65537, n, 'error', true, 'test' FROM generate_series(1, 1) AS n`,
    );
    await database.query('DROP INDEX tasker.index_step_transitions_on_step_and_most_recent');
    await database.query(
      `INSERT INTO tasker.tasker_workflow_step_transitions (task_id, workflow_step_id, sort_key, to_state, most_recent, cause)
       VALUES (1, 65537, 2, 'error', true, 'test')`,
    );
    await expect(migrateToLatest(database.url)).rejects.toThrow(
      /1 keys of tasker\.tasker_workflow_step_transitions are there more than once, .*task_id 1/s,
    );
    await clean();
  });

  test('goes on after it was killed in the middle of a backfill and of a concurrent build', async () => {
    await clean();
    await migrateTo(database.url, '0004_engine_columns');
    await database.query(`
      INSERT INTO tasker.tasker_task_namespaces (name) VALUES ('n')`);
    await database.query(
      `INSERT INTO tasker.tasker_named_tasks (task_namespace_id, name) SELECT task_namespace_id, 't' FROM tasker.tasker_task_namespaces`,
    );
    await database.query(`INSERT INTO tasker.tasker_named_steps (name) VALUES ('s')`);
    await database.query(`
      INSERT INTO tasker.tasker_tasks (task_id, named_task_id, context, identity_hash)
      SELECT n, (SELECT min(named_task_id) FROM tasker.tasker_named_tasks), '{}', n FROM generate_series(1, 2500) AS n`);
    await database.query(`
      INSERT INTO tasker.tasker_workflow_steps (task_id, workflow_step_id, named_step_id)
      SELECT n, n, (SELECT min(named_step_id) FROM tasker.tasker_named_steps) FROM generate_series(1, 2500) AS n`);

    // Holds the row of a task of the third batch, so that the migrator stands still there.
    const holder = await database.pool.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT FROM tasker.tasker_tasks WHERE task_id = 2400 FOR UPDATE');
    const killed = processes.start('src/cli/main.ts', { args: ['migrate', 'up'], env: { DATABASE_URL: database.url } });
    await waitFor(
      async () =>
        (await database.query(`SELECT 1 FROM tasker.tasker_workflow_steps WHERE named_task_id > 0 LIMIT 1`)).length > 0,
      { what: 'the first batch' },
    );
    await killed.kill('SIGKILL');
    await holder.query('ROLLBACK');
    holder.release();
    expect(await applied()).toEqual(names.slice(0, 4));

    // What a build that was killed leaves behind: an invalid index of the same name.
    await database.query(
      `CREATE INDEX steps_ready ON tasker.tasker_workflow_steps (queue, priority, ready_at, workflow_step_id) WHERE ready_at IS NOT NULL`,
    );
    await database.query(`UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'tasker.steps_ready'::regclass`);
    await migrateToLatest(database.url);
    expect(await applied()).toEqual(names);
    const [counts] = await database.query(`
      SELECT count(*) FILTER (WHERE ready_at IS NOT NULL AND named_task_id > 0)::integer AS ready,
        (SELECT indisvalid FROM pg_index WHERE indexrelid = 'tasker.steps_ready'::regclass) AS valid
      FROM tasker.tasker_workflow_steps`);
    expect(counts).toEqual({ ready: 2500, valid: true });
  });

  test('builds the eight indexes of the second version, valid, and the third keeps none of them', async () => {
    await clean();
    await migrateTo(database.url, '0002_eight_indexes');
    const seed = [
      'index_step_transitions_completed_parents',
      'index_step_transitions_current_errors',
      'index_step_transitions_current_state_optimized',
      'index_task_transitions_current_state_optimized',
      'index_workflow_steps_backoff_timing',
      'index_workflow_steps_processing_status',
      'index_workflow_steps_retry_logic',
      'index_workflow_steps_task_covering',
    ];
    const found = async () =>
      (
        await database.query(
          `SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
           WHERE i.indisvalid AND c.relname = ANY ($1) ORDER BY 1`,
          [seed],
        )
      ).map(({ relname }) => relname);
    expect(await found()).toEqual(seed);
    await migrateToLatest(database.url);
    expect(await found()).toEqual([]);
  });

  test('refuses a database that another version has migrated further', async () => {
    await database.query(`INSERT INTO tasker.tasker_migrations (name) VALUES ('9999_of_tomorrow')`);
    await expect(migrateToLatest(database.url)).rejects.toMatchObject({ code: 'MIGRATION_FOREIGN' });
    await database.query(`DELETE FROM tasker.tasker_migrations WHERE name = '9999_of_tomorrow'`);
  });
});
