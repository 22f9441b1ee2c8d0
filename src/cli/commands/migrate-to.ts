import type { Command } from 'commander';
import { migrateTo } from '../../db/migrate.ts';
import { migrationCommand, type MigrationOptions, runMigration } from '../migration-command.ts';
import { STATUS } from '../report-error.ts';

/** `tasker migrate to <name>`: moves up or down to a migration. */
export function migrateToCommand(exit: (status: number) => void): Command {
  return migrationCommand('to', 'move up or down until <name> is the newest applied migration')
    .argument('<name>', 'as `tasker migrate status` lists it')
    .action(async (name: string, options: MigrationOptions) => {
      await runMigration(options, ({ url, ...rest }) => migrateTo(url, name, rest));
      exit(STATUS.ok);
    });
}
