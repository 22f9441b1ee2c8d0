import type { Command } from 'commander';
import { type Client, createClient } from '../client/client.ts';
import type { Config } from '../config/config.ts';
import { loadConfig, usesPreparedStatements } from '../config/load-config.ts';
import { passwordOf } from '../db/connections/password.ts';
import { clientEnvironment } from './dev-environment.ts';

/** A client with these settings. */
export function openClient(config: Config): Client {
  return createClient({
    url: config.databaseUrl,
    schema: config.schema,
    cronSchema: config.cronSchema,
    poolSize: 2,
    applicationName: 'tasker cli',
    preparedStatements: usesPreparedStatements(config),
    hideInputValues: config.hideInputValues,
    password: passwordOf(config),
    pooled: config.pooled,
  });
}

/**
 * Opens a client with the settings of the environment, does the work, and closes the client in any case. Without
 * DATABASE_URL it works on the database of a `tasker dev` that runs in this folder or above it.
 */
export async function withClient<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const client = openClient(loadConfig('client', await clientEnvironment()));
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

/** Adds `--json`, which every command has. */
export function withJson(command: Command): Command {
  return command.option('--json', 'one JSON value on standard output');
}

/** Prints a value as JSON, or what `text` makes of it. */
export function print<T>(value: T, json: boolean | undefined, text: (value: T) => string): void {
  const output = json === true ? JSON.stringify(value, null, 2) : text(value);
  if (output !== '') console.log(output);
}
