import { describe, expect, test } from 'vitest';
import { migrateToLatest } from '../../src/db/migrate.ts';
import { openDatabase } from '../../src/db/connections/database.ts';
import { importTasker } from '../../src/import-tasker/import-tasker.ts';
import { CLASSES, schemaOf } from '../support/ruby-tasker/schema.ts';
import { useTestDatabase } from '../support/test-database.ts';

const database = await useTestDatabase({ empty: true });
const RELEASES = { A0: '0.1-1.4', A: '1.5-1.6', B: '2.0-2.1', C: '2.2', D: '2.3-2.7 or 1.0.x' } as const;
const CORE = `
  DROP SCHEMA IF EXISTS core CASCADE;
  CREATE SCHEMA core;
  CREATE TABLE core.tasks (task_uuid uuid PRIMARY KEY, named_task_uuid uuid);
  CREATE TABLE core.workflow_steps (workflow_step_uuid uuid PRIMARY KEY, task_uuid uuid)`;

const tablesIn = (schema: string) =>
  database.query(`SELECT c.relname FROM pg_class c WHERE c.relnamespace = to_regnamespace($1) ORDER BY 1`, [schema]);

async function clean(): Promise<void> {
  await database.query(
    'DROP SCHEMA IF EXISTS ruby CASCADE; DROP SCHEMA IF EXISTS core CASCADE; DROP SCHEMA IF EXISTS tasker CASCADE',
  );
}

describe('tasker migrate', () => {
  test.each(CLASSES)(
    'refuses the tables of class %s before it writes, and names the release and the way',
    async (form) => {
      await clean();
      await database.query(schemaOf(form));
      const before = await tablesIn('ruby');
      await expect(migrateToLatest(database.url, { schema: 'ruby' })).rejects.toMatchObject({
        code: 'SCHEMA_OCCUPIED',
        message: expect.stringMatching(
          new RegExp(
            `^schema "ruby" has tables of Tasker \\(Ruby\\) ${RELEASES[form].replaceAll('.', '\\.')} \\(.*nothing was changed; set TASKER_SCHEMA to another schema and migrate again, then bring its tasks over with tasker import-tasker --source-schema ruby`,
          ),
        ),
      });
      expect(await tablesIn('ruby')).toEqual(before);
    },
  );

  test('refuses the tables of tasker-core', async () => {
    await clean();
    await database.query(CORE);
    await expect(migrateToLatest(database.url, { schema: 'core' })).rejects.toMatchObject({
      message: expect.stringContaining('schema "core" has tables of tasker-core'),
    });
    expect(await tablesIn('core')).toHaveLength(4);
  });

  test('makes its schema beside that of Tasker, once with a hint at the import', async () => {
    await clean();
    await database.query(schemaOf('B'));
    const warnings: string[] = [];
    const onWarning = (warning: string): void => void warnings.push(warning);
    await migrateToLatest(database.url, { onWarning });
    await migrateToLatest(database.url, { onWarning });
    expect(warnings).toEqual([
      'schema "ruby" has the tables of Tasker (Ruby) 2.0-2.1, which stay as they are; tasker import-tasker --source-schema ruby --dry-run shows what can be brought over',
    ]);
  });

  test('refuses its own tables if their record is lost', async () => {
    await database.query('ALTER TABLE tasker.tasker_migrations RENAME TO lost');
    await expect(migrateToLatest(database.url)).rejects.toMatchObject({
      message: expect.stringMatching(/has tables of Tasker Fleet .* restore the table tasker_migrations from a backup/),
    });
    await database.query('ALTER TABLE tasker.lost RENAME TO tasker_migrations');
  });
});

describe('tasker import-tasker', () => {
  test('refuses what it cannot read, and names where Tasker is', async () => {
    await database.query('DROP SCHEMA IF EXISTS ruby CASCADE');
    const db = openDatabase({ url: database.url, poolSize: 2 });
    const refused = (options: object) =>
      importTasker(db, options).then(
        () => 'not refused',
        (error: Error) => error.message,
      );
    try {
      expect(await refused({})).toMatch(/^schema "public" has no tables of Tasker \(Ruby\); give the schema of Tasker/);
      expect(await refused({ sourceSchema: 'tasker' })).toMatch(
        /^schema "tasker" has the tables of Tasker Fleet itself/,
      );
      await database.query(CORE);
      expect(await refused({ sourceSchema: 'core' })).toMatch(/tasker-core, .* no way in yet/);
      await database.query(schemaOf('A'));
      expect(await refused({})).toMatch(/there is Tasker \(Ruby\) 1\.5-1\.6 in "ruby": name it with --source-schema$/);
      expect(await refused({ sourceSchema: 'ruby', phase: 'open' })).toMatch(
        /^open tasks cannot be taken over while Tasker runs: Tasker 1\.5-1\.6 has no transitions.*--tasker-stopped$/,
      );
      await database.query(schemaOf('B'));
      await database.query('DROP INDEX ruby.tasker_task_transitions_most_recent');
      expect(await refused({ sourceSchema: 'ruby', phase: 'all' })).toMatch(
        /lost its unique index .*--tasker-stopped$/,
      );
      await database.query('ALTER TABLE ruby.tasker_tasks ADD COLUMN status text');
      expect(await refused({ sourceSchema: 'ruby' })).toMatch(/an upgrade to 2\.0 is half done/);
      expect(await refused({ timeZone: 'Mars', phase: 'some', batch: 0, dryRun: true, undo: true })).toMatch(
        /--phase is "some".*\n--time-zone is "Mars".*\n--batch is 0.*\n.*exclude each other/,
      );
    } finally {
      await db.close();
    }
  });
});
