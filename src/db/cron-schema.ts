import type pg from 'pg';
import { TaskerError } from '../errors.ts';
import { session, type SessionOptions } from './connections/session.ts';
import { sqlState } from './connections/sql-errors.ts';

export interface CronSchemaState {
  role: string;
  database: string;
  exists: boolean;
  /** pg-boss's tables are there, of whatever version. */
  installed: boolean;
  mayCreateIn: boolean;
}

type Where = Pick<SessionOptions, 'url' | 'applicationName' | 'pooled' | 'password'> & { schema: string };

/**
 * Makes the schema of pg-boss if it is not there. pg-boss itself would say CREATE SCHEMA IF NOT EXISTS, which asks for the right to
 * create one even where there is nothing to create. Its tables it makes itself.
 */
export async function ensureCronSchema(where: Where): Promise<CronSchemaState> {
  const sessions = session(where);
  const client = new sessions.Client({ ...sessions.config, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await sessions.prepare(client);
    const state = await lookAt(client, where.schema);
    if (state.exists) return state;
    try {
      await client.query(`CREATE SCHEMA IF NOT EXISTS "${where.schema}"`);
    } catch (error) {
      throw sqlState(error) === '42501' ? lacksCreate(where.schema, state, error) : error;
    }
    return { ...state, exists: true, mayCreateIn: true };
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** From the catalogue: a name cannot be looked up in a schema that one may not use. */
async function lookAt(client: pg.Client, schema: string): Promise<CronSchemaState> {
  const { rows } = await client.query<CronSchemaState>(
    `SELECT current_user AS role, current_database() AS database, n.found IS NOT NULL AS exists,
       EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.found AND c.relname = 'version') AS installed,
       coalesce(has_schema_privilege(n.found, 'CREATE'), false) AS "mayCreateIn"
     FROM (SELECT to_regnamespace($1)::oid AS found) n`,
    [`"${schema}"`],
  );
  return rows[0] as CronSchemaState;
}

function lacksCreate(schema: string, { role, database }: CronSchemaState, cause: unknown): TaskerError {
  return new TaskerError(
    'RIGHT_MISSING',
    `role "${role}" may not make schema "${schema}" (TASKER_CRON_SCHEMA) for schedules: CREATE SCHEMA "${schema}" AUTHORIZATION "${role}", ` +
      `or GRANT CREATE ON DATABASE "${database}" TO "${role}" and run tasker migrate up`,
    { role, schema },
    { cause },
  );
}

/** What pg-boss was refused while it made or changed its tables; any other error as it is. */
export function describeRefusal(error: unknown, schema: string): unknown {
  if (sqlState(error) !== '42501') return error;
  return new TaskerError(
    'RIGHT_MISSING',
    `the tables for schedules in schema "${schema}" (TASKER_CRON_SCHEMA) cannot be made or brought to this version: ` +
      `${error instanceof Error ? error.message : String(error)}; run tasker migrate up as the owner of that schema`,
    { schema },
    { cause: error },
  );
}
