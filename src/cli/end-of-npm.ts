import { readFileSync } from 'node:fs';

const PARENT_CHECK_MS = 1000;
const SHELLS = new Set(['sh', 'dash', 'bash', 'ash', 'busybox', 'zsh']);

/**
 * Calls `ended` once if this process was started by npm (`npm run`, `npx`) and npm is gone. An npm that is killed, also by
 * SIGTERM, passes no signal on: the process that it started would run on unnoticed. Does nothing if npm did not start this
 * process. Returns a function that ends the watch.
 */
export function onEndOfNpm(ended: () => void): () => void {
  if (process.env['npm_lifecycle_event'] === undefined) return () => undefined;
  const ancestors = starters();
  const watch = setInterval(() => {
    if (starters() === ancestors) return;
    clearInterval(watch);
    ended();
  }, PARENT_CHECK_MS).unref();
  return () => clearInterval(watch);
}

/** The parent's id; if the parent is npm's shell, which may outlive npm, also the id of the shell's parent. */
function starters(): string {
  const { ppid } = process;
  try {
    // The command, in parentheses, may hold any character; the state and the parent's id follow the last one.
    const stat = readFileSync(`/proc/${ppid}/stat`, 'latin1');
    const command = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return SHELLS.has(command) ? `${ppid} ${parent}` : String(ppid);
  } catch {
    // No /proc here (macOS), or the parent is just gone: then its id changes.
    return String(ppid);
  }
}
