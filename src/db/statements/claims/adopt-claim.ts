import { defineStatement, rows } from '../../statement.ts';
import { ATTEMPT, heldBy } from '../rules/claim-fence.ts';
import { parentResults } from '../rules/parent-results.ts';
import type { ClaimedStepRow } from './claim-steps.ts';

/**
 * The steps of a claim whose response was lost with its connection: if the claim committed, they belong to this worker and wait
 * to be run.
 */
export const adoptClaim = defineStatement<ClaimedStepRow>()({
  name: 'adopt_claim',
  params: { claim_id: 'uuid' },
  text: `
SELECT s.task_id, s.workflow_step_id, s.named_task_id, s.attempts, s.retry_limit,
  0::float8 AS waited_seconds,
  NULL AS scan,
  coalesce(s.inputs, t.context)::text AS context, s.inputs IS NOT NULL AS own_input,
  ${parentResults('s')} AS parents,
  t.bypass_steps::text AS bypass_steps, t.schedule::text AS schedule, t.trace_context, t.identity_hash, s.sort_key > 1 AS has_history
FROM tasker.tasker_claims c
CROSS JOIN LATERAL unnest(c.task_ids, c.workflow_step_ids) AS k (task_id, workflow_step_id)
JOIN tasker.tasker_workflow_steps s
  ON ${heldBy('s', 'k', 'c')}
JOIN tasker.tasker_tasks t ON t.task_id = s.task_id
WHERE c.claim_id = :claim_id`,
});

/** Of these attempts, those that ended by an outcome of their own, and not by a recovery or a cancellation. */
export const findEnded = defineStatement<{ workflow_step_id: string }>()({
  name: 'find_ended',
  params: { steps: rows(ATTEMPT) },
  text: `
SELECT t.workflow_step_id
FROM :steps AS i
JOIN tasker.tasker_workflow_step_transitions t
  ON t.task_id = i.task_id AND t.workflow_step_id = i.workflow_step_id AND t.claim_id = i.claim_id
WHERE t.cause IN ('complete', 'fail', 'timeout', 'released')`,
});
