import type { Command } from 'commander';
import { loadConfig } from '../../config/load-config.ts';
import { checkCronOwner, claimCronSchema } from '../../schedules/cron-owner.ts';
import { openDatabase } from '../../db/connections/database.ts';
import { migrateToLatest, migrateUp } from '../../db/migrate.ts';
import { WORKFLOW_SCHEDULES } from '../../schedules/scheduled-submit.ts';
import {
  migrationCommand,
  migrationConnection,
  type MigrationOptions,
  positiveNumber,
  runMigration,
} from '../migration-command.ts';
import { STATUS } from '../report-error.ts';

/** `tasker migrate up`: applies pending migrations, and makes the tables of pg-boss. */
export function migrateUpCommand(exit: (status: number) => void): Command {
  return migrationCommand('up', 'apply every pending migration; the fleet may go on working')
    .option('--steps <n>', 'only the next n')
    .action(async (options: MigrationOptions & { steps?: string }) => {
      const steps = options.steps === undefined ? undefined : positiveNumber('--steps', options.steps);
      await runMigration(options, ({ url, ...rest }) =>
        steps === undefined ? migrateToLatest(url, rest) : migrateUp(url, steps, rest),
      );
      await prepareSchedules();
      exit(STATUS.ok);
    });
}

/** Makes the tables of pg-boss, so that the role of a scheduler needs no right to. Without that right it prints what is missing. */
async function prepareSchedules(): Promise<void> {
  const { url, schema, password } = migrationConnection({});
  const { cronSchema } = loadConfig('client');
  const { migrateCron } = await import('../../schedules/cron.ts');
  const db = openDatabase({ url, schema, password, poolSize: 1, applicationName: 'tasker migrate cron' });
  try {
    await checkCronOwner(db, cronSchema);
    const made = await migrateCron({ url, schema: cronSchema, queue: WORKFLOW_SCHEDULES, password });
    if (made.outcome === 'refused') console.error(`tasker: no schedules yet: ${made.why}`);
    else await claimCronSchema(db, cronSchema, WORKFLOW_SCHEDULES);
  } finally {
    await db.close();
  }
}
