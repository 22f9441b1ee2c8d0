import type { Executor } from '../db/connections/database.ts';
import { enqueueDueSteps } from '../db/statements/steps/enqueue-due-retries.ts';

/** Moves up to `limit` steps whose backoff has expired back to the queue; returns their number, by queue. */
export async function enqueueDueRetries(db: Executor, limit = 1000): Promise<Map<string, number>> {
  return new Map((await db.run(enqueueDueSteps, { limit })).map((row) => [row.queue, row.enqueued]));
}
