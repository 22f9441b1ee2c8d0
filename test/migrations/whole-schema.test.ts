import { describe, expect, test } from 'vitest';
import { migrations } from '../../migrations/index.ts';
import { WHOLE_SCHEMA_MIGRATIONS } from '../../migrations/whole-schema.ts';
import { migrateDown, migrateTo, migrateToLatest, migrateUp, migrationStatus } from '../../src/db/migrate.ts';
import { useProcesses } from '../support/processes.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';
import { fingerprint } from './fingerprint.ts';

const database = await useTestDatabase({ empty: true });
const processes = useProcesses();
const names = migrations.map(({ name }) => name);
const clean = () => database.query('DROP SCHEMA IF EXISTS tasker CASCADE');
const tables = () =>
  database.query(
    `SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('tasker') AND relkind IN ('r', 'p', 'v') ORDER BY relname`,
  );
const applied = async () =>
  (await migrationStatus(database.url)).filter(({ appliedAt }) => appliedAt !== null).map(({ name }) => name);

/** An event trigger runs `action` before the first CREATE VIEW, which is far behind the first table. */
async function inTheMiddle(action: string, work: () => Promise<void>): Promise<void> {
  await database.query(
    `CREATE FUNCTION public.in_the_middle() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN ${action} END $$`,
  );
  await database.query(
    `CREATE EVENT TRIGGER in_the_middle ON ddl_command_start WHEN TAG IN ('CREATE VIEW') EXECUTE FUNCTION public.in_the_middle()`,
  );
  try {
    await work();
  } finally {
    await database.query('DROP EVENT TRIGGER in_the_middle');
    await database.query('DROP FUNCTION public.in_the_middle');
  }
}

describe('the whole schema', () => {
  test('stands for every migration', () => {
    expect(WHOLE_SCHEMA_MIGRATIONS, 'run npm run schema').toEqual(names);
  });

  test('is what the migrations make one by one, in every catalogue and row', async () => {
    await migrateUp(database.url, 1, { schema: 'step_by_step' });
    await migrateToLatest(database.url, { schema: 'step_by_step' });
    await migrateToLatest(database.url, { schema: 'all_at_once' });
    const stepByStep = await fingerprint(database, 'step_by_step');
    expect(stepByStep.length).toBeGreaterThan(500);
    expect(await fingerprint(database, 'all_at_once')).toEqual(stepByStep);
  });

  test('reports and records each migration', async () => {
    await clean();
    const reported: string[] = [];
    const done = await migrateToLatest(database.url, {
      onApplied: (name, direction, seconds) => {
        expect(seconds).toBeGreaterThan(0);
        reported.push(`${name} ${direction}`);
      },
    });
    expect(done).toEqual(names);
    expect(reported).toEqual(names.map((name) => `${name} up`));
    expect(await applied()).toEqual(names);
    expect(await migrateToLatest(database.url)).toEqual([]);
  });

  test('goes down like any other, and comes back', async () => {
    await clean();
    await migrateToLatest(database.url);
    const before = await fingerprint(database, 'tasker');
    await migrateDown(database.url, 3);
    await migrateToLatest(database.url);
    expect(await fingerprint(database, 'tasker')).toEqual(before);
    await migrateDown(database.url, names.length);
    expect(await tables()).toEqual([{ relname: 'tasker_migrations' }]);
    await migrateToLatest(database.url);
    expect(await applied()).toEqual(names);
  });

  test('is not for a database that shall have an earlier version', async () => {
    await clean();
    expect(await migrateTo(database.url, '0003_views_v02')).toEqual(names.slice(0, 3));
    expect(await migrateToLatest(database.url)).toEqual(names.slice(3));
  });

  test('leaves nothing behind if it fails in the middle', async () => {
    await clean();
    await inTheMiddle(`RAISE 'no views today';`, async () => {
      await expect(migrateToLatest(database.url)).rejects.toMatchObject({
        code: 'MIGRATION_FAILED',
        message: expect.stringContaining('the script that makes the whole schema failed: no views today'),
      });
    });
    expect(await tables()).toEqual([]);
    expect(await migrateToLatest(database.url)).toEqual(names);
  });

  test('leaves nothing behind if its process is killed in the middle', async () => {
    await clean();
    const sleepers = () =>
      database.query(
        `SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND application_name = 'tasker migrate' AND datname = current_database()`,
      );
    await inTheMiddle('PERFORM pg_sleep(3);', async () => {
      const killed = processes.start('src/cli/main.ts', {
        args: ['migrate', 'up'],
        env: { DATABASE_URL: database.url },
      });
      await waitFor(async () => (await sleepers()).length > 0, { what: 'the middle of the script', timeoutMs: 25_000 });
      await killed.kill('SIGKILL');
      expect(await tables()).toEqual([]);
      await database.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tasker migrate' AND datname = current_database()`,
      );
    });
    expect(await migrateToLatest(database.url)).toEqual(names);
    expect(await applied()).toEqual(names);
  });
});
