import { Command } from 'commander';
import { directUrl } from '../config/direct-url.ts';
import { loadConfig } from '../config/load-config.ts';
import type { MigrateOptions } from '../db/migrate-options.ts';
import { passwordOf } from '../db/connections/password.ts';
import { wholeNumber } from './whole-number.ts';

/** Options that every command below `tasker migrate` has. */
export interface MigrationOptions {
  json?: boolean;
  waitSeconds?: string;
}

export function migrationCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option('--json', 'one JSON object on standard output')
    .option('--wait-seconds <n>', 'how long to wait for another process that migrates (default: 120)');
}

export type MigrationConnection = MigrateOptions & { url: string; schema: string };

/** Where to migrate. Throws ConfigError if only a pooler is known. */
export function migrationConnection(options: MigrationOptions): MigrationConnection {
  const config = loadConfig('client');
  return {
    url: directUrl(config),
    schema: config.schema,
    password: passwordOf(config),
    ...(options.waitSeconds === undefined
      ? {}
      : { waitSeconds: positiveNumber('--wait-seconds', options.waitSeconds) }),
  };
}

/** Runs a migration up or down and reports it: a line for each migration as it ends, or one JSON object at the end. */
export async function runMigration(
  options: MigrationOptions,
  run: (connection: MigrationConnection) => Promise<string[]>,
): Promise<void> {
  const moved = { applied: [] as string[], reverted: [] as string[] };
  const target = migrationConnection(options);
  await run({
    ...target,
    onWarning: (message) => console.error(`tasker: warning: ${message}`),
    onApplied: (name, direction, seconds) => {
      moved[direction === 'up' ? 'applied' : 'reverted'].push(name);
      if (options.json !== true) console.log(`${direction.padEnd(4)}  ${name}  ${seconds.toFixed(2)} s`);
    },
  });
  if (options.json === true) console.log(JSON.stringify({ schema: target.schema, ...moved }));
  else if (moved.applied.length + moved.reverted.length === 0)
    console.log('nothing to do: the schema is there already');
}

/** The value of an option that is a number of migrations or of seconds. */
export function positiveNumber(option: string, text: string): number {
  return wholeNumber(option, text, 1, 999_999);
}
