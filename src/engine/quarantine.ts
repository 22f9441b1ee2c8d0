import type { Executor } from '../db/connections/database.ts';
import { findQuarantined, QUARANTINE, type QuarantineRow } from '../db/statements/queues/quarantine.ts';

/** The queue in which steps of `queue` wait whose process crashed twice. */
export function quarantineOf(queue: string): string {
  return queue + QUARANTINE;
}

/** Of the quarantines of these queues, those in which steps wait. */
export async function quarantined(
  db: Executor,
  request: { queues: readonly string[]; namedTaskIds: readonly number[] },
): Promise<QuarantineRow[]> {
  return db.run(findQuarantined, {
    quarantines: request.queues.map(quarantineOf),
    named_task_ids: request.namedTaskIds,
    queues: request.queues,
  });
}
