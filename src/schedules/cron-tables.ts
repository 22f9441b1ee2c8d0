import { sqlState } from '../db/connections/sql-errors.ts';
import type { Database } from '../db/connections/database.ts';
import { cronSchemaState, cronTables, hasCronTables } from '../db/statements/schedules/cron-tables.ts';

/** Of pg-boss's tables, as the pg-boss of this package makes them. A test compares it with pg-boss. */
export const CRON_TABLES_VERSION = 46;

/** Schedules that earlier versions made for themselves. No process works on these queues any longer. */
export const FORMER_SCHEDULES = [
  ['tasker-catch-up', 'every-minute'],
  ['tasker-maintenance', 'analyze'],
] as const;

/** Whether there are no tables of pg-boss yet, and this role may make them: then whoever needs them first can. */
export async function cronIsCreatable(db: Database, cronSchema: string): Promise<boolean> {
  const [state] = await db.run(cronSchemaState, { cron_schema: cronSchema });
  return state?.installed === false && state.creatable;
}

/**
 * Whether pg-boss has nothing to make or remove. Read without pg-boss: loading and starting it is a sixth of the start of a process, and
 * a fleet without schedules needs it never again. False for a role that may not read its tables.
 */
export async function cronIsPrepared(db: Database, cronSchema: string, queue: string): Promise<boolean> {
  try {
    const [tables] = await db.run(hasCronTables, { cron_schema: cronSchema });
    if (tables?.found !== true) return false;
    const [state] = await db.run(cronTables(cronSchema), {
      version: CRON_TABLES_VERSION,
      queue,
      former_queues: FORMER_SCHEDULES.map(([name]) => name),
    });
    return state?.prepared === true;
  } catch (error) {
    if (sqlState(error) === '42501') return false;
    throw error;
  }
}
