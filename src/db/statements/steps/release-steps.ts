import { statement } from '../../statement.ts';
import { stepHistory } from '../rules/history.ts';

/**
 * Gives claimed steps back without spending their attempt (shutdown, lost interest). Parameters: task ids, step ids, claim
 * ids, worker id. The steps are ready again at once, at the place in the queue that this moment gives them.
 */
export const releaseSteps = statement<{ task_id: string; workflow_step_id: string; queue: string }>(
  'release_steps',
  `
WITH released AS (
  UPDATE tasker.tasker_workflow_steps s
  SET state = 'pending',
      in_process = false,
      ready_at = clock_timestamp(),
      attempts = s.attempts - 1,
      claim_id = NULL,
      claimed_by = NULL,
      sort_key = s.sort_key + 1
  FROM unnest($1::bigint[], $2::bigint[], $3::uuid[]) AS i (task_id, workflow_step_id, claim_id)
  WHERE s.task_id = i.task_id AND s.workflow_step_id = i.workflow_step_id AND s.claim_id = i.claim_id AND s.in_process
  RETURNING s.task_id, s.workflow_step_id, s.queue, s.sort_key, i.claim_id
), ${stepHistory({
    source: 'released',
    from: `'in_progress'`,
    to: `'pending'`,
    cause: `'released'`,
    claimId: 'r.claim_id',
    workerId: '$4',
  })}
SELECT task_id, workflow_step_id, queue FROM released`,
);
