import { type Kysely, sql } from 'kysely';

/** Builds an index while others write. A build that was interrupted left an invalid index: it is dropped and built again. */
export async function buildIndex(db: Kysely<unknown>, name: string, definition: string, unique = false): Promise<void> {
  const { rows } = await sql<{ indisvalid: boolean }>`
    SELECT i.indisvalid FROM pg_index i
    WHERE i.indexrelid = to_regclass(${sql.lit(`tasker.${name}`)})`.execute(db);
  if (rows[0]?.indisvalid === true) return;
  if (rows[0] !== undefined) await dropIndex(db, name);
  await sql.raw(`CREATE ${unique ? 'UNIQUE ' : ''}INDEX CONCURRENTLY ${name} ${definition}`).execute(db);
}

export function buildUniqueIndex(db: Kysely<unknown>, name: string, definition: string): Promise<void> {
  return buildIndex(db, name, definition, true);
}

export async function dropIndex(db: Kysely<unknown>, name: string): Promise<void> {
  await sql.raw(`DROP INDEX CONCURRENTLY IF EXISTS tasker.${name}`).execute(db);
}

/** Adds constraints without a long lock: not valid first, which is instant, then validated beside running writes. */
export async function addChecks(db: Kysely<unknown>, table: string, checks: Record<string, string>): Promise<void> {
  for (const [name, condition] of Object.entries(checks)) {
    await sql.raw(`ALTER TABLE tasker.${table} DROP CONSTRAINT IF EXISTS ${name}`).execute(db);
    await sql.raw(`ALTER TABLE tasker.${table} ADD CONSTRAINT ${name} CHECK (${condition}) NOT VALID`).execute(db);
    await sql.raw(`ALTER TABLE tasker.${table} VALIDATE CONSTRAINT ${name}`).execute(db);
  }
}

export async function dropChecks(db: Kysely<unknown>, table: string, names: readonly string[]): Promise<void> {
  for (const name of names) await sql.raw(`ALTER TABLE tasker.${table} DROP CONSTRAINT IF EXISTS ${name}`).execute(db);
}
