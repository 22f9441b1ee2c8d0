import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import { migrations } from '../../migrations/index.ts';
import { SchemaOutdatedError } from '../errors.ts';
import type { Database } from './connections/database.ts';
import { begunVersion } from './migration-record.ts';
import { whole } from './unfinished.ts';

/** A pool, or one of its sessions. */
type Queries = Pick<pg.Pool | pg.PoolClient, 'query'>;

/** A program that has made the first tables of an empty database makes the rest within a second. If it was killed, nobody may. */
const REST_WITHIN_MS = 5000;
const REST_POLL_MS = 100;

/**
 * Throws SchemaOutdatedError if a migration that this version needs is not applied. A database that a newer version has
 * migrated further is accepted: during a rollout old processes work beside new ones. Waits for a program that has begun to make the schema, and returns
 * whether it had to.
 */
export async function requireSchema(
  db: Pick<Database, 'schema'> & { pool: Queries },
  { restWithinMs = REST_WITHIN_MS } = {},
): Promise<boolean> {
  const rest = whole(db.schema);
  let waited = rest !== undefined;
  await rest;
  const deadline = performance.now() + restWithinMs;
  for (;;) {
    const { missing, empty, begun } = await readSchemaState(db);
    if (missing.length === 0) return waited;
    if (!begun || performance.now() > deadline) throw new SchemaOutdatedError(db.schema, missing, { empty });
    waited = true;
    await pause(REST_POLL_MS);
  }
}

interface SchemaState {
  /** The migrations of this version that are not applied. */
  missing: string[];
  /** None is applied. */
  empty: boolean;
  /** The first tables of the schema are made, and the rest is not. */
  begun: boolean;
}

export async function readSchemaState({ schema, pool }: Parameters<typeof requireSchema>[0]): Promise<SchemaState> {
  const table = `"${schema}".tasker_migrations`;
  const { rows: found } = await pool.query<{ found: string | null; comment: string | null }>(
    `SELECT to_regclass($1) AS found, obj_description(to_regclass($1), 'pg_class') AS comment`,
    [table],
  );
  const { rows } =
    found[0]?.found === null ? { rows: [] } : await pool.query<{ name: string }>(`SELECT name FROM ${table}`);
  const applied = new Set(rows.map(({ name }) => name));
  return {
    missing: migrations.map(({ name }) => name).filter((name) => !applied.has(name)),
    empty: applied.size === 0,
    begun: begunVersion(found[0]?.comment) !== undefined,
  };
}
