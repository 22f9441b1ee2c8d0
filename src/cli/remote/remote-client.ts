import type { Client } from '../../client/client.ts';
import { InvalidInputError } from '../../errors.ts';
import type { ApiClient } from '../../http/api-client.ts';
import { remoteActs } from './acts.ts';
import { remoteLists } from './lists.ts';
import { remoteReads, remoteSearch } from './reads.ts';
import { remoteArchive } from './archive.ts';
import { remotePurge } from './purge.ts';
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
    ...remotePurge(api),
    operations: remoteOperations(api),
    search: withHelp(remoteSearch(api), 'search.'),
    archive: withHelp(remoteArchive(api), 'archive.'),
    close: async () => undefined,
  };
  return withHelp(methods, '') as unknown as Client;
}

/** What there is no route for says so. */
const withHelp = (methods: object, prefix: string): object =>
  new Proxy(methods as Record<string, unknown>, {
    get(known, name) {
      const found = known[String(name)];
      if (found !== undefined) return found;
      throw new InvalidInputError(
        `the HTTP API cannot do this (${prefix}${String(name)}): leave --api and TASKER_API_URL out`,
        { field: 'api' },
      );
    },
  });
