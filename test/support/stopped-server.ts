import { readdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { isPostmasterOf } from '../../src/embedded/process-identity.ts';

/** Stops (SIGSTOP) every process of a server: connections stay open, new ones are not refused, and there is no response. Linux only. */
export async function stopServer(dataDir: string): Promise<void> {
  // The postmaster first, so that it starts no process that would not be stopped.
  await signalServer(dataDir, 'SIGSTOP');
}

/** Undoes `stopServer`; does nothing if no server runs. */
export async function continueServer(dataDir: string): Promise<void> {
  await signalServer(dataDir, 'SIGCONT');
}

async function signalServer(dataDir: string, signal: NodeJS.Signals): Promise<void> {
  // The path with which the server was started.
  const cluster = await realpath(join(dataDir, 'cluster')).catch(() => undefined);
  if (cluster === undefined) return;
  const pidFile = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number(pidFile.split('\n')[0]);
  if (!Number.isInteger(pid) || pid <= 1 || !(await isPostmasterOf(pid, cluster))) return;
  send(pid, signal);
  for (const child of await childrenOf(pid)) send(child, signal);
}

async function childrenOf(parent: number): Promise<number[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      // The name, in parentheses, may contain any character; after it come the state and the parent.
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    }),
  );
  return pids.filter((_, index) => parents[index] === parent);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself meanwhile.
  }
}
