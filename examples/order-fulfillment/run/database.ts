import { rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { takeRunLock, type RunLock } from './run-lock.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../src/embedded/start.ts';

/** How long an earlier run may take to stop before it counts as running. */
const earlierRunLeavesWithinMs = 30_000;

export interface RunDatabase {
  readonly url: string;
  /** The database without a pooler between. */
  readonly directUrl: string | undefined;
  readonly embedded: boolean;
  /** Which one it is, for whoever looks on. */
  readonly description: string;
  /** A file with the URL, for other programs. Undefined if the user named the database. */
  readonly urlFile: string | undefined;
  /** Starts the embedded server again if it died. Rejects if it cannot be reached under the same URL any more. */
  revive(): Promise<void>;
  /** Releases the database; an embedded server is stopped. */
  close(): Promise<void>;
}

/**
 * The database of this run, and the right to run on it: one `npm start` at a time. An embedded server that an earlier run
 * left behind is adopted. `fresh` empties the embedded one.
 */
export async function openRunDatabase(options: {
  dataDir: string;
  fresh: boolean;
  log: (line: string) => void;
  interrupted: AbortSignal;
}): Promise<RunDatabase> {
  const given = process.env['DATABASE_URL'];
  if (given) {
    if (options.fresh) {
      throw new Error(
        '--fresh would throw away a database of yours: it only empties the embedded one. Name an empty database in DATABASE_URL instead',
      );
    }
    const directUrl = process.env['DATABASE_URL_DIRECT'];
    const lock = await takeLock(directUrl ?? given, options);
    return {
      url: given,
      directUrl,
      embedded: false,
      description: 'the one that DATABASE_URL names',
      urlFile: undefined,
      revive: async () => {},
      close: () => lock.release(),
    };
  }

  const dataDir = join(options.dataDir, 'postgres');
  const start = (): Promise<EmbeddedPostgres> => startEmbeddedPostgres({ dataDir });
  let server = await start();
  let lock: RunLock;
  try {
    lock = await takeLock(server.url(), options);
  } catch (error) {
    if (!server.adopted) await server.stop();
    throw error;
  }
  if (options.fresh) {
    // Only the holder of the lock does this: no other run uses what is deleted now.
    await lock.release();
    await server.stop('immediate');
    // One by one: the folder itself may contain files of the user.
    for (const ours of ['postgres', 'payments', 'logs', 'database-url']) {
      await rm(join(options.dataDir, ours), { recursive: true, force: true });
    }
    server = await start();
    lock = await takeLock(server.url(), options);
  }
  const url = server.url();
  // For psql and the tasker command in another terminal; the server listens on this machine only.
  const urlFile = join(options.dataDir, 'database-url');
  await writeFile(urlFile, `${url}\n`, { mode: 0o600 });
  return {
    url,
    directUrl: url,
    embedded: true,
    description: `embedded PostgreSQL on port ${server.port}${server.adopted && !options.fresh ? ', left running by an earlier start' : ''}`,
    urlFile,
    async revive() {
      server = await start();
      if (server.url() !== url)
        throw new Error(`the embedded PostgreSQL came back on another port (${server.port}): start again`);
      await lock.release();
      lock = await takeLock(url, options);
    },
    async close() {
      await lock.release();
      await server.stop('fast');
    },
  };
}

async function takeLock(
  url: string,
  { log, interrupted }: { log: (line: string) => void; interrupted: AbortSignal },
): Promise<RunLock> {
  const deadline = Date.now() + earlierRunLeavesWithinMs;
  for (let tries = 1; ; tries += 1) {
    const taken = await takeRunLock({
      url,
      name: 'order_fulfillment',
      applicationName: `order example on ${hostname()}, pid ${process.pid}`.slice(0, 63),
    });
    if (taken.outcome === 'taken') return taken.lock;
    if (Date.now() > deadline || interrupted.aborted) {
      throw new Error(
        `the example already runs on this database (${taken.by}): stop it first, or name another --data folder`,
      );
    }
    if (tries === 5) log(`waiting for an earlier run to end (${taken.by})`);
    await sleep(200);
  }
}
