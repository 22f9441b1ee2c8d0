import { Command } from 'commander';
import { migrateDownCommand } from './migrate-down.ts';
import { migrateStatusCommand } from './migrate-status.ts';
import { migrateToCommand } from './migrate-to.ts';
import { migrateUpCommand } from './migrate-up.ts';
import { migrateWaitCommand } from './migrate-wait.ts';

/** `tasker migrate up|down|to|status|wait`: brings the schema to a version, or shows which one it has. */
export function migrateCommand(exit: (status: number) => void): Command {
  return new Command('migrate')
    .description('bring the database schema to a version, or show which one it has')
    .addCommand(migrateUpCommand(exit))
    .addCommand(migrateDownCommand(exit))
    .addCommand(migrateToCommand(exit))
    .addCommand(migrateStatusCommand(exit))
    .addCommand(migrateWaitCommand(exit))
    .addHelpText(
      'after',
      '\nExample:\n  DATABASE_URL=postgres://... tasker migrate up\n  DATABASE_URL=postgres://... tasker migrate status --json',
    );
}
