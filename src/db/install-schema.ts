import type pg from 'pg';
import { migrations } from '../../migrations/index.ts';
import { applyFirstTables, loadWholeSchema } from './apply-whole-schema.ts';
import { migrationSettings } from './connections/migration-connection.ts';
import type { WatchedMigrateOptions } from './migrate-options.ts';
import { migrationLockKey, unlockText } from './migration-lock.ts';
import { migrationState, readRecord } from './migration-record.ts';
import { checkedSchema, DEFAULT_SCHEMA } from './schema-name.ts';

/**
 * What a program found. `begun`: the database was empty, and has the first tables of this version now. `behind`: it is to be migrated, or another
 * process does that.
 */
export type FoundSchema = 'current' | 'begun' | 'behind';

/**
 * @internal Looks at the schema by a session that the caller goes on using, and makes its first tables if the database is empty and nobody else does: in three
 * round trips, the last of which is the script. The rest is for the caller, or for the next program that migrates. `url`: where the session leads; not to a pooler. If
 * this rejects, the caller closes the session.
 */
export async function installIfEmpty(
  pooled: pg.PoolClient,
  { url, ...options }: WatchedMigrateOptions & { url: string },
): Promise<FoundSchema> {
  const schema = checkedSchema(options.schema ?? DEFAULT_SCHEMA);
  const client = pooled as unknown as pg.Client;
  // The lock is taken only if there is nothing: a program that starts on a schema which is current keeps nobody from migrating it.
  const { rows } = await client.query<{ found: boolean; locked: boolean | null }>(
    `SELECT r.found, CASE WHEN NOT r.found THEN pg_try_advisory_lock(hashtext($2), 1) END AS locked
     FROM (SELECT to_regclass($1) IS NOT NULL AS found) r`,
    [`"${schema}".tasker_migrations`, migrationLockKey(schema)],
  );
  if (rows[0]?.found === true) {
    const applied = await readRecord(client, schema);
    return migrations.every(({ name }) => applied.has(name)) ? 'current' : 'behind';
  }
  if (rows[0]?.locked !== true) return 'behind';
  // During the round trip before the script. A failure comes again with its use.
  void loadWholeSchema().catch(() => undefined);
  // Another program may have made it before this one had the lock.
  const state = await migrationState(client, schema);
  const unlock = unlockText(client, schema);
  if (!state.recordExists && !state.hasKnownTables && state.encoding === 'UTF8') {
    const around = { before: migrationSettings(url), after: unlock };
    if (await applyFirstTables(client, schema, state, options, around)) return 'begun';
  }
  await client.query(unlock);
  return 'behind';
}
