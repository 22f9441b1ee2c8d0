import { setTimeout as sleep } from 'node:timers/promises';
import type { TestProcess } from '../../support/processes.ts';

/** Short leases and sweeps, so that a crash is detected within a second or two. Everything else has its default. */
export const SHORT_TIMES = {
  TASKER_METRICS_PORT: '0',
  TASKER_LEASE_SECONDS: '2',
  TASKER_HEARTBEAT_INTERVAL_MS: '200',
  TASKER_SILENT_SECONDS: '1',
  TASKER_RECOVERY_SWEEP_MS: '100',
  TASKER_RETRY_SWEEP_MS: '100',
  TASKER_FINALIZE_SWEEP_MS: '500',
  TASKER_MAX_STALL_MS: '500',
  TASKER_ABORT_GRACE_MS: '200',
  TASKER_MAX_POLL_INTERVAL_MS: '200',
  TASKER_RETRY_BACKOFF_DISABLED: 'true',
};

export interface Supervised {
  readonly current: TestProcess;
  /** How each run so far ended: a signal's name or a status. */
  readonly ends: string[];
  /** `SIGKILL` by default; resolves when it has ended. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** One that could not start is started again after this time: whatever it lacks may come back. */
const START_AGAIN_MS = 1000;

/** Like a process manager, starts a process again when it ends, at most `limit` times. */
export function supervise(start: () => TestProcess, limit = 50): Supervised {
  let stopping = false;
  const ends: string[] = [];
  let current = start();
  const watch = (watched: TestProcess): void => {
    void watched.exited.then(async ({ code, signal }) => {
      ends.push(String(signal ?? code));
      if (signal === null && code !== 0) await sleep(START_AGAIN_MS);
      if (stopping || ends.length >= limit) return undefined;
      current = start();
      return watch(current);
    });
  };
  watch(current);
  return {
    get current() {
      return current;
    },
    ends,
    async stop(signal = 'SIGKILL') {
      stopping = true;
      await current.kill(signal);
    },
  };
}
