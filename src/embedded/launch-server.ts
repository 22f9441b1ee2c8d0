import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, rename, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresBinaries } from './binaries.ts';
import { dataDirectory } from './data-directory.ts';
import { type EmbeddedFolder, giveToServer, maximumLogBytes } from './folder.ts';
import { serverEnvironment } from './os-user.ts';
import { stopPostmaster } from './postmaster.ts';
import { probe } from './probe.ts';
import { settingArguments } from './settings.ts';

/**
 * How one launch went:
 * - `port_taken`: another program listens there
 * - `port_refused`: this user may not listen there (ports below 1024)
 * - `remains`: a killed server's processes or memory are not gone yet; worth another try in a moment
 * - `failed`: anything else, with the end of the server's log
 */
export type LaunchOutcome =
  | { outcome: 'ready'; pid: number; port: number }
  | { outcome: 'port_taken' | 'port_refused' | 'remains' | 'failed'; output: string };

const pollMs = 30;
/** The last lines of the log show why a server stopped; this many bytes hold them. */
const tailBytes = 4000;

/**
 * Starts the server as a process of its own (own session, no pipe to this process, so neither Ctrl-C nor the death of the
 * caller reaches it) and waits until it is ready.
 */
export async function launchServer(
  folder: EmbeddedFolder,
  binaries: PostgresBinaries,
  settings: Readonly<Record<string, string>>,
  port: number,
  waitMs: number,
  url: (database: string) => string,
): Promise<LaunchOutcome> {
  const { handle: logHandle, size: logStart } = await openLog(folder);
  let ended: string | undefined;
  let end: Promise<string>;
  let child: ChildProcess;
  try {
    const { cwd, path, marks } = dataDirectory(folder, folder.cluster);
    child = spawn(binaries.postgres, ['-D', path, '-p', String(port), ...settingArguments(settings), ...marks], {
      cwd,
      detached: true,
      env: serverEnvironment(),
      stdio: ['ignore', logHandle.fd, logHandle.fd],
      ...(folder.osUser && { uid: folder.osUser.uid, gid: folder.osUser.gid }),
    });
    end = Promise.race([
      once(child, 'exit').then(([code, signal]) => `exit ${signal ?? code}`),
      once(child, 'error').then(([error]) => String(error)),
    ]).then((reason) => (ended = reason));
    child.unref();
  } finally {
    await logHandle.close();
  }

  const deadline = Date.now() + waitMs;
  while (ended === undefined) {
    // `denied` means another server on this port; the new one will notice that the port is taken and exit.
    const answer = await Promise.race([probe(url('postgres')), end]);
    const { pid } = child;
    // Without a pid the program could not be spawned at all; its `error` event has the reason.
    if (answer === 'ready' && ended === undefined && pid !== undefined) return { outcome: 'ready', pid, port };
    if (Date.now() > deadline) {
      if (pid !== undefined) await stopPostmaster(folder, pid, 'immediate');
      ended = `did not answer within ${waitMs / 1000} s`;
    }
    await sleep(pollMs);
  }
  const output = `${await readTail(folder.logFile, logStart)}\n(${ended})`;
  return { outcome: classify(output), output };
}

function classify(output: string): Exclude<LaunchOutcome['outcome'], 'ready'> {
  if (/could not bind .*Permission denied/.test(output)) return 'port_refused';
  if (/could not create any TCP\/IP sockets|Address already in use/.test(output)) return 'port_taken';
  if (/lock file "postmaster\.pid" already exists|shared memory block .* is still in use/.test(output))
    return 'remains';
  return 'failed';
}

async function openLog(folder: EmbeddedFolder) {
  const previous = await stat(folder.logFile).catch(() => undefined);
  if (previous !== undefined && previous.size > maximumLogBytes) await rename(folder.logFile, `${folder.logFile}.1`);
  const handle = await open(folder.logFile, 'a', 0o600);
  await giveToServer(folder, folder.logFile);
  return { handle, size: (await handle.stat()).size };
}

async function readTail(logFile: string, from: number): Promise<string> {
  const handle = await open(logFile, 'r');
  try {
    const { size } = await handle.stat();
    const start = Math.max(from, size - tailBytes);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - start), 0, size - start, start);
    return buffer.toString('utf8', 0, bytesRead).trim();
  } finally {
    await handle.close();
  }
}

/** A TCP port on the loopback address that nobody listens on at this moment. */
export function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const server = createServer();
    server.on('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => found(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
