import type { Readable, Writable } from 'node:stream';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import type { Config } from '../config/config.ts';
import { ConfigError } from '../errors.ts';
import { type ApiClient, createApiClient } from '../http/api-client.ts';
import { ApiError } from '../http/error.ts';
import type { Logger } from '../logger.ts';
import { serveMcp } from './serve-mcp.ts';

export interface McpProcessOptions {
  log: Logger;
  writes: boolean;
  payloads: boolean;
  /** A `tasker api`, or a database; `name`: the `by` of acts on it. */
  of: { url: string; key: string | undefined } | { config: Config; name: string };
  /** Default: standard input and output. */
  input?: Readable;
  output?: Writable;
}

export interface McpProcess {
  /** Resolves when whoever started it has closed the input. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** Serves MCP over standard input and output; nothing else may write to the output. */
export async function startMcp(options: McpProcessOptions): Promise<McpProcess> {
  const { log, writes, of, input = process.stdin, output = process.stdout } = options;
  const { api, close } =
    'url' in of ? { api: await openApi(of, options), close: undefined } : await openDatabase(of, options);
  const ended = Promise.withResolvers<void>();
  input.once('end', () => ended.resolve());
  const server = await serveMcp(new StdioServerTransport(input, output), {
    api,
    writes,
    onError: (error) => log.error({ error }, 'a call failed'),
  });
  return {
    ended: ended.promise,
    async stop() {
      await server.close();
      await close?.();
    },
  };
}

async function openDatabase({ config, name }: { config: Config; name: string }, options: McpProcessOptions) {
  const { openLocalApi } = await import('../api/local-api.ts');
  return openLocalApi({ ...options, config, name });
}

/** The rights of the key must fit what was asked for: what a key may read, a model may read. */
async function openApi(
  { url, key }: { url: string; key: string | undefined },
  { writes, payloads }: McpProcessOptions,
): Promise<ApiClient> {
  const api = createApiClient({ url, key });
  const { permissions, read_only: readOnly } = await api.get('/v1/me').catch((error: unknown) => {
    if (!(error instanceof ApiError)) throw error;
    throw new ConfigError(
      error.code === 'UNAUTHENTICATED'
        ? 'the API wants to know who asks: set TASKER_API_KEY to a key (tasker api-keys create --name assistant)'
        : `--api (TASKER_API_URL) is ${JSON.stringify(url)}: there is no tasker api: ${error.message}`,
      {},
      { cause: error },
    );
  });
  if (!payloads && permissions.includes('payload:read'))
    throw new ConfigError(
      'the key may read payloads: use one that may not, or let the model read them too, with --payloads',
    );
  if (writes && !permissions.includes('tasks:operate'))
    throw new ConfigError('--allow-writes needs a key of the role operator: this one may only read');
  if (writes && readOnly === true)
    throw new ConfigError(
      `--allow-writes is of no use: the tasker api at ${JSON.stringify(url)} only reads (TASKER_API_READ_ONLY), so leave it out`,
    );
  return api;
}
