import { statement } from '../../statement.ts';

export interface IdleCheckRow {
  /** A claim may find something. */
  ready: boolean;
  /** Steps wait in quarantine. */
  quarantined: boolean;
  /** The database has claims under this worker's id that the worker does not know of. */
  orphaned: boolean;
}

const waitingIn = (queues: string): string => `EXISTS (
    SELECT FROM unnest(${queues}::text[]) AS q (queue)
    CROSS JOIN LATERAL (
      SELECT FROM tasker.tasker_workflow_steps s
      WHERE s.ready_at IS NOT NULL AND s.queue = q.queue AND s.named_task_id = ANY ($3::integer[])
      ORDER BY s.priority, s.ready_at
      LIMIT 1
    ) first)`;

/**
 * All that a worker with nothing to do wants to know, for a part of what a claim costs that finds nothing. Parameters: queues,
 * their quarantines, named task ids, worker id (null: do not look for stray claims), claim ids that it knows of. Reads the small
 * table of claims, and steps_ready in its order, which keeps it on the index whatever the planner believes of the table.
 * Whatever a claim could take has a `ready_at`.
 */
export const checkIdle = statement<IdleCheckRow>(
  'look_at_rest',
  `
SELECT
  ${waitingIn('$1')} AS ready,
  ${waitingIn('$2')} AS quarantined,
  $4::bigint IS NOT NULL AND EXISTS (
    SELECT FROM tasker.tasker_claims c WHERE c.worker_id = $4 AND c.claim_id <> ALL ($5::uuid[])) AS orphaned`,
);
