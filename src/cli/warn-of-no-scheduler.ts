import { NO_SCHEDULER } from '../reads/schedulers.ts';

/** If no scheduler lives. On stderr, so that what a command prints stays what it is. */
export function warnOfNoScheduler(schedulers: number): void {
  if (schedulers > 0) return;
  console.error(`tasker: warning: ${NO_SCHEDULER}`);
}
