import type { Executor } from '../db/connections/database.ts';
import { promoteSteps } from '../db/statements/steps/promote-steps.ts';

/**
 * Makes up to `limit` ready steps that have waited for `afterSeconds` as urgent as the most urgent ready step of their queue. Returns
 * their number, by queue.
 */
export async function promote(
  db: Executor,
  { afterSeconds, limit = 1000 }: { afterSeconds: number; limit?: number },
): Promise<Map<string, number>> {
  return new Map(
    (await db.run(promoteSteps, { after_seconds: afterSeconds, limit })).map((row) => [row.queue, row.promoted]),
  );
}
