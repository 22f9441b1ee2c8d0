import { defineStatement } from '../../statement.ts';

/*
 * The owner of a cron schema, the fleet whose schedules it holds: `<cron schema>.tasker_owner` has one row, the name of that fleet's
 * own schema. The table is beside pg-boss's tables, so that it is dumped, restored and dropped with them.
 */

/**
 * Held to the end of the transaction: two schedulers that start together claim one after the other, also those of two fleets (so the
 * key does not contain this fleet's schema).
 */
export const lockCronOwner = defineStatement()({
  name: 'lock_cron_owner',
  params: { cron_schema: 'text' },
  text: `SELECT pg_advisory_xact_lock(hashtextextended('owner of cron schema ' || :cron_schema, 0))`,
});

export const hasCronOwner = defineStatement<{ found: boolean }>()({
  name: 'has_cron_owner',
  params: { cron_schema: 'text' },
  text: `SELECT to_regclass(format('%I.tasker_owner', :cron_schema::text)) IS NOT NULL AS found`,
});

export const createCronOwner = (cronSchema: string) =>
  defineStatement()({
    name: 'create_cron_owner',
    text: `CREATE TABLE IF NOT EXISTS "${cronSchema}" .tasker_owner (schema_name text PRIMARY KEY)`,
  });

/** The owner, and whether its fleet is still in this database. */
export const findCronOwner = (cronSchema: string) =>
  defineStatement<{ schema_name: string; alive: boolean }>()({
    name: 'find_cron_owner',
    text: `
SELECT schema_name, to_regclass(format('%I.tasker_tasks', schema_name)) IS NOT NULL AS alive
FROM "${cronSchema}" .tasker_owner`,
  });

export const insertCronOwner = (cronSchema: string) =>
  defineStatement()({
    name: 'insert_cron_owner',
    params: { schema: 'text' },
    text: `INSERT INTO "${cronSchema}" .tasker_owner (schema_name) VALUES (:schema)`,
  });

export const replaceCronOwner = (cronSchema: string) =>
  defineStatement()({
    name: 'replace_cron_owner',
    params: { schema: 'text' },
    text: `UPDATE "${cronSchema}" .tasker_owner SET schema_name = :schema`,
  });

/** Before each fleet had a cron schema of its own, all of them kept their schedules here unless they were configured. */
export const FORMER_CRON_SCHEMA = 'tasker_cron';

/** Whether that schema has schedules without an owner, and whether they could be those of another fleet of this database. */
export const findFormerSchedules = defineStatement<{ found: boolean; shared: boolean }>()({
  name: 'find_former_schedules',
  params: { schema: 'text' },
  text: `
SELECT to_regclass('${FORMER_CRON_SCHEMA} .schedule') IS NOT NULL AND to_regclass('${FORMER_CRON_SCHEMA} .tasker_owner') IS NULL AS found,
  EXISTS (
    SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = 'tasker_named_tasks' AND c.relkind = 'r' AND n.nspname <> :schema
  ) AS shared`,
});

/** Copies those of one queue. */
export const adoptFormerSchedules = (cronSchema: string) =>
  defineStatement<{ key: string }>()({
    name: 'adopt_former_schedules',
    params: { queue: 'text' },
    text: `
INSERT INTO "${cronSchema}" .schedule (name, key, cron, timezone, data, options, created_on, updated_on)
SELECT name, key, cron, timezone, data, options, created_on, updated_on
FROM ${FORMER_CRON_SCHEMA} .schedule
WHERE name = :queue
ON CONFLICT (name, key) DO NOTHING
RETURNING key`,
  });
