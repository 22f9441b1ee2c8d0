import { statement } from '../../statement.ts';

/** Claims of these steps that this worker no longer has (cancelled, recovered). Parameters: task ids, step ids, claim ids. */
export const findLostClaims = statement<{ task_id: string; workflow_step_id: string; claim_id: string }>(
  'find_lost_claims',
  `
SELECT i.task_id, i.workflow_step_id, i.claim_id
FROM unnest($1::bigint[], $2::bigint[], $3::uuid[]) AS i (task_id, workflow_step_id, claim_id)
LEFT JOIN tasker.tasker_workflow_steps s
  ON s.task_id = i.task_id AND s.workflow_step_id = i.workflow_step_id AND s.claim_id = i.claim_id AND s.in_process
WHERE s.task_id IS NULL`,
);

/** Claims of a worker other than those that it knows of. Parameters: worker id, known claim ids. Reads the whole, small table. */
export const findClaims = statement<{ claim_id: string }>(
  'find_claims',
  `
SELECT c.claim_id
FROM tasker.tasker_claims c
WHERE c.worker_id = $1 AND c.claim_id <> ALL ($2::uuid[])`,
);

/** Forgets claims all of whose steps have ended. Parameter: claim ids. */
export const closeClaims = statement(
  'close_claims',
  `DELETE FROM tasker.tasker_claims WHERE claim_id = ANY ($1::uuid[])`,
);
