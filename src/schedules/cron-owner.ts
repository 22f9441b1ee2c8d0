import { cronSchemaOf } from '../config/cron-schema.ts';
import { ConfigError } from '../errors.ts';
import type { Database, Executor } from '../db/connections/database.ts';
import { sqlState } from '../db/connections/sql-errors.ts';
import {
  adoptFormerSchedules,
  createCronOwner,
  findCronOwner,
  findFormerSchedules,
  FORMER_CRON_SCHEMA,
  hasCronOwner,
  insertCronOwner,
  lockCronOwner,
  replaceCronOwner,
} from '../db/statements/schedules/cron-owner.ts';

/** `left`: whether the former default schema has schedules of which it is unknown whose they are, and which this fleet does not fire. */
export interface CronClaim {
  adopted: string[];
  left: boolean;
}

/**
 * Makes this fleet the owner of its cron schema. Throws ConfigError if another fleet of this database owns it: each would fire the
 * other's schedules. An owner whose fleet is gone (its schema was renamed or dropped) is replaced.
 *
 * A fleet that uses its own cron schema for the first time copies the schedules that it kept in the former default schema, if it is
 * the only fleet in the database.
 */
export async function claimCronSchema(db: Database, cronSchema: string, queue: string): Promise<CronClaim> {
  try {
    return await db.transaction(async (tx) => {
      await tx.run(lockCronOwner, { cron_schema: cronSchema });
      const [table] = await tx.run(hasCronOwner, { cron_schema: cronSchema });
      // With IF NOT EXISTS nevertheless: the cache of a session that waited for the lock may still show that the table is missing.
      if (table?.found !== true) await tx.run(createCronOwner(cronSchema));
      const [owner] = await tx.run(findCronOwner(cronSchema));
      if (owner === undefined) {
        await tx.run(insertCronOwner(cronSchema), { schema: db.schema });
        return await adopt(tx, cronSchema, queue);
      }
      if (owner.schema_name !== db.schema) {
        if (owner.alive) throw foreign(cronSchema, owner.schema_name, db.schema);
        await tx.run(replaceCronOwner(cronSchema), { schema: db.schema });
      }
      return { adopted: [], left: false };
    });
  } catch (error) {
    // 42501: a role that may use pg-boss's tables but create none. The process that created them records the owner.
    if (sqlState(error) === '42501') return { adopted: [], left: false };
    throw error;
  }
}

/** Whether this fleet owns the cron schema already. False for a role that may not read the owner. */
export async function ownsCronSchema(db: Database, cronSchema: string): Promise<boolean> {
  const owner = await cronOwner(db, cronSchema).catch((error: unknown) => {
    if (sqlState(error) === '42501') return undefined;
    throw error;
  });
  return owner?.schema_name === db.schema;
}

/**
 * Throws ConfigError if another fleet of this database owns the cron schema. Reads only. Passes for a role that may not read the
 * owner: such a role cannot use the schedules either, and gets that error when it tries.
 */
export async function checkCronOwner(db: Database, cronSchema: string): Promise<void> {
  const owner = await cronOwner(db, cronSchema).catch((error: unknown) => {
    if (sqlState(error) === '42501') return undefined;
    throw error;
  });
  if (owner !== undefined && owner.schema_name !== db.schema && owner.alive)
    throw foreign(cronSchema, owner.schema_name, db.schema);
}

async function cronOwner(
  db: Database,
  cronSchema: string,
): Promise<{ schema_name: string; alive: boolean } | undefined> {
  const [table] = await db.run(hasCronOwner, { cron_schema: cronSchema });
  return table?.found === true ? (await db.run(findCronOwner(cronSchema)))[0] : undefined;
}

async function adopt(tx: Executor, cronSchema: string, queue: string): Promise<CronClaim> {
  if (cronSchema === FORMER_CRON_SCHEMA || cronSchema !== cronSchemaOf(tx.schema)) return { adopted: [], left: false };
  const [former] = await tx.run(findFormerSchedules, { schema: tx.schema });
  if (former?.found !== true) return { adopted: [], left: false };
  if (former.shared) return { adopted: [], left: true };
  const adopted = await tx.run(adoptFormerSchedules(cronSchema), { queue });
  return { adopted: adopted.map(({ key }) => key), left: false };
}

function foreign(cronSchema: string, owner: string, schema: string): ConfigError {
  const own = cronSchemaOf(schema);
  const fix =
    cronSchema === own
      ? `set TASKER_CRON_SCHEMA to a schema of its own`
      : `set TASKER_CRON_SCHEMA to a schema of its own, such as ${own} (the default)`;
  return new ConfigError(
    `the cron schema "${cronSchema}" holds the schedules of the fleet in schema "${owner}", not of the one in "${schema}": ${fix}`,
    { cronSchema, owner, schema },
  );
}
