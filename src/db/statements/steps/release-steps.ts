import { defineStatement, rows } from '../../statement.ts';
import { ATTEMPT, heldBy } from '../rules/claim-fence.ts';
import { stepHistory, TASK_RANGE, TASKS_OF_BATCH } from '../rules/history.ts';

/**
 * Gives claimed steps back without spending their attempt (at a shutdown, or if they are not wanted any more). The steps are ready
 * again at once, at the place in the queue that this moment gives them.
 */
export const releaseSteps = defineStatement<{ task_id: string; workflow_step_id: string; queue: string }>()({
  name: 'release_steps',
  params: { steps: rows(ATTEMPT), ...TASK_RANGE, worker_id: 'bigint' },
  text: `
WITH released AS (
  UPDATE tasker.tasker_workflow_steps s
  SET state = 'pending',
      in_process = false,
      ready_at = clock_timestamp(),
      attempts = s.attempts - 1,
      claim_id = NULL,
      claimed_by = NULL,
      sort_key = s.sort_key + 1
  FROM :steps AS i
  WHERE ${heldBy('s', 'i')}
  RETURNING s.task_id, s.workflow_step_id, s.queue, s.sort_key, i.claim_id
), ${stepHistory({
    source: 'released',
    from: `'in_progress'`,
    to: `'pending'`,
    cause: `'released'`,
    claimId: 'r.claim_id',
    workerId: ':worker_id',
    tasks: TASKS_OF_BATCH,
  })}
SELECT task_id, workflow_step_id, queue FROM released`,
});
