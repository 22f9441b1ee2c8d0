/**
 * What every session of the fleet sets, whatever the database, the role or the connection string set. docs/operations/sessions.md
 * describes this for operators: which value wins, and which settings are theirs.
 */

export interface SessionSetting {
  readonly name: string;
  readonly value: string;
  /** A lower value is kept, because it was set on purpose. For whole numbers. */
  readonly atMost?: boolean;
  /** A connection string may not set another value: the choice of statements depends on this one. */
  readonly pinned?: boolean;
  /** For a setting that must also hold in sessions on which nothing can be set: whether the value found there is acceptable. */
  readonly accepts?: (found: string) => boolean;
}

const is =
  (...values: string[]) =>
  (found: string): boolean =>
    values.includes(found.toLowerCase());

/** How values and names are written and read. With some other values results would be wrong, without an error. */
const MEANING: readonly SessionSetting[] = [
  { name: 'DateStyle', value: 'ISO, MDY', accepts: (found) => /^iso/i.test(found) },
  { name: 'IntervalStyle', value: 'postgres' },
  { name: 'TimeZone', value: 'UTC' },
  // Times are returned as float8 seconds of the epoch: if digits were cut off, a retry would be due up to a minute late.
  { name: 'extra_float_digits', value: '1', accepts: (found) => Number(found) >= 1 },
  { name: 'bytea_output', value: 'hex' },
  { name: 'array_nulls', value: 'on', accepts: is('on', 'true', 'yes', '1') },
  { name: 'standard_conforming_strings', value: 'on', accepts: is('on', 'true', 'yes', '1') },
  { name: 'transform_null_equals', value: 'off', accepts: is('off', 'false', 'no', '0') },
  { name: 'quote_all_identifiers', value: 'off' },
  // Can forbid the use of views, and a claim reads views of the schema. PostgreSQL 17 and late minor versions before it.
  { name: 'restrict_nonsystem_relation_kind', value: '', accepts: (found) => !/view/i.test(found) },
  { name: 'plpgsql.variable_conflict', value: 'error' },
  { name: 'plpgsql.extra_errors', value: 'none' },
];

/** READ COMMITTED reads a row again after waiting for its lock; every statement of the engine relies on that. */
const TRANSACTIONS: readonly SessionSetting[] = [
  { name: 'default_transaction_isolation', value: 'read committed' },
  { name: 'default_transaction_deferrable', value: 'off' },
  { name: 'exit_on_error', value: 'off', accepts: is('off', 'false', 'no', '0') },
];

/**
 * Time limits. A database sets its applications limits of seconds; but a lock of a migration, an ANALYZE or a doctor takes longer,
 * and a statement that is cancelled is only run again. The time limit of a statement is an option of each session.
 */
const LIMITS: readonly SessionSetting[] = [
  { name: 'lock_timeout', value: '0' },
  // A transaction of this code may wait 10 s for its process (database.ts); this limit is for those of libraries.
  { name: 'idle_in_transaction_session_timeout', value: '60000' },
  // A pool's sessions are idle at times, and a session that listens always is. From PostgreSQL 14 on.
  { name: 'idle_session_timeout', value: '0' },
  // From PostgreSQL 17 on.
  { name: 'transaction_timeout', value: '0' },
];

/**
 * After what time the server gives up a peer that vanished. A session in the middle of a call keeps its locks until TCP gives the
 * peer up: after more than two hours by default, after two minutes with these values.
 */
const KEEPALIVE: readonly SessionSetting[] = [
  { name: 'tcp_keepalives_idle', value: '60', atMost: true },
  { name: 'tcp_keepalives_interval', value: '10', atMost: true },
  { name: 'tcp_keepalives_count', value: '6', atMost: true },
];

/** The settings of every session. */
export const EVERY_SESSION: readonly SessionSetting[] = [...MEANING, ...TRANSACTIONS, ...LIMITS, ...KEEPALIVE];

/**
 * How sessions plan. `pinned`: they join by nested loops only, which visit rows in the order of the rows that drive them. `free`:
 * PostgreSQL may join in any order, so a statement has to lock its rows beforehand to lock them in order.
 */
export type Plans = 'pinned' | 'free';

/**
 * Planner settings of a worker's own sessions: they pin the plans. Every statement of the hot path has one good plan: an index scan
 * for each of the few hundred rows that it names. But PostgreSQL plans a prepared statement with the statistics of the time of its
 * first calls. In an empty or just loaded database these make a sequential scan seem cheap, and that plan is kept until the next
 * ANALYZE, at a cost that grows with the table (measured: a tenth of the throughput for a minute). So the planner gets no choice.
 * Doctors, reports and lists read much, and are planned freely.
 */
export const PINNED_PLANS: readonly SessionSetting[] = (
  [
    { name: 'enable_seqscan', value: 'off' },
    // A bitmap scan returns rows in no order: a claim would read and sort every ready step to take the first hundred.
    { name: 'enable_bitmapscan', value: 'off' },
    { name: 'enable_hashjoin', value: 'off' },
    { name: 'enable_mergejoin', value: 'off' },
    // What is left has to be on, even if it is off for the database.
    { name: 'enable_indexscan', value: 'on' },
    { name: 'enable_indexonlyscan', value: 'on' },
    { name: 'enable_nestloop', value: 'on' },
    // The plan is fixed, so planning the first calls with their values is of no use.
    { name: 'plan_cache_mode', value: 'force_generic_plan' },
    // Compiling costs more than any of these statements takes.
    { name: 'jit', value: 'off' },
  ] as const
).map((setting) => ({ ...setting, pinned: true }));

/**
 * Planner settings of every other pool. What it runs is bounded by limits of which the planner knows little: of a backlog it expects a cost at which PostgreSQL compiles a statement, anew for each call. The overview of
 * a fleet takes 7 ms, and 250 to 420 more to compile.
 */
export const FREE_PLANS: readonly SessionSetting[] = [{ name: 'jit', value: 'off' }];

/** The tables and indexes of the schema rely on the heap's in-place updates. */
export const MIGRATION: readonly SessionSetting[] = [{ name: 'default_table_access_method', value: 'heap' }];

/** The oldest major version that is tested. The schema uses features of 12 and 13 (gen_random_uuid). */
export const OLDEST_SERVER = 13;
