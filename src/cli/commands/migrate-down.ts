import type { Command } from 'commander';
import { migrateDown, migrationStatus } from '../../db/migrate.ts';
import { TaskerError } from '../../errors.ts';
import { migrationCommand, type MigrationOptions, positiveNumber, runMigration } from '../migration-command.ts';
import { STATUS } from '../report-error.ts';

/** `tasker migrate down`: takes the newest migrations back. */
export function migrateDownCommand(exit: (status: number) => void): Command {
  return migrationCommand('down', 'take the newest migration back; stop the fleet first')
    .option('--steps <n>', 'the newest n')
    .option('--drop-all', 'allow taking back the first migration, which drops every table and all tasks with them')
    .action(async (options: MigrationOptions & { steps?: string; dropAll?: boolean }) => {
      const steps = positiveNumber('--steps', options.steps ?? '1');
      await runMigration(options, async ({ url, ...rest }) => {
        const applied = (await migrationStatus(url, rest)).filter(({ appliedAt }) => appliedAt !== null);
        if (applied.length > 0 && steps >= applied.length && options.dropAll !== true) {
          throw new TaskerError(
            'MIGRATION_REFUSED',
            `--steps ${steps} takes back ${applied[0]?.name}, which drops every table and all tasks with them: add --drop-all if that is meant`,
          );
        }
        return migrateDown(url, steps, rest);
      });
      exit(STATUS.ok);
    });
}
