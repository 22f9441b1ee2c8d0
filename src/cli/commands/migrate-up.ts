import type { Command } from 'commander';
import { loadConfig } from '../../config/load-config.ts';
import { migrateToLatest, migrateUp } from '../../db/migrate.ts';
import { prepareSchedules } from '../../schedules/prepare-schedules.ts';
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
      await makeSchedules();
      exit(STATUS.ok);
    });
}

/** Without the right to make the tables of pg-boss it prints what is missing. */
async function makeSchedules(): Promise<void> {
  const { cronSchema } = loadConfig('client');
  const made = await prepareSchedules({ ...migrationConnection({}), cronSchema });
  if (made.outcome === 'refused') console.error(`tasker: no schedules yet: ${made.why}`);
}
