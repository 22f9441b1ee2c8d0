import { defineStatement } from '../../statement.ts';
import { isOrphaned } from './claims.ts';

export interface IdleCheckRow {
  /** A claim may find something. */
  ready: boolean;
  /** Steps wait in quarantine. */
  quarantined: boolean;
  /** The database has claims of this worker that the worker does not have in memory. */
  orphaned: boolean;
}

const waitingIn = (queues: string): string => `EXISTS (
    SELECT FROM unnest(${queues}::text[]) AS q (queue)
    CROSS JOIN LATERAL (
      SELECT FROM tasker.tasker_workflow_steps s
      WHERE s.ready_at IS NOT NULL AND s.queue = q.queue AND s.named_task_id = ANY (:named_task_ids::integer[])
      ORDER BY s.priority, s.ready_at
      LIMIT 1
    ) first)`;

/**
 * Everything that an idle worker polls for, at a fraction of the cost of a claim that finds nothing. `worker_id`: null, to leave out
 * orphaned claims. Reads the small table of claims, and steps_ready in its order, which keeps it on the index
 * whatever the planner expects of the table. Whatever a claim could take has a `ready_at`.
 */
export const checkIdle = defineStatement<IdleCheckRow>()({
  name: 'look_at_rest',
  params: {
    queues: 'text[]',
    quarantines: 'text[]',
    named_task_ids: 'integer[]',
    worker_id: 'bigint | null',
    known_claims: 'uuid[]',
  },
  text: `
SELECT
  ${waitingIn(':queues')} AS ready,
  ${waitingIn(':quarantines')} AS quarantined,
  :worker_id::bigint IS NOT NULL AND EXISTS (
    SELECT FROM tasker.tasker_claims c WHERE ${isOrphaned('c')}) AS orphaned`,
});
