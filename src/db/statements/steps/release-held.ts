import { defineStatement } from '../../statement.ts';
import { stepHistory } from '../rules/history.ts';
import { readyIfUnlocked } from '../rules/readiness.ts';
import { isLive } from '../rules/live-process.ts';

/** The process that has a step in progress. The task's open steps are locked by the caller. */
export const findHeld = defineStatement<{ worker_id: string; living: boolean; recorded: boolean }>()({
  name: 'find_held',
  params: { task_id: 'bigint', step_name: 'text' },
  text: `
SELECT s.claimed_by AS worker_id,
  EXISTS (
    SELECT FROM tasker.tasker_workers w
    WHERE w.worker_id = s.claimed_by AND ${isLive('w')}) AS living,
  EXISTS (
    SELECT FROM tasker.tasker_claims c
    WHERE c.claim_id = s.claim_id AND c.worker_id = s.claimed_by AND s.workflow_step_id = ANY (c.workflow_step_ids)) AS recorded
FROM tasker.tasker_workflow_steps s
JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
WHERE s.task_id = :task_id AND s.in_process AND n.name = :step_name`,
});

/**
 * Puts a step in progress back to `pending`, as its own worker would at a shutdown: the attempt is not counted. The task's open steps are
 * locked by the caller. `metadata`: by whom and why.
 */
export const releaseHeld = defineStatement<{ queue: string }>()({
  name: 'release_held',
  params: { task_id: 'bigint', step_name: 'text', metadata: 'jsonb' },
  text: `
WITH before AS MATERIALIZED (
  SELECT s.task_id, s.workflow_step_id, s.claim_id, s.claimed_by
  FROM tasker.tasker_workflow_steps s
  JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
  WHERE s.task_id = :task_id AND s.in_process AND n.name = :step_name
), released AS (
  UPDATE tasker.tasker_workflow_steps s
  SET state = 'pending',
      in_process = false,
      ready_at = ${readyIfUnlocked('s')},
      attempts = s.attempts - 1,
      retry_limit = greatest(s.retry_limit, s.attempts),
      claim_id = NULL,
      claimed_by = NULL,
      sort_key = s.sort_key + 1
  FROM before b
  WHERE s.task_id = b.task_id AND s.workflow_step_id = b.workflow_step_id
  RETURNING s.task_id, s.workflow_step_id, s.queue, s.sort_key, b.claim_id, b.claimed_by
), ${stepHistory({
    source: 'released',
    from: `'in_progress'`,
    to: `'pending'`,
    cause: `'released'`,
    claimId: 'r.claim_id',
    workerId: 'r.claimed_by',
    metadata: ':metadata',
  })}
SELECT queue FROM released`,
});
