import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What the watchdog is told where the run's folder is still to be read. */
export const KEEP = 'keep';

export interface Watched {
  runId: string;
  /** The run's temporary folder, removed at the end. */
  folder: string;
  /** The folders of the embedded servers in it; those that never come to be do no harm. */
  dataDirs: readonly string[];
  /** A server that is not ours (TEST_DATABASE_URL): only the databases of the run are removed from it. */
  givenUrl: string | undefined;
}

/**
 * A process that cleans up after the run when its input ends: because `cleanUp` closed it, or because the test runner died
 * in whatever way. Started before the server, in a session of its own, so that Ctrl-C does not take it along.
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
      // Until here it must not keep the test runner alive; from here on it must.
      watchdog.ref();
      watchdog.stdin?.end(keep ? KEEP : '');
      const [code] = await exited;
      if (code !== 0) throw new Error(`cleaning up after the tests failed (watchdog exit code ${code}, see above)`);
    },
  };
}
