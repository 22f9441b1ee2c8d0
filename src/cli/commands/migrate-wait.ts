import { setTimeout as sleep } from 'node:timers/promises';
import { type MigrateOptions, pendingMigrations } from '../../db/migrate.ts';
import { describeDatabaseError } from '../../db/describe-error.ts';
import { isUnavailable } from '../../db/sql-errors.ts';
import { TaskerError } from '../../errors.ts';

/** A rollout starts many processes at once, and each look is a connection: not more often than people would notice. */
const LOOK_EVERY_MS = 1000;

/** Waits until the database has every migration of this version. A server that is away is waited for too. */
export async function waitForMigrations(url: string, options: MigrateOptions & { seconds: number }): Promise<void> {
  const deadline = performance.now() + options.seconds * 1000;
  let told = '';
  for (;;) {
    const missing = await lacking(url, options);
    if (missing === undefined) return;
    if (performance.now() > deadline) {
      throw new TaskerError('MIGRATION_PENDING', `after ${options.seconds} s ${missing}: run \`tasker migrate up\``);
    }
    if (missing !== told) console.log(`waiting: ${missing}`);
    told = missing;
    await sleep(LOOK_EVERY_MS * (0.75 + Math.random() / 2));
  }
}

/** What is lacking, for people; undefined when nothing is. */
async function lacking(url: string, options: MigrateOptions): Promise<string | undefined> {
  try {
    const pending = await pendingMigrations(url, options);
    return pending.length === 0 ? undefined : `migrations are pending (${pending.join(', ')})`;
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    return describeDatabaseError(error)?.line ?? 'the database cannot be reached';
  }
}
