import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createClient } from '../../../src/client/client.ts';
import { loadConfig } from '../../../src/config/load-config.ts';
import { migrateCron } from '../../../src/schedules/cron.ts';
import { describeDatabaseError } from '../../../src/db/connections/describe-error.ts';
import { migrateToLatest } from '../../../src/db/migrate.ts';
import { createDatabase, dropDatabase } from '../../../src/embedded/databases.ts';
import { WORKFLOW_SCHEDULES } from '../../../src/schedules/scheduled-submit.ts';
import { createLogger } from '../../../src/logger.ts';
import { startScheduler } from '../../../src/scheduler/start-scheduler.ts';
import { startWorker } from '../../../src/worker/start-worker.ts';
import { databasePrefix } from '../../support/test-run.ts';
import { exercise } from './exercise.ts';
import { diamond } from './workflows.ts';

const { adminUrl, id } = inject('testRun');
const admin = new pg.Client({ connectionString: adminUrl });
beforeAll(() => admin.connect());
afterAll(() => admin.end());

let databases = 0;
/** A database with settings of its own, each written as after SET. */
async function hostileDatabase(settings: readonly string[]): Promise<{ name: string; url: string }> {
  databases += 1;
  const name = `${databasePrefix(id)}hostile_${databases}`;
  const url = await createDatabase(adminUrl, name);
  for (const setting of settings) await admin.query(`ALTER DATABASE "${name}" SET ${setting}`);
  return { name, url };
}

const SETTINGS: Readonly<Record<string, readonly string[]>> = {
  'dates in another style': [`DateStyle = 'German, DMY'`],
  'intervals in another style, an odd time zone': [`IntervalStyle = 'sql_standard'`, `TimeZone = 'Asia/Kathmandu'`],
  'few digits of floats': ['extra_float_digits = -15'],
  'no nulls in arrays': ['array_nulls = off'],
  'old strings': ['standard_conforming_strings = off', 'backslash_quote = off', 'escape_string_warning = on'],
  'nulls equal nulls, names in quotes': ['transform_null_equals = on', 'quote_all_identifiers = on'],
  'other bytes, another encoding': ['bytea_output = escape', 'xmlbinary = hex', `client_encoding = 'LATIN1'`],
  'no schema to search, no policies': [`search_path = ''`, 'row_security = off'],
  'a decoy on the search path': [`search_path = 'decoy, pg_catalog'`],
  'short time limits': [
    `statement_timeout = '150ms'`,
    `lock_timeout = '5ms'`,
    `idle_in_transaction_session_timeout = '100ms'`,
    `idle_session_timeout = '300ms'`,
    `transaction_timeout = '200ms'`,
  ],
  'serializable, deferred': [`default_transaction_isolation = 'serializable'`, 'default_transaction_deferrable = on'],
  'repeatable read': [`default_transaction_isolation = 'repeatable read'`],
  'other plans': [
    ...['indexscan', 'indexonlyscan', 'nestloop', 'hashagg', 'sort'].map((kind) => `enable_${kind} = off`),
    'plan_cache_mode = force_custom_plan',
    'jit_above_cost = 0',
  ],
  'little memory, parallel plans, no waiting for the disk': [
    `work_mem = '64kB'`,
    'max_parallel_workers_per_gather = 4',
    'parallel_setup_cost = 0',
    'min_parallel_table_scan_size = 0',
    'synchronous_commit = off',
  ],
  'strict checks': [
    'exit_on_error = on',
    `restrict_nonsystem_relation_kind = 'view, foreign-table'`,
    `plpgsql.extra_errors = 'all'`,
  ],
};

describe('a fleet on a database with', () => {
  it.concurrent.each(Object.entries(SETTINGS))(
    '%s migrates, runs, retries, cancels, schedules and is healthy',
    async (_, settings) => {
      const { name, url } = await hostileDatabase(settings);
      if (settings[0]?.includes('decoy') === true) await makeDecoy(url);
      try {
        await expect(exercise(url, { adminUrl: url })).resolves.toBeUndefined();
      } finally {
        await dropDatabase(adminUrl, name);
      }
    },
  );
});

describe('a database that is read-only', () => {
  it('refuses every action with one line that says so', async () => {
    const { name, url } = await hostileDatabase([]);
    const empty = await hostileDatabase(['default_transaction_read_only = on']);
    await migrateToLatest(url);
    await migrateCron({ url, schema: 'tasker_cron', queue: WORKFLOW_SCHEDULES });
    await admin.query(`ALTER DATABASE "${name}" SET default_transaction_read_only = on`);
    const env = { DATABASE_URL: url, TASKER_METRICS_PORT: '0' };
    const log = createLogger({ level: 'silent', role: 'test' });
    const client = createClient({ url });
    const input = { n: 1, text: '', none: null };
    try {
      const tried = {
        migrate: () => migrateToLatest(empty.url),
        submit: () => client.submit(diamond, input),
        cancel: () => client.cancel('1'),
        retry: () => client.retry('1'),
        schedule: () => client.schedule(diamond, { key: 'k', cron: '* * * * *', input }),
        worker: () => startWorker({ config: loadConfig('worker', env), workflows: [diamond], log }),
        scheduler: () => startScheduler({ config: loadConfig('scheduler', env), log }),
      };
      expect(await migrateToLatest(url), 'with nothing to do').toEqual([]);
      for (const [what, attempt] of Object.entries(tried)) {
        const error: unknown = await attempt().then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        expect(describeDatabaseError(error)?.line, what).toMatch(/^the database is read-only: .* replica/);
      }
    } finally {
      await client.close();
      for (const database of [name, empty.name]) await dropDatabase(adminUrl, database);
    }
  });
});

/** Tables and functions of the same names as ours and PostgreSQL's, in a schema that comes first. */
async function makeDecoy(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('CREATE SCHEMA decoy');
  await client.query('CREATE TABLE decoy.tasker_tasks (nothing text)');
  await client.query('CREATE TABLE decoy.job (nothing text)');
  await client.end();
}
