import { defineStatement } from '../../statement.ts';

/** The quarantine of a queue is the queue of this name after its own. No queue that a workflow names can end like this. */
export const QUARANTINE = '~quarantine';

export interface QuarantineRow {
  queue: string;
  /** Steps that wait, counted up to 100. */
  waiting: number;
  /** Processes that run steps of quarantined queues now. */
  serving: number;
  /** Workers that could start one. */
  workers: number;
}

/**
 * The quarantines in which steps wait. `queues`: those that the quarantines belong to. Reads index steps_ready once per quarantine, and
 * finds nothing almost always.
 */
export const findQuarantined = defineStatement<QuarantineRow>()({
  name: 'find_quarantined',
  params: { quarantines: 'text[]', named_task_ids: 'integer[]', queues: 'text[]' },
  text: `
SELECT q.queue, r.waiting,
  (SELECT count(*) FROM tasker.tasker_workers w WHERE w.stopped_at IS NULL AND w.queues && :quarantines::text[])::integer AS serving,
  (SELECT count(*) FROM tasker.tasker_workers w WHERE w.stopped_at IS NULL AND w.queues && :queues::text[])::integer AS workers
FROM unnest(:quarantines::text[]) AS q (queue)
CROSS JOIN LATERAL (
  SELECT count(*)::integer AS waiting
  FROM (
    SELECT FROM tasker.tasker_workflow_steps s
    WHERE s.ready_at IS NOT NULL AND s.queue = q.queue AND s.named_task_id = ANY (:named_task_ids::integer[])
    LIMIT 100
  ) found
) r
WHERE r.waiting > 0`,
});
