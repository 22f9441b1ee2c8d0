import type { Command } from 'commander';
import { installationStatus } from '../../db/installation.ts';
import { migrationStatus } from '../../db/migrate.ts';
import { migrationCommand, migrationConnection, type MigrationOptions } from '../migration-command.ts';
import { STATUS } from '../report-error.ts';

/** `tasker migrate status`: the migrations, when each was applied, and the installation. */
export function migrateStatusCommand(exit: (status: number) => void): Command {
  return migrationCommand('status', 'list the migrations and when each was applied, and which installation this is')
    .option('--check', 'exit with status 1 if one is pending: for a deployment that must wait for them')
    .action(async (options: MigrationOptions & { check?: boolean }) => {
      const { url, ...rest } = migrationConnection(options);
      const migrations = await migrationStatus(url, rest);
      const installation = await installationStatus(url, rest);
      const pending = migrations.filter(({ appliedAt }) => appliedAt === null).length;
      if (options.json === true) {
        const listed = migrations.map(({ name, appliedAt }) => ({ name, applied_at: appliedAt }));
        const installationId = installation?.installationId ?? null;
        console.log(
          JSON.stringify({ schema: rest.schema, installation_id: installationId, pending, migrations: listed }),
        );
      } else {
        for (const { name, appliedAt } of migrations)
          console.log(`${appliedAt?.toISOString() ?? 'pending'.padEnd(24)}  ${name}`);
        if (installation !== undefined)
          console.log(`installation ${installation.installationId}, made ${installation.createdAt.toISOString()}`);
      }
      exit(options.check === true && pending > 0 ? STATUS.failed : STATUS.ok);
    });
}
