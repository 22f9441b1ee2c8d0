import type pg from 'pg';
import { TaskerError } from '../errors.ts';
import { session, type SessionOptions } from './connections/session.ts';
import { sqlState } from './connections/sql-errors.ts';

export interface CronSchemaState {
  role: string;
  database: string;
  exists: boolean;
  /** pg-boss's tables exist, in any version. */
  installed: boolean;
  mayCreateIn: boolean;
}

/** unique_violation, duplicate_schema. */
const MADE_MEANWHILE: ReadonlySet<string> = new Set(['23505', '42P06']);

type Where = Pick<SessionOptions, 'url' | 'applicationName' | 'pooled' | 'password'> & { schema: string };

/**
 * Creates the schema of pg-boss if it is missing. pg-boss itself would run CREATE SCHEMA IF NOT EXISTS, which needs the right to
 * create a schema even if there is nothing to create. pg-boss creates its tables itself.
 */
export async function ensureCronSchema(where: Where): Promise<CronSchemaState> {
  const sessions = session(where);
  const client = new sessions.Client({ ...sessions.config, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await sessions.prepare(client);
    const state = await readState(client, where.schema);
    if (state.exists) return state;
    try {
      await client.query(`CREATE SCHEMA IF NOT EXISTS "${where.schema}"`);
    } catch (error) {
      // Another process made it after this one had found it missing: IF NOT EXISTS does not cover two at the same moment, and the
      // second then violates the unique index of the catalogue.
      if (MADE_MEANWHILE.has(sqlState(error) ?? '')) return await readState(client, where.schema);
      throw sqlState(error) === '42501' ? lacksCreate(where.schema, state, error) : error;
    }
    return { ...state, exists: true, mayCreateIn: true };
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Read from the catalogue: a role cannot resolve names in a schema that it may not use. */
async function readState(client: pg.Client, schema: string): Promise<CronSchemaState> {
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

/** Describes the missing right if pg-boss could not create or change its tables; returns any other error as it is. */
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
