import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { namesDataDirectory } from './data-directory.ts';

/**
 * Whether a process with this id runs. A zombie counts as gone: in a container whose first process reaps nobody,
 * a killed server stays in the process table for ever, and signal 0 would still reach it.
 */
export async function isAlive(pid: number): Promise<boolean> {
  if (!isInProcessTable(pid)) return false;
  if (process.platform !== 'linux') return true;
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
    // The second field is the command in parentheses and may itself hold any character; the state follows the last one.
    const state = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
    return state !== 'Z' && state !== 'X';
  } catch {
    // It ended between the two checks, or /proc is hidden: signal 0 decides.
    return isInProcessTable(pid);
  }
}

/** Whether the process table has this id, zombies included: PostgreSQL itself checks the pid in postmaster.pid this way. */
export function isInProcessTable(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The arguments of a running process; [] if it is gone, a zombie or hidden. */
export async function commandLineOf(pid: number): Promise<string[]> {
  try {
    if (process.platform === 'linux') {
      return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').filter((part) => part !== '');
    }
    // macOS has no /proc. ps joins the arguments with blanks, so the line stays one part.
    const { stdout } = await promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', String(pid)]);
    return stdout.trim() === '' ? [] : [stdout.trim()];
  } catch {
    return [];
  }
}

/**
 * Whether `pid` is the PostgreSQL server of this cluster folder. Process ids are reused (every container starts again
 * at 1), so an id alone proves nothing; the launcher always passes the folder on the command line.
 */
export async function isPostmasterOf(pid: number, clusterDir: string): Promise<boolean> {
  if (!(await isAlive(pid))) return false;
  return namesDataDirectory(await commandLineOf(pid), clusterDir);
}
