import { randomBytes } from 'node:crypto';
import process from 'node:process';
import { cronSchemaOf } from '../../config/cron-schema.ts';
import { openDatabase } from '../../db/connections/database.ts';
import { describeDatabaseError } from '../../db/connections/describe-error.ts';
import { sqlState } from '../../db/connections/sql-errors.ts';
import { migrateToLatest } from '../../db/migrate.ts';
import { DEFAULT_SCHEMA } from '../../db/schema-name.ts';
import { renewInstallation } from '../../db/statements/testing/virtual-clock.ts';
import { createDatabase, databaseExists, dropDatabase } from '../../embedded/databases.ts';
import { InvalidInputError, TaskerError } from '../../errors.ts';
import { migrateCron } from '../../schedules/cron.ts';
import { WORKFLOW_SCHEDULES } from '../../schedules/scheduled-submit.ts';

/** On servers of the kit: a database with the whole schema, to be copied. */
export const TEMPLATE = 'tasker_test_template';

/** Everything that `tasker migrate up` makes. */
export async function prepareSchema(url: string): Promise<void> {
  await migrateToLatest(url);
  await migrateCron({ url, schema: cronSchemaOf(DEFAULT_SCHEMA), queue: WORKFLOW_SCHEDULES });
}

export interface TestDatabase {
  readonly name: string;
  readonly url: string;
  /** Ends every session on it. */
  drop(): Promise<void>;
}

/**
 * A new database, with the whole schema, on the server of `serverUrl`, whose role may create databases. `template`: one that was made
 * by this function, to be copied, which takes a tenth of the time.
 */
export async function createTestDatabase(serverUrl: string, template = TEMPLATE): Promise<TestDatabase> {
  const name = `tasker_test_${process.pid}_${randomBytes(4).toString('hex')}`;
  if (!/^postgres(ql)?:\/\//.test(serverUrl)) {
    throw new InvalidInputError(
      'url is no URL of a PostgreSQL server: use postgres://user:password@host:port/database',
      {
        field: 'url',
      },
    );
  }
  let copies: boolean;
  let url: string;
  try {
    copies = await databaseExists(serverUrl, template);
    url = await createDatabase(serverUrl, name, copies ? { template } : {});
  } catch (error) {
    throw refused(error);
  }
  const drop = (): Promise<void> => dropDatabase(serverUrl, name);
  try {
    if (copies) await renewIdentity(url);
    else await prepareSchema(url);
  } catch (error) {
    await drop();
    throw error;
  }
  return { name, url, drop };
}

function refused(error: unknown): TaskerError {
  const why =
    sqlState(error) === '42501'
      ? 'its role may not create databases: give it that right (ALTER ROLE ... CREATEDB), or name another role'
      : (describeDatabaseError(error)?.line ?? String(error));
  return new TaskerError(
    'TEST_DATABASE_REFUSED',
    `url: no database can be made on that server: ${why}`,
    {},
    { cause: error },
  );
}

async function renewIdentity(url: string): Promise<void> {
  const db = openDatabase({ url, poolSize: 1, applicationName: 'tasker test kit' });
  try {
    await db.run(renewInstallation);
  } finally {
    await db.close();
  }
}
