import type { Command } from 'commander';
import { type Client, createClient } from '../client/client.ts';
import { loadConfig, usesPreparedStatements } from '../config/load-config.ts';
import { passwordOf } from '../db/connections/password.ts';

/** Opens a client with the settings of the environment, does the work, and closes the client in any case. */
export async function withClient<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const config = loadConfig('client');
  const client = createClient({
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
