import type { Database } from '../../db/connections/database.ts';
import type { Notifier } from '../../db/connections/notifier.ts';
import { enqueueDueRetries } from '../../engine/enqueue-due-retries.ts';
import type { Chore } from '../chore.ts';

const BATCH = 1000;

/** Steps whose backoff has expired go back to their queue. Any number of schedulers may do it at once. */
export function retryDue(options: {
  db: Database;
  notifier: Notifier;
  intervalMs: number;
  onRequeued: (queue: string, steps: number) => void;
}): Chore {
  return {
    name: 'retry_due',
    intervalMs: options.intervalMs,
    async run() {
      const requeued = await enqueueDueRetries(options.db, BATCH);
      let done = 0;
      for (const [queue, steps] of requeued) {
        done += steps;
        options.onRequeued(queue, steps);
      }
      options.notifier.notify(requeued.keys());
      return { done, more: done >= BATCH };
    },
  };
}
