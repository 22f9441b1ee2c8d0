import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { type Jitter, withJitter } from '../../backoff.ts';
import { describeDatabaseError } from '../../db/connections/describe-error.ts';
import { pendingMigrations } from '../../db/migrate.ts';
import type { MigrateOptions } from '../../db/migrate-options.ts';
import { isUnavailable } from '../../db/connections/sql-errors.ts';
import { TaskerError } from '../../errors.ts';
import { migrationConnection, positiveNumber } from '../migration-command.ts';
import { STATUS } from '../report-error.ts';

/** A rollout starts many processes at once, and each poll opens a connection. */
const POLL_INTERVAL_MS = 1000;
const SPREAD: Jitter = [0.75, 1.25];

/** `tasker migrate wait`: waits until every migration is applied. */
export function migrateWaitCommand(exit: (status: number) => void): Command {
  return new Command('wait')
    .description('wait until every migration of this version is applied, by whomever: before its workers start')
    .option('--wait-seconds <n>', 'give up with status 1 after this many seconds', '600')
    .action(async (options: { waitSeconds?: string }) => {
      const { url, schema, password } = migrationConnection({});
      await waitForMigrations(url, {
        schema,
        password,
        seconds: positiveNumber('--wait-seconds', options.waitSeconds ?? '600'),
      });
      exit(STATUS.ok);
    });
}

/** Waits until the database has every migration of this version. Waits also while the server is unavailable. */
async function waitForMigrations(url: string, options: MigrateOptions & { seconds: number }): Promise<void> {
  const deadline = performance.now() + options.seconds * 1000;
  let printed = '';
  for (;;) {
    const missing = await whatIsMissing(url, options);
    if (missing === undefined) return;
    if (performance.now() > deadline) {
      throw new TaskerError('MIGRATION_PENDING', `after ${options.seconds} s ${missing}: run \`tasker migrate up\``);
    }
    if (missing !== printed) console.log(`waiting: ${missing}`);
    printed = missing;
    await sleep(withJitter(POLL_INTERVAL_MS, SPREAD));
  }
}

/** What is missing, for people; undefined when nothing is. */
async function whatIsMissing(url: string, options: MigrateOptions): Promise<string | undefined> {
  try {
    const pending = await pendingMigrations(url, options);
    return pending.length === 0 ? undefined : `migrations are pending (${pending.join(', ')})`;
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    return describeDatabaseError(error)?.line ?? 'the database cannot be reached';
  }
}
