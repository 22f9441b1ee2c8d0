import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedPostgresError } from '../errors.ts';
import { type EmbeddedFolder, readIfThere, writeWhole } from './folder.ts';
import { commandLineOf, isAlive, isInProcessTable, isPostmasterOf } from './process-identity.ts';

/** `smart` waits for the clients to leave, `fast` rolls their work back, `immediate` leaves it to crash recovery. */
export type StopMode = 'smart' | 'fast' | 'immediate';

/** The signal of each mode, how long it may take, and what follows if it takes longer. */
const stopPlan = {
  smart: { signal: 'SIGTERM', waitMs: 60_000, next: 'fast' },
  // A fast stop writes a checkpoint; half a minute covers a slow disk.
  fast: { signal: 'SIGINT', waitMs: 30_000, next: 'immediate' },
  immediate: { signal: 'SIGQUIT', waitMs: 5000, next: 'kill' },
  // Also ends a process that handles no signals any more; the next start recovers from the WAL.
  kill: { signal: 'SIGKILL', waitMs: 5000, next: undefined },
} as const;

const pollMs = 20;
/**
 * The kernel frees a dead server's memory within milliseconds; after this time the id belongs to another process that hides
 * its name.
 */
const exitMs = 2000;

/** A process id above every platform's maximum: no process has it. */
const impossiblePid = 99_999_999;

/** The server that postmaster.pid names. The file lists pid, data directory, start time, port, ... one per line. */
export interface RunningPostmaster {
  pid: number;
  port: number;
}

/**
 * The live server of this folder, if there is one. A server that is just starting has no port yet (0). A pid file that names
 * another process (ids are reused) gets an impossible id, so that PostgreSQL does not refuse to start.
 */
export async function findPostmaster(folder: EmbeddedFolder): Promise<RunningPostmaster | undefined> {
  const pidFile = join(folder.cluster, 'postmaster.pid');
  const content = await readIfThere(pidFile);
  if (content === undefined || content.trim() === '') return undefined;
  const lines = content.split('\n');
  const pid = Math.abs(Number(lines[0]));
  if (!Number.isInteger(pid) || pid === 0) return undefined;
  if (await isPostmasterOf(pid, folder.cluster)) return { pid, port: Number(lines[3] ?? 0) };
  // Never delete the file: its seventh line names the shared memory, by which PostgreSQL notices that backends of a killed
  // server still run and refuses to touch their data. With an impossible pid it makes that check and then goes on.
  if (isInProcessTable(pid)) await writeWhole(folder, pidFile, [impossiblePid, ...lines.slice(1)].join('\n'));
  return undefined;
}

/** Stops the server and returns when its process is gone. Does nothing if `pid` is not (or no longer) this folder's server. */
export async function stopPostmaster(folder: EmbeddedFolder, pid: number, mode: StopMode): Promise<void> {
  for (let step: keyof typeof stopPlan | undefined = mode; step !== undefined; step = stopPlan[step].next) {
    if (!(await isPostmasterOf(pid, folder.cluster))) return;
    signal(pid, stopPlan[step].signal);
    // A suspended process (SIGSTOP, a debugger, Ctrl-Z) keeps the request until it goes on.
    signal(pid, 'SIGCONT');
    if (await waitUntilGone(folder, pid, stopPlan[step].waitMs)) return;
  }
  throw new EmbeddedPostgresError(
    `PostgreSQL (pid ${pid}) does not end even when killed: it hangs in the kernel, probably on its disk (${folder.cluster})`,
    { pid, cluster: folder.cluster },
  );
}

/** Waits for the end of a server that is already stopping. */
export async function waitUntilGone(folder: EmbeddedFolder, pid: number, waitMs: number): Promise<boolean> {
  const deadline = Date.now() + waitMs;
  while (await isPostmasterOf(pid, folder.cluster)) {
    if (Date.now() > deadline) return false;
    await sleep(pollMs);
  }
  // A process that exits loses its command line a moment before it leaves the process table.
  for (let waited = 0; waited < exitMs && (await isAlive(pid)); waited += pollMs) {
    if ((await commandLineOf(pid)).length > 0) break;
    await sleep(pollMs);
  }
  return true;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH') return;
    throw new EmbeddedPostgresError(`PostgreSQL (pid ${pid}) cannot be signalled: ${code}`, { pid }, { cause: error });
  }
}
