import { type Statement, statement } from '../../statement.ts';

/*
 * Whose list of schedules a cron schema holds: `<cron schema>.tasker_owner` has one row, the name of the fleet's own schema. It is
 * beside pg-boss's tables, so that it is dumped, restored and dropped with them.
 */

/**
 * Held to the end of the transaction: two schedulers that start together claim one after the other, also those of two fleets (so the
 * key does not contain this fleet's schema). Parameter: cron schema.
 */
export const lockCronOwner = statement(
  'lock_cron_owner',
  `SELECT pg_advisory_xact_lock(hashtextextended('owner of cron schema ' || $1, 0))`,
);

/** Parameter: cron schema. */
export const hasCronOwner = statement<{ found: boolean }>(
  'has_cron_owner',
  `SELECT to_regclass(format('%I.tasker_owner', $1::text)) IS NOT NULL AS found`,
);

export const createCronOwner = (cronSchema: string): Statement =>
  statement(
    'create_cron_owner',
    `CREATE TABLE IF NOT EXISTS "${cronSchema}" .tasker_owner (schema_name text PRIMARY KEY)`,
  );

/** The owner, and whether its fleet is still in this database. */
export const findCronOwner = (cronSchema: string): Statement<{ schema_name: string; alive: boolean }> =>
  statement(
    'find_cron_owner',
    `
SELECT schema_name, to_regclass(format('%I.tasker_tasks', schema_name)) IS NOT NULL AS alive
FROM "${cronSchema}" .tasker_owner`,
  );

/** Parameter: schema. */
export const insertCronOwner = (cronSchema: string): Statement =>
  statement('insert_cron_owner', `INSERT INTO "${cronSchema}" .tasker_owner (schema_name) VALUES ($1)`);

/** Parameter: schema. */
export const replaceCronOwner = (cronSchema: string): Statement =>
  statement('replace_cron_owner', `UPDATE "${cronSchema}" .tasker_owner SET schema_name = $1`);

/** Before each fleet had a cron schema of its own, all of them kept their schedules here unless they were configured. */
export const FORMER_CRON_SCHEMA = 'tasker_cron';

/** Whether that schema has schedules that nobody owns, and whether any other fleet of this database could mean them. Parameter: schema. */
export const findFormerSchedules = statement<{ found: boolean; shared: boolean }>(
  'find_former_schedules',
  `
SELECT to_regclass('${FORMER_CRON_SCHEMA} .schedule') IS NOT NULL AND to_regclass('${FORMER_CRON_SCHEMA} .tasker_owner') IS NULL AS found,
  EXISTS (
    SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = 'tasker_named_tasks' AND c.relkind = 'r' AND n.nspname <> $1
  ) AS shared`,
);

/** Takes them over. Parameter: the queue. */
export const adoptFormerSchedules = (cronSchema: string): Statement<{ key: string }> =>
  statement(
    'adopt_former_schedules',
    `
INSERT INTO "${cronSchema}" .schedule (name, key, cron, timezone, data, options, created_on, updated_on)
SELECT name, key, cron, timezone, data, options, created_on, updated_on
FROM ${FORMER_CRON_SCHEMA} .schedule
WHERE name = $1
ON CONFLICT (name, key) DO NOTHING
RETURNING key`,
  );
