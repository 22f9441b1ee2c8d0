import type pg from 'pg';
import { migrations } from '../../migrations/index.ts';
import { SchemaOutdatedError } from '../errors.ts';
import type { Database } from './connections/database.ts';

/** A pool, or one of its sessions. */
type Queries = Pick<pg.Pool | pg.PoolClient, 'query'>;

/**
 * Throws SchemaOutdatedError if a migration that this version needs is not applied. A database that a newer version has
 * migrated further is accepted: during a rollout old processes work beside new ones.
 */
export async function requireSchema(db: Pick<Database, 'schema'> & { pool: Queries }): Promise<void> {
  const table = `"${db.schema}".tasker_migrations`;
  const { rows: found } = await db.pool.query<{ found: string | null }>('SELECT to_regclass($1) AS found', [table]);
  const { rows } =
    found[0]?.found === null ? { rows: [] } : await db.pool.query<{ name: string }>(`SELECT name FROM ${table}`);
  const applied = new Set(rows.map(({ name }) => name));
  const missing = migrations.map(({ name }) => name).filter((name) => !applied.has(name));
  if (missing.length > 0) throw new SchemaOutdatedError(db.schema, missing, { empty: applied.size === 0 });
}
