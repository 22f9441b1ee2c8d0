import { type Kysely, sql } from 'kysely';
import { addChecks, dropChecks } from './concurrent.ts';
import { grantsOf, withoutViewsOf } from './dependent-views.ts';

/** The tables of history, with their primary keys. */
const HISTORY = {
  tasker_workflow_step_transitions: 'task_id, workflow_step_id, sort_key',
  tasker_task_transitions: 'task_id, sort_key',
} as const;

type HistoryTable = keyof typeof HISTORY;
const TABLES = Object.keys(HISTORY) as HistoryTable[];

/** Partitions begin and end at multiples of this. */
const STEP = 1_000_000n;

/** With this check PostgreSQL need not read a table to attach it: it has only rows of its future partition. */
const checkOf = (table: string): string => `${table}_below`;
export const partitionOf = (table: string, number: number): string => `${table}_p${number}`;

/**
 * Makes each table of history the first partition of a partitioned table that takes its name. No row is moved. The check that
 * lets PostgreSQL attach it without a scan is validated beforehand, beside running writes; the exchange is a matter of the catalogue,
 * in one transaction under a lock of some ten milliseconds.
 */
export async function partitionHistory(db: Kysely<unknown>): Promise<void> {
  if (await isPartitioned(db)) return;
  const bound = (await pendingBound(db)) ?? (await firstBound(db));
  for (const table of TABLES) await addChecks(db, table, { [checkOf(table)]: `task_id < ${bound}` });
  await db.transaction().execute((trx) =>
    withoutViewsOf(trx, TABLES, async () => {
      for (const table of TABLES) await exchange(trx, table, bound);
    }),
  );
}

/** Takes that back, as long as only the first partition has rows. */
export async function unpartitionHistory(db: Kysely<unknown>): Promise<void> {
  if (!(await isPartitioned(db))) return;
  await db.transaction().execute((trx) =>
    withoutViewsOf(trx, TABLES, async () => {
      for (const table of TABLES) await exchangeBack(trx, table);
    }),
  );
}

async function isPartitioned(db: Kysely<unknown>): Promise<boolean> {
  const { rows } = await sql<{ kind: string }>`
    SELECT relkind AS kind FROM pg_class WHERE oid = 'tasker.tasker_workflow_step_transitions'::regclass`.execute(db);
  return rows[0]?.kind === 'p';
}

/** Of an earlier run that was interrupted between the check and the exchange. */
async function pendingBound(db: Kysely<unknown>): Promise<string | undefined> {
  const { rows } = await sql<{ bound: string | null }>`
    SELECT substring(pg_get_constraintdef(oid) FROM '\\d{5,}') AS bound FROM pg_constraint
    WHERE conrelid = 'tasker.tasker_workflow_step_transitions'::regclass
      AND conname = ${checkOf('tasker_workflow_step_transitions')}`.execute(db);
  return rows[0]?.bound ?? undefined;
}

/**
 * Above every id that is in use, by at least as many ids as a fleet uses before the exchange: until then the check would refuse the
 * history of a task above it.
 */
async function firstBound(db: Kysely<unknown>): Promise<string> {
  const { rows } = await sql<{ highest: string }>`
    SELECT greatest(
      (SELECT max(task_id) FROM tasker.tasker_tasks),
      (SELECT max(task_id) FROM tasker.tasker_workflow_step_transitions),
      (SELECT max(task_id) FROM tasker.tasker_task_transitions),
      pg_sequence_last_value(pg_get_serial_sequence('tasker.tasker_tasks', 'task_id')::regclass), 0) AS highest`.execute(
    db,
  );
  return String((BigInt(rows[0]?.highest ?? 0) / STEP + 2n) * STEP);
}

async function exchange(db: Kysely<unknown>, table: HistoryTable, bound: string): Promise<void> {
  const first = partitionOf(table, 1);
  const second = partitionOf(table, 2);
  const run = (statement: string) => sql.raw(statement).execute(db);
  const indexes = await furtherIndexes(db, table);
  await run(`ALTER TABLE tasker.${table} RENAME TO ${first}`);
  for (const { name } of indexes) await run(`ALTER INDEX tasker.${name} RENAME TO ${partitionOf(name, 1)}`);
  await run(`ALTER TABLE tasker.${first} RENAME CONSTRAINT ${table}_pkey TO ${first}_pkey`);
  await run(
    `CREATE TABLE tasker.${table} (LIKE tasker.${first} INCLUDING DEFAULTS INCLUDING COMMENTS) PARTITION BY RANGE (task_id)`,
  );
  await run(`ALTER TABLE tasker.${table} ADD CONSTRAINT ${table}_pkey PRIMARY KEY (${HISTORY[table]})`);
  await run(`ALTER TABLE tasker.${table} ATTACH PARTITION tasker.${first} FOR VALUES FROM (MINVALUE) TO (${bound})`);
  await dropChecks(db, first, [checkOf(table)]);
  // Each takes in the index that the first partition has, and builds nothing.
  for (const { definition } of indexes) await run(definition);
  await run(
    `CREATE TABLE tasker.${second} (LIKE tasker.${first} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS)`,
  );
  await copyProperties(db, first, [table, second]);
  await run(`ALTER TABLE tasker.${table} ATTACH PARTITION tasker.${second} FOR VALUES FROM (${bound}) TO (MAXVALUE)`);
}

async function exchangeBack(db: Kysely<unknown>, table: HistoryTable): Promise<void> {
  const { rows: partitions } = await sql<{ name: string }>`
    SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = ${sql.lit(`tasker.${table}`)}::regclass ORDER BY length(c.relname), c.relname`.execute(db);
  const [first, ...others] = partitions.map(({ name }) => name);
  for (const other of others) {
    const { rows } = await sql.raw<{ task_id: string }>(`SELECT task_id FROM tasker.${other} LIMIT 1`).execute(db);
    if (rows[0] === undefined) continue;
    throw new Error(
      `${table} has rows in more than one partition (task ${rows[0].task_id} in ${other}): back in one table they would have to be copied, which this migration does not do`,
    );
  }
  if (first === undefined) throw new Error(`${table} has no partition`);
  const run = (statement: string) => sql.raw(statement).execute(db);
  const indexes = await furtherIndexes(db, table);
  const { rows: parts } = await sql<{ parent: string; name: string }>`
    SELECT p.relname AS parent, c.relname AS name
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_inherits h ON h.inhrelid = c.oid
    JOIN pg_class p ON p.oid = h.inhparent
    WHERE i.indrelid = ${sql.lit(`tasker.${first}`)}::regclass`.execute(db);
  await run(`ALTER TABLE tasker.${table} DETACH PARTITION tasker.${first}`);
  await copyProperties(db, table, [first], { storage: false });
  await run(`DROP TABLE tasker.${table}`);
  await run(`ALTER TABLE tasker.${first} RENAME TO ${table}`);
  await run(`ALTER TABLE tasker.${table} RENAME CONSTRAINT ${first}_pkey TO ${table}_pkey`);
  for (const { name } of indexes) {
    const part = parts.find(({ parent }) => parent === name);
    if (part !== undefined) await run(`ALTER INDEX tasker.${part.name} RENAME TO ${name}`);
  }
}

/** The indexes of a table beside its primary key, with the statements that make them. */
async function furtherIndexes(db: Kysely<unknown>, table: string): Promise<{ name: string; definition: string }[]> {
  const { rows } = await sql<{ name: string; definition: string }>`
    SELECT c.relname AS name, replace(pg_get_indexdef(c.oid), ' ON ONLY ', ' ON ') AS definition
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = ${sql.lit(`tasker.${table}`)}::regclass AND NOT i.indisprimary AND i.indisvalid ORDER BY c.relname`.execute(
    db,
  );
  return rows;
}

interface Properties {
  kind: 'r' | 'p';
  options: string[] | null;
  comment: string | null;
  owner: string;
  grants: string[] | null;
}

/** Owner, rights, comment and storage settings of one table for others that take its place or stand beside it. */
async function copyProperties(
  db: Kysely<unknown>,
  from: string,
  to: readonly string[],
  { storage = true } = {},
): Promise<void> {
  const { rows } = await sql<Properties>`
    SELECT c.relkind AS kind, c.reloptions AS options, obj_description(c.oid, 'pg_class') AS comment,
      format('%I', pg_get_userbyid(c.relowner)) AS owner, ${sql.raw(grantsOf('c'))} AS grants
    FROM pg_class c WHERE c.oid = ${sql.lit(`tasker.${from}`)}::regclass`.execute(db);
  const { options, comment, owner, grants } = rows[0] as Properties;
  for (const table of to) {
    const { rows: kinds } = await sql<{ kind: string }>`
      SELECT relkind AS kind FROM pg_class WHERE oid = ${sql.lit(`tasker.${table}`)}::regclass`.execute(db);
    // A partitioned table has no storage of its own.
    if (storage && options !== null && kinds[0]?.kind === 'r')
      await sql.raw(`ALTER TABLE tasker.${table} SET (${options.join(', ')})`).execute(db);
    await sql`COMMENT ON TABLE ${sql.raw(`tasker.${table}`)} IS ${sql.lit(comment)}`.execute(db);
    await sql.raw(`ALTER TABLE tasker.${table} OWNER TO ${owner}`).execute(db);
    for (const grant of grants ?? []) await sql.raw(grant.replace('%TABLE%', `tasker.${table}`)).execute(db);
  }
}
