import { NO_SCHEDULER } from '../reads/schedulers.ts';

/** Warns if no scheduler is alive. On stderr, so that the output of a command stays the same. */
export function warnOfNoScheduler(schedulers: number): void {
  if (schedulers > 0) return;
  console.error(`tasker: warning: ${NO_SCHEDULER}`);
}
