import type { Client } from '../../client/client.ts';
import { InvalidInputError } from '../../errors.ts';
import type { ApiClient } from '../../http/api-client.ts';
import { remoteActs } from './acts.ts';
import { remoteLists } from './lists.ts';
import { remoteReads } from './reads.ts';
import { remoteOperations } from './operations.ts';
import { remoteSchedules } from './schedules.ts';

/**
 * What commands use of a client, through the HTTP API: they are the same commands, with the same output. What the API has no route for throws.
 */
export function remoteClient(api: ApiClient): Client {
  const methods: Record<string, unknown> = {
    ...remoteReads(api),
    ...remoteLists(api),
    ...remoteActs(api),
    ...remoteSchedules(api),
    operations: remoteOperations(api),
    close: async () => undefined,
  };
  return new Proxy(methods, {
    get(_methods, name) {
      const found = methods[String(name)];
      if (found !== undefined) return found;
      throw new InvalidInputError(`the HTTP API cannot do this (${String(name)}): leave --api and TASKER_API_URL out`, {
        field: 'api',
      });
    },
  }) as unknown as Client;
}
