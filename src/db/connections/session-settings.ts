/**
 * What a session of the fleet has set, whatever the database, the role or the connection string say. docs/operations/sessions.md
 * is this file for operators: it says what wins and what is theirs.
 */

export interface SessionSetting {
  readonly name: string;
  readonly value: string;
  /** A lower value is kept: somebody wanted it shorter. Of whole numbers. */
  readonly atMost?: boolean;
  /** A connection string may not ask for another: statements are chosen by it. */
  readonly pinned?: boolean;
  /** For what has to hold where a session cannot be set too: whether that value will do. */
  readonly accepts?: (found: string) => boolean;
}

const is =
  (...values: string[]) =>
  (found: string): boolean =>
    values.includes(found.toLowerCase());

/** How values and names are written and read. Some of it is wrong results, not errors, if it is otherwise. */
const MEANING: readonly SessionSetting[] = [
  { name: 'DateStyle', value: 'ISO, MDY', accepts: (found) => /^iso/i.test(found) },
  { name: 'IntervalStyle', value: 'postgres' },
  { name: 'TimeZone', value: 'UTC' },
  // Moments leave as float8 seconds of the epoch: with fewer digits than all a retry is due a minute late.
  { name: 'extra_float_digits', value: '1', accepts: (found) => Number(found) >= 1 },
  { name: 'bytea_output', value: 'hex' },
  { name: 'array_nulls', value: 'on', accepts: is('on', 'true', 'yes', '1') },
  { name: 'standard_conforming_strings', value: 'on', accepts: is('on', 'true', 'yes', '1') },
  { name: 'transform_null_equals', value: 'off', accepts: is('off', 'false', 'no', '0') },
  { name: 'quote_all_identifiers', value: 'off' },
  // Refuses what a view reads; the views of the schema are what a claim reads. 17 and late minor versions before it.
  { name: 'restrict_nonsystem_relation_kind', value: '', accepts: (found) => !/view/i.test(found) },
  { name: 'plpgsql.variable_conflict', value: 'error' },
  { name: 'plpgsql.extra_errors', value: 'none' },
];

/** READ COMMITTED re-reads a row that it waited for; every statement of the engine counts on that. */
const TRANSACTIONS: readonly SessionSetting[] = [
  { name: 'default_transaction_isolation', value: 'read committed' },
  { name: 'default_transaction_deferrable', value: 'off' },
  { name: 'exit_on_error', value: 'off', accepts: is('off', 'false', 'no', '0') },
];

/**
 * How long anything may run. What a database sets for its applications is seconds; a lock that a migration holds, an ANALYZE or a
 * doctor takes longer, and a statement that is cut is only run again. The time limit of a statement is the session's own.
 */
const LIMITS: readonly SessionSetting[] = [
  { name: 'lock_timeout', value: '0' },
  // A transaction of ours that waits for its process has 10 s (database.ts); this is for those of libraries.
  { name: 'idle_in_transaction_session_timeout', value: '60000' },
  // A pool's sessions idle, and LISTEN does nothing else. From 14 on.
  { name: 'idle_session_timeout', value: '0' },
  // From 17 on.
  { name: 'transaction_timeout', value: '0' },
];

/**
 * The server's patience with a peer that vanished. A session in the middle of a call keeps its locks until TCP gives the peer up,
 * after more than two hours if nobody sets it; with these after two minutes.
 */
const KEEPALIVE: readonly SessionSetting[] = [
  { name: 'tcp_keepalives_idle', value: '60', atMost: true },
  { name: 'tcp_keepalives_interval', value: '10', atMost: true },
  { name: 'tcp_keepalives_count', value: '6', atMost: true },
];

/** Of every session. */
export const EVERY_SESSION: readonly SessionSetting[] = [...MEANING, ...TRANSACTIONS, ...LIMITS, ...KEEPALIVE];

/**
 * How sessions plan. `pinned`: they join by nested loops only, which visit rows in the order of the rows that drive them. `free`:
 * PostgreSQL may join in any order, so a statement has to lock its rows beforehand to lock them in order.
 */
export type Plans = 'pinned' | 'free';

/**
 * Planner settings of a worker's own sessions. Every statement of the hot path has one good plan: an index scan for each of
 * the few hundred rows that it names. But a prepared statement's plan is made from the statistics of its first calls, and
 * those of an empty or just loaded database make reading whole tables look cheap; the plan is then kept until the next
 * ANALYZE, at a cost that grows with the table (measured: a tenth of the throughput for a minute). So the choice is taken
 * away. Doctors, reports and lists keep PostgreSQL's own choice: they read much.
 */
export const PINNED_PLANS: readonly SessionSetting[] = (
  [
    { name: 'enable_seqscan', value: 'off' },
    // A bitmap has no order: a claim would read and sort every ready step to take the first hundred.
    { name: 'enable_bitmapscan', value: 'off' },
    { name: 'enable_hashjoin', value: 'off' },
    { name: 'enable_mergejoin', value: 'off' },
    // What is left has to be on, even where the database was told otherwise.
    { name: 'enable_indexscan', value: 'on' },
    { name: 'enable_indexonlyscan', value: 'on' },
    { name: 'enable_nestloop', value: 'on' },
    // With the plan given there is nothing to learn from planning the first calls anew.
    { name: 'plan_cache_mode', value: 'force_generic_plan' },
    // Compiling costs more than any of these statements takes.
    { name: 'jit', value: 'off' },
  ] as const
).map((setting) => ({ ...setting, pinned: true }));

/** The tables and indexes of the schema rely on the heap's in-place updates. */
export const MIGRATION: readonly SessionSetting[] = [{ name: 'default_table_access_method', value: 'heap' }];

/** The oldest major version that is tested. What the schema uses came with 12 and 13 (gen_random_uuid). */
export const OLDEST_SERVER = 13;
/** The newest that is tested; a newer one is not refused. */
export const NEWEST_TESTED_SERVER = 18;
