import fastify from 'fastify';
import type { Config } from '../config/config.ts';
import { type ApiClient, createApiClient } from '../http/api-client.ts';
import type { Logger } from '../logger.ts';
import { createApi } from './create-api.ts';

export interface LocalApiOptions {
  /** Of the role `api`. */
  config: Config;
  log: Logger;
  /** The `by` of acts. */
  name: string;
  /** Whether acts are allowed. */
  writes: boolean;
  /** Whether inputs, results and the messages of errors may be read. */
  payloads: boolean;
}

/**
 * The HTTP API inside of this process, on no port, and a client of it: what is asked is checked, limited and redacted as it is over the
 * network. Whoever started the process may see what its database role may see.
 */
export async function openLocalApi(options: LocalApiOptions): Promise<{ api: ApiClient; close(): Promise<void> }> {
  const { config, log, name, writes, payloads } = options;
  const app = fastify({ logger: false, routerOptions: { maxParamLength: 400 } });
  await app.register(
    createApi({
      config: { ...config, apiReadOnly: !writes },
      log,
      principal: () => ({ name, role: writes ? 'operator' : 'viewer', payload: payloads }),
    }),
  );
  await app.ready();
  const inject = async (url: string, init: RequestInit): Promise<Response> => {
    const response = await app.inject({
      method: init.method as 'GET',
      url,
      headers: init.headers as Record<string, string>,
      ...(typeof init.body === 'string' ? { payload: init.body } : {}),
      ...(init.signal ? { signal: init.signal } : {}),
    });
    const headers = Object.entries(response.headers).map(
      ([header, value]) => [header, String(value)] as [string, string],
    );
    return new Response(response.body === '' ? null : response.body, { status: response.statusCode, headers });
  };
  return {
    api: createApiClient({ url: 'http://localhost', fetch: inject as typeof fetch }),
    close: () => app.close(),
  };
}
