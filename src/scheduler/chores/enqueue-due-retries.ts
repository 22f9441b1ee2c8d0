import type { Database } from '../../db/connections/database.ts';
import type { Notifier } from '../../db/connections/notifier.ts';
import { enqueueDueRetries as enqueue } from '../../engine/enqueue-due-retries.ts';
import type { Chore } from '../chore.ts';

const BATCH = 1000;

/** Makes steps ready whose backoff is over. Any number of schedulers may do it at once. */
export function enqueueDueRetries(options: {
  db: Database;
  notifier: Notifier;
  intervalMs: number;
  onEnqueued: (queue: string, steps: number) => void;
}): Chore {
  return {
    name: 'retry_due',
    intervalMs: options.intervalMs,
    async run() {
      const enqueued = await enqueue(options.db, BATCH);
      let done = 0;
      for (const [queue, steps] of enqueued) {
        done += steps;
        options.onEnqueued(queue, steps);
      }
      options.notifier.notify(enqueued.keys());
      return { done, more: done >= BATCH };
    },
  };
}
