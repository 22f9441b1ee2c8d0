import type { Command } from 'commander';
import type { Client } from '../client/client.ts';
import { configuredClient } from '../client/configured-client.ts';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load-config.ts';
import { withTimeout } from '../process/with-timeout.ts';
import { flushSpans } from '../tracing/otel.ts';
import { clientEnvironment } from './dev-environment.ts';
import { apiTarget } from './remote/target.ts';

/** A collector that is away holds up no command for longer. */
const FLUSH_TIMEOUT_MS = 1000;

/** A client with these settings. */
export function openClient(config: Config): Client {
  return configuredClient(config, { poolSize: 2, applicationName: 'tasker cli' });
}

/**
 * Opens a client with the settings of the environment, does the work, and closes the client in any case. Without
 * DATABASE_URL it works on the database of a `tasker dev` that runs in this folder or above it. With --api it works through the HTTP API.
 */
export async function withClient<T>(work: (client: Client, config?: Config) => Promise<T>): Promise<T> {
  const api = apiTarget();
  if (api !== undefined) {
    const { remoteClient } = await import('./remote/remote-client.ts');
    return work(remoteClient(api));
  }
  const config = loadConfig('client', await clientEnvironment());
  const client = openClient(config);
  try {
    return await work(client, config);
  } finally {
    await client.close();
    await withTimeout(flushSpans(), FLUSH_TIMEOUT_MS);
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
