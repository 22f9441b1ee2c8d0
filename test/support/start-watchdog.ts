import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The input of the watchdog if the folder of the run must be kept. */
export const KEEP = 'keep';

export interface Watched {
  runId: string;
  /** The run's temporary folder, removed at the end. */
  folder: string;
  /** The folders of the embedded servers in it; they need not exist. */
  dataDirs: readonly string[];
  /** A given server (TEST_DATABASE_URL): only the databases of the run are removed from it. */
  givenUrl: string | undefined;
}

/**
 * A process that cleans up after the run when its input ends: because `cleanUp` closed it, or because the test runner ended in any
 * way. Started before the server, in a session of its own, so that Ctrl-C does not end it.
 */
export function startWatchdog(watched: Watched): { cleanUp: (options?: { keep?: boolean }) => Promise<void> } {
  const script = fileURLToPath(new URL('watchdog.ts', import.meta.url));
  const watchdog = spawn(process.execPath, [script, JSON.stringify(watched)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const exited = once(watchdog, 'exit');
  watchdog.unref();
  return {
    async cleanUp({ keep = false } = {}) {
      // Only from here on it must keep the test runner alive.
      watchdog.ref();
      watchdog.stdin?.end(keep ? KEEP : '');
      const [code] = await exited;
      if (code !== 0) throw new Error(`cleaning up after the tests failed (watchdog exit code ${code}, see above)`);
    },
  };
}
