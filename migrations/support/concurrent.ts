import { type Kysely, sql } from 'kysely';
import { describeRows } from './refusals.ts';

/** Builds an index beside running writes. An interrupted build leaves an invalid index, which is dropped and built again. */
export async function buildIndex(db: Kysely<unknown>, name: string, definition: string, unique = false): Promise<void> {
  const { rows } = await sql<{ indisvalid: boolean }>`
    SELECT i.indisvalid FROM pg_index i
    WHERE i.indexrelid = to_regclass(${sql.lit(`tasker.${name}`)})`.execute(db);
  if (rows[0]?.indisvalid === true) return;
  if (rows[0] !== undefined) await dropIndex(db, name);
  try {
    await withoutLockTimeout(db, `CREATE ${unique ? 'UNIQUE ' : ''}INDEX CONCURRENTLY ${name} ${definition}`);
  } catch (error) {
    throw (await namingDuplicates(db, name, definition, error)) ?? error;
  }
}

/** PostgreSQL names one duplicate of many; this error names the first keys, with the statement that shows all. */
async function namingDuplicates(
  db: Kysely<unknown>,
  name: string,
  definition: string,
  error: unknown,
): Promise<Error | undefined> {
  const parts = /^ON (?<table>\S+) \((?<columns>[^)]+)\)(?: WHERE (?<where>.+))?$/s.exec(definition)?.groups;
  if (codeOf(error) !== '23505' || parts === undefined) return undefined;
  const { table, columns, where = 'true' } = parts;
  const message = await describeRows(db, {
    what: `keys of ${table} are there more than once, which index ${name} does not allow`,
    query: `SELECT ${columns}, count(*) AS rows FROM ${table} WHERE ${where} GROUP BY ${columns} HAVING count(*) > 1`,
    fix: 'decide which row of each is right, mend the others, then migrate again',
  });
  return message === undefined ? undefined : new Error(message, { cause: error });
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code;
}

export function buildUniqueIndex(db: Kysely<unknown>, name: string, definition: string): Promise<void> {
  return buildIndex(db, name, definition, true);
}

export async function dropIndex(db: Kysely<unknown>, name: string): Promise<void> {
  await withoutLockTimeout(db, `DROP INDEX CONCURRENTLY IF EXISTS tasker.${name}`);
}

/**
 * A concurrent build or a validation waits for transactions that began before it, and no reader or writer waits for it. So it
 * may wait as long as they last; a lock_timeout would discard the work and start again.
 */
async function withoutLockTimeout(db: Kysely<unknown>, statement: string): Promise<void> {
  const { rows } = await sql<{ lock_timeout: string }>`SHOW lock_timeout`.execute(db);
  await sql`SET lock_timeout = 0`.execute(db);
  try {
    await sql.raw(statement).execute(db);
  } finally {
    await sql`SET lock_timeout = ${sql.lit(rows[0]?.lock_timeout ?? '2s')}`.execute(db);
  }
}

/** Adds constraints without a long lock: first as not valid, which is instant, then validated beside running writes. */
export async function addChecks(db: Kysely<unknown>, table: string, checks: Record<string, string>): Promise<void> {
  for (const [name, condition] of Object.entries(checks)) {
    const valid = await validity(db, table, name);
    if (valid === true) continue;
    if (valid === undefined) {
      await sql.raw(`ALTER TABLE tasker.${table} ADD CONSTRAINT ${name} CHECK (${condition}) NOT VALID`).execute(db);
    }
    try {
      await withoutLockTimeout(db, `ALTER TABLE tasker.${table} VALIDATE CONSTRAINT ${name}`);
    } catch (error) {
      throw (await namingViolations(db, table, name, condition, error)) ?? error;
    }
  }
}

/** The error of PostgreSQL is "violated by some row"; this one names the first rows, with the statement that shows all. */
async function namingViolations(
  db: Kysely<unknown>,
  table: string,
  name: string,
  condition: string,
  error: unknown,
): Promise<Error | undefined> {
  if (codeOf(error) !== '23514') return undefined;
  const { rows } = await sql<{ columns: string }>`
    SELECT string_agg(a.attname, ', ' ORDER BY k.place) AS columns
    FROM pg_index i
    CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE i.indrelid = to_regclass(${sql.lit(`tasker.${table}`)}) AND i.indisprimary`.execute(db);
  const message = await describeRows(db, {
    what: `rows of ${table} contradict ${name}`,
    query: `SELECT ${rows[0]?.columns ?? '*'} FROM tasker.${table} WHERE (${condition}) IS FALSE`,
    fix: `mend them so that ${condition}, then migrate again`,
  });
  return message === undefined ? undefined : new Error(message, { cause: error });
}

export async function dropChecks(db: Kysely<unknown>, table: string, names: readonly string[]): Promise<void> {
  for (const name of names) await sql.raw(`ALTER TABLE tasker.${table} DROP CONSTRAINT IF EXISTS ${name}`).execute(db);
}

/** Undefined: there is no such constraint. */
async function validity(db: Kysely<unknown>, table: string, name: string): Promise<boolean | undefined> {
  const { rows } = await sql<{ convalidated: boolean }>`
    SELECT c.convalidated FROM pg_constraint c
    WHERE c.conrelid = to_regclass(${sql.lit(`tasker.${table}`)}) AND c.conname = ${name}`.execute(db);
  return rows[0]?.convalidated;
}
