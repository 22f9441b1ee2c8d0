import { NO_SCHEDULER } from '../engine/schedulers.ts';

/** On stderr, so that what a command prints stays what it is. */
export function warnOfNoScheduler(): void {
  console.error(`tasker: warning: ${NO_SCHEDULER}`);
}
