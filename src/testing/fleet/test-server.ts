import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { createDatabase } from '../../embedded/databases.ts';
import { startEmbeddedPostgres } from '../../embedded/start.ts';
import { EmbeddedPostgresUnavailableError, taskerErrorCode } from '../../errors.ts';
import { TEMPLATE, prepareSchema } from './test-database.ts';

/** A PostgreSQL server for tests. */
export interface TestServer {
  /** Of a role that may create databases. */
  readonly url: string;
  /** Stops the server and removes its data. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts an embedded PostgreSQL for tests in a temporary folder: not durable, and gone when this process ends, in whatever way. One
 * for all test files saves each of them the start: start it in the global set-up, and pass `url` to `startTestFleet`.
 */
export async function startTestServer(): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'tasker-fleet-test-'));
  // If root runs the tests, PostgreSQL runs as another user, who needs access to its folder.
  await chmod(folder, 0o755);
  const dataDir = join(folder, 'postgres');
  const program = fileURLToPath(new URL(`server-watchdog${extname(import.meta.url)}`, import.meta.url));
  // In a session of its own, so that Ctrl-C does not end it together with the tests.
  const watchdog = spawn(process.execPath, [program, folder, dataDir], {
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const exited = once(watchdog, 'exit');
  watchdog.unref();
  (watchdog.stdin as unknown as { unref(): void }).unref();
  const stop = async (): Promise<void> => {
    // Only from here on it keeps this process alive.
    watchdog.ref();
    watchdog.stdin.end();
    await exited;
  };
  try {
    const server = await startEmbeddedPostgres({
      dataDir,
      settings: {
        // Nothing here has to survive a power cut.
        fsync: 'off',
        full_page_writes: 'off',
        synchronous_commit: 'off',
        shared_buffers: '64MB',
        log_min_duration_statement: '-1',
      },
    });
    await prepareSchema(await createDatabase(server.url(), TEMPLATE));
    return { url: server.url(), stop };
  } catch (error) {
    await stop();
    if (taskerErrorCode(error) !== 'EMBEDDED_POSTGRES_UNAVAILABLE') throw error;
    throw new EmbeddedPostgresUnavailableError(
      `tests need a PostgreSQL server: pass the url of one, or install the embedded one. ${(error as Error).message}`,
      {},
      { cause: error },
    );
  }
}

let shared: Promise<TestServer> | undefined;

/** The server of this process, started at the first call; it ends with the process. */
export function sharedTestServer(): Promise<TestServer> {
  shared ??= startTestServer();
  // A start that failed is not the answer to the next one.
  shared.catch(() => (shared = undefined));
  return shared;
}
