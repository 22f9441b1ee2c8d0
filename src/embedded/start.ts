import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EmbeddedFolder, isMissing, openFolder, readPassword, rememberedPort, writeWhole } from './folder.ts';
import { EmbeddedPostgresError } from '../errors.ts';
import { locateBinaries } from './binaries.ts';
import { ensureCluster } from './initialize.ts';
import { freePort, launchServer, type LaunchOutcome } from './launch-server.ts';
import { withLaunchLock } from './launch-lock.ts';
import { findPostmaster, type RunningPostmaster, stopPostmaster, type StopMode, waitUntilGone } from './postmaster.ts';
import { probe } from './probe.ts';
import { defaultSettings } from './settings.ts';

/** The folder of an embedded server, and how it is run. */
export interface EmbeddedPostgresOptions {
  /** A folder that belongs to the database alone; made if missing. Everything (data, password, log) lies in it. */
  dataDir: string;
  /** 0 or absent: the port of the last start, or a free one. */
  port?: number;
  /** Server settings that win over the default ones. An adopted server keeps those it was started with. */
  settings?: Readonly<Record<string, string>>;
  /** Called with each decision of the launcher, one line each. The server's own log is `server.log` in the folder. */
  log?: (line: string) => void;
  /** How long a running server may be silent before it counts as wedged and is replaced. Default 10 s. */
  wedgedAfterMs?: number;
}

/** A server that runs. */
export interface EmbeddedPostgres {
  /** A connection URL with the password, for `database` (default: postgres). */
  url(database?: string): string;
  readonly port: number;
  readonly pid: number;
  /** Whether the server was already running: started by another process, or left behind by one that was killed. */
  readonly adopted: boolean;
  /**
   * Stops the server and resolves when it is gone; the default `fast` rolls back open transactions. Calling it again, or
   * after the server ended by itself, does nothing. All processes that started it on the same folder share the server.
   */
  stop(mode?: StopMode): Promise<void>;
}

/** Long enough for crash recovery of a large WAL on a slow disk; a process that exits is noticed at once. */
const startWithinMs = 120_000;
/** Generous: on an overloaded machine a healthy server may be slow, and replacing it costs its clients their work. */
const defaultWedgedAfterMs = 10_000;
/** How long the remains of a killed server (backends, shared memory) may keep a new one from starting. */
const remainsWithinMs = 15_000;
const pollMs = 30;

/**
 * Starts PostgreSQL in `dataDir`, or adopts the server that already runs there. The server is a process of its own: it
 * outlives the caller until `stop` is called. For development, the examples and the tests; not for production.
 *
 * Throws EmbeddedPostgresUnavailableError if this machine cannot run it, EmbeddedPostgresError if it fails to start.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const folder = await openFolder(options.dataDir);
  const log = options.log ?? (() => {});
  const settings = { ...defaultSettings, ...options.settings };
  const wedgedAfterMs = options.wedgedAfterMs ?? defaultWedgedAfterMs;
  return withLaunchLock(folder.lockFile, startWithinMs + wedgedAfterMs, async () => {
    const remainsDeadline = Date.now() + remainsWithinMs;
    for (;;) {
      const running = await findPostmaster(folder);
      const adopted = running && (await adopt(folder, running, wedgedAfterMs, log));
      if (adopted !== undefined) {
        log(`adopted the PostgreSQL server that runs on port ${adopted.port} (pid ${adopted.pid})`);
        return handle(folder, adopted, await readPassword(folder), true);
      }
      const outcome = await startServer(folder, options.port ?? 0, settings, log);
      if (outcome.outcome === 'ready') {
        log(`PostgreSQL listens on 127.0.0.1:${outcome.port} (pid ${outcome.pid})`);
        return handle(folder, outcome, await readPassword(folder), false);
      }
      if (Date.now() > remainsDeadline) throw failedToStart(folder, outcome);
      await sleep(pollMs * 5);
    }
  });
}

/**
 * Stops the server of a folder without having started it. Resolves when it is gone: true if one was running, false if there
 * was nothing to stop (also if the folder was never used).
 */
export async function stopEmbeddedPostgres(options: { dataDir: string; mode?: StopMode }): Promise<boolean> {
  if (await isMissing(join(options.dataDir, 'cluster', 'postmaster.pid'))) return false;
  const folder = await openFolder(options.dataDir);
  const running = await findPostmaster(folder);
  if (running === undefined) return false;
  await stopPostmaster(folder, running.pid, options.mode ?? 'fast');
  return true;
}

function handle(
  folder: EmbeddedFolder,
  { pid, port }: RunningPostmaster,
  password: string,
  adopted: boolean,
): EmbeddedPostgres {
  return {
    url: (database = 'postgres') => serverUrl(port, password, database),
    port,
    pid,
    adopted,
    stop: (mode = 'fast') => stopPostmaster(folder, pid, mode),
  };
}

function serverUrl(port: number, password: string, database: string): string {
  return `postgresql://postgres:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
}

/**
 * The running server as soon as it is ready; undefined if it is gone, by itself or because it was wedged and had to be
 * stopped.
 */
async function adopt(
  folder: EmbeddedFolder,
  found: RunningPostmaster,
  wedgedAfterMs: number,
  log: (line: string) => void,
): Promise<RunningPostmaster | undefined> {
  const password = await readPassword(folder);
  const startDeadline = Date.now() + startWithinMs;
  let lastSign = Date.now();
  for (;;) {
    // Read again: a server that is just coming up writes its port late, and it may end while we wait.
    const running = await findPostmaster(folder);
    if (running?.pid !== found.pid) return undefined;
    const answer = running.port > 0 ? await probe(serverUrl(running.port, password, 'postgres')) : 'refused';
    if (answer === 'ready') return running;
    if (answer === 'denied') {
      throw new EmbeddedPostgresError(
        `a PostgreSQL server runs in ${folder.root} (pid ${running.pid}) but does not accept the password in ` +
          `${folder.passwordFile}: restore the password file, or stop the server and remove the folder to start empty`,
        { pid: running.pid, port: running.port },
      );
    }
    if (answer === 'stopping' && (await waitUntilGone(folder, running.pid, wedgedAfterMs))) return undefined;
    if (answer === 'starting') lastSign = Date.now();
    if (Date.now() - lastSign > wedgedAfterMs || Date.now() > startDeadline) {
      log(`the PostgreSQL server that runs here (pid ${running.pid}) does not answer: stopping it`);
      await stopPostmaster(folder, running.pid, 'immediate');
      return undefined;
    }
    await sleep(pollMs);
  }
}

async function startServer(
  folder: EmbeddedFolder,
  wantedPort: number,
  settings: Readonly<Record<string, string>>,
  log: (line: string) => void,
): Promise<LaunchOutcome> {
  const binaries = await locateBinaries(folder.osUser);
  await ensureCluster(folder, binaries, log, settings['fsync'] !== 'off');
  const password = await readPassword(folder);
  const port = wantedPort || (await rememberedPort(folder)) || (await freePort());
  const outcome = await launchServer(folder, binaries, settings, port, startWithinMs, (database) =>
    serverUrl(port, password, database),
  );
  if (outcome.outcome === 'ready') await writeWhole(folder, folder.portFile, `${port}\n`);
  if (outcome.outcome === 'port_refused') {
    throw new EmbeddedPostgresError(
      `port ${port} may not be used by the user that runs PostgreSQL: choose a port above 1023, or 0 for a free one`,
      { port },
    );
  }
  if (outcome.outcome === 'port_taken') {
    if (wantedPort !== 0) {
      throw new EmbeddedPostgresError(
        `port ${wantedPort} is taken by another program: choose another port, or 0 for a free one`,
        { port: wantedPort },
      );
    }
    log(`port ${port} is taken by another program: choosing another one`);
    await writeWhole(folder, folder.portFile, '');
  }
  if (outcome.outcome === 'failed') throw failedToStart(folder, outcome);
  return outcome;
}

function failedToStart(folder: EmbeddedFolder, outcome: LaunchOutcome): EmbeddedPostgresError {
  const output = 'output' in outcome ? outcome.output : '';
  return new EmbeddedPostgresError(
    `PostgreSQL did not start in ${folder.root} (${outcome.outcome}); the end of ${folder.logFile}:\n${output}`,
    { root: folder.root, ...outcome },
  );
}
