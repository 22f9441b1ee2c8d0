import type { PasswordSource } from '../db/connections/password-source.ts';
import { openDatabase } from '../db/connections/database.ts';
import { checkCronOwner, claimCronSchema } from './cron-owner.ts';
import { cronIsPrepared } from './cron-tables.ts';
import { WORKFLOW_SCHEDULES } from './scheduled-submit.ts';

/**
 * Makes the tables of pg-boss, after the migrations, so that the role of a scheduler needs no right to. Returns which right is
 * missing. Throws ConfigError if they are another fleet's.
 */
export async function prepareSchedules(target: {
  /** The server itself, not a pooler. */
  url: string;
  schema: string;
  cronSchema: string;
  password?: PasswordSource | undefined;
}): Promise<{ outcome: 'ready' } | { outcome: 'refused'; why: string }> {
  const { url, schema, cronSchema, password } = target;
  const db = openDatabase({ url, schema, password, poolSize: 1, applicationName: 'tasker migrate cron' });
  try {
    await checkCronOwner(db, cronSchema);
    if (!(await cronIsPrepared(db, cronSchema, WORKFLOW_SCHEDULES))) {
      const { migrateCron } = await import('./cron.ts');
      const made = await migrateCron({ url, schema: cronSchema, queue: WORKFLOW_SCHEDULES, password });
      if (made.outcome === 'refused') return made;
    }
    await claimCronSchema(db, cronSchema, WORKFLOW_SCHEDULES);
    return { outcome: 'ready' };
  } finally {
    await db.close();
  }
}
