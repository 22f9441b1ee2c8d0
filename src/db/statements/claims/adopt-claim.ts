import { statement } from '../../statement.ts';
import type { ClaimedStepRow } from './claim-steps.ts';

/**
 * The steps of a claim whose answer was lost with its connection: if the claim committed they are ours and wait to be run.
 * Parameter: claim id.
 */
export const adoptClaim = statement<ClaimedStepRow>(
  'adopt_claim',
  `
SELECT s.task_id, s.workflow_step_id, s.named_task_id, s.attempts, s.retry_limit,
  0::float8 AS waited_seconds,
  NULL AS scan,
  coalesce(s.inputs, t.context)::text AS context, s.inputs IS NOT NULL AS own_input,
  (
    SELECT jsonb_object_agg(e.from_step_id & 65535, p.results)::text
    FROM tasker.tasker_workflow_step_edges e
    JOIN tasker.tasker_workflow_steps p ON p.task_id = e.task_id AND p.workflow_step_id = e.from_step_id
    WHERE e.task_id = s.task_id AND e.to_step_id = s.workflow_step_id
  ) AS parents,
  t.bypass_steps::text AS bypass_steps, t.identity_hash, s.sort_key > 1 AS has_history
FROM tasker.tasker_claims c
CROSS JOIN LATERAL unnest(c.task_ids, c.workflow_step_ids) AS k (task_id, workflow_step_id)
JOIN tasker.tasker_workflow_steps s
  ON s.task_id = k.task_id AND s.workflow_step_id = k.workflow_step_id AND s.claim_id = c.claim_id AND s.in_process
JOIN tasker.tasker_tasks t ON t.task_id = s.task_id
WHERE c.claim_id = $1`,
);

/** Which of these attempts ended as they should have. Parameters: task ids, step ids, claim ids. */
export const findEnded = statement<{ workflow_step_id: string }>(
  'find_ended',
  `
SELECT t.workflow_step_id
FROM unnest($1::bigint[], $2::bigint[], $3::uuid[]) AS i (task_id, workflow_step_id, claim_id)
JOIN tasker.tasker_workflow_step_transitions t
  ON t.task_id = i.task_id AND t.workflow_step_id = i.workflow_step_id AND t.claim_id = i.claim_id
WHERE t.cause IN ('complete', 'fail', 'timeout', 'released')`,
);
