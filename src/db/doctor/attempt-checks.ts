import { MAX_UNCHARGED_CRASHES } from '../../retry-policy.ts';
import { QUARANTINE } from '../statements/queues/quarantine.ts';
import { acrossSetBack, type Check } from './check.ts';

const HISTORY = 'tasker.tasker_workflow_step_transitions t';
const STEP = 'tasker.tasker_workflow_steps s ON s.task_id = t.task_id AND s.workflow_step_id = t.workflow_step_id';

/** A transaction that was already under way may be recorded this long after the event that forbids it. */
const GRACE = `interval '10 seconds'`;

/** Invariants of attempts: who may begin one, which crashes are charged to a step, and when a step is tried again. */
export const attemptChecks: Check[] = [
  {
    id: 'claim_has_an_owner',
    title: 'every attempt has the id of its claim and of its worker',
    why: 'Without a claim id nothing fences the attempt: any worker could write its outcome. Report this: it is a bug.',
    sql: `SELECT t.task_id, t.workflow_step_id, t.sort_key FROM ${HISTORY}
      WHERE t.cause = 'claim' AND (t.claim_id IS NULL OR t.worker_id IS NULL)`,
  },
  {
    id: 'claim_of_one_worker',
    title: 'a claim id belongs to one worker',
    why: 'Two workers with one claim id could each write outcomes of the other’s steps. Report this: it is a bug.',
    sql: `SELECT t.claim_id, count(DISTINCT t.worker_id) AS workers FROM ${HISTORY}
      WHERE t.cause = 'claim' GROUP BY t.claim_id HAVING count(DISTINCT t.worker_id) > 1`,
  },
  {
    id: 'claim_by_a_living_worker',
    title: 'no worker claimed a step after it was recorded as stopped',
    why: 'A worker whose lease had ended took work. Report this: it is a bug.',
    sql: `SELECT t.task_id, t.workflow_step_id, t.worker_id FROM ${HISTORY}
      JOIN tasker.tasker_workers w ON w.worker_id = t.worker_id
      WHERE t.cause = 'claim' AND w.stopped_at < t.created_at - ${GRACE}
        AND NOT ${acrossSetBack('t.created_at', 'w.stopped_at')}`,
  },
  {
    id: 'claim_record_in_use',
    title: 'no row of tasker_claims is left ten minutes after the last of its steps ended',
    why: 'The sweep for dead workers reads this table again and again, and leftover rows slow it down. Delete these rows.',
    sql: `SELECT c.claim_id, c.worker_id FROM tasker.tasker_claims c
      WHERE c.created_at < statement_timestamp() - interval '10 minutes'
        AND NOT EXISTS (
          SELECT FROM unnest(c.task_ids, c.workflow_step_ids) AS k (task_id, workflow_step_id)
          JOIN tasker.tasker_workflow_steps s ON s.task_id = k.task_id AND s.workflow_step_id = k.workflow_step_id
          WHERE s.claim_id = c.claim_id)
        AND NOT EXISTS (
          SELECT FROM unnest(c.task_ids, c.workflow_step_ids) AS k (task_id, workflow_step_id)
          JOIN tasker.tasker_workflow_step_transitions t ON t.task_id = k.task_id AND t.workflow_step_id = k.workflow_step_id
          WHERE t.claim_id = c.claim_id AND t.created_at > statement_timestamp() - interval '10 minutes')`,
  },
  {
    id: 'step_pardons_bounded',
    title: `no step has more than ${MAX_UNCHARGED_CRASHES} crashes of its worker that were not charged to its attempts`,
    why: 'A step that crashes its worker would be retried without end. Resolve or cancel it, and report this: it is a bug.',
    sql: `SELECT t.task_id, t.workflow_step_id, count(*) AS pardons FROM ${HISTORY}
      WHERE t.cause = 'lease_expired' AND t.metadata -> 'pardoned' = 'true'
      GROUP BY t.task_id, t.workflow_step_id HAVING count(*) > ${MAX_UNCHARGED_CRASHES}`,
  },
  {
    id: 'step_quarantined_for_cause',
    title: 'a quarantined step was running in at least two workers when they crashed',
    why: `It runs slowly and alone without a reason. Remove the suffix ${QUARANTINE} from its queue.`,
    sql: `SELECT s.task_id, s.workflow_step_id, s.queue FROM tasker.tasker_workflow_steps s
      WHERE s.queue LIKE '%${QUARANTINE}' AND (
        SELECT count(*) FROM ${HISTORY}
        WHERE t.task_id = s.task_id AND t.workflow_step_id = s.workflow_step_id AND t.cause = 'lease_expired') < 2`,
  },
  {
    id: 'step_runs_once_if_it_says_so',
    title: 'only an operator retried a step that is not retryable',
    why: 'Its effects may have happened twice. Report this: it is a bug.',
    sql: `SELECT t.task_id, t.workflow_step_id, t.cause FROM ${HISTORY} JOIN ${STEP}
      WHERE NOT s.retryable AND t.to_state = 'pending' AND t.cause IN ('retry_due', 'lease_expired')`,
  },
  {
    id: 'step_backoff_in_range',
    title:
      'a retry is due at most 2^attempts seconds after the failure, or at most the delay that the handler requested',
    why: 'No rule of the engine gives this time. tasker retry makes the step ready at once.',
    sql: `SELECT s.task_id, s.workflow_step_id, s.next_retry_at FROM tasker.tasker_workflow_steps s
      JOIN ${HISTORY} ON t.task_id = s.task_id AND t.workflow_step_id = s.workflow_step_id AND t.most_recent
      WHERE s.state = 'error' AND t.cause IN ('fail', 'timeout') AND (
        (s.next_retry_at < t.created_at - ${GRACE} AND NOT ${acrossSetBack('t.created_at', 's.next_retry_at')})
        OR s.next_retry_at > t.created_at
          + make_interval(secs => coalesce(s.backoff_request_seconds, power(2, least(s.attempts, 30)))) + ${GRACE})`,
  },
  {
    id: 'step_error_has_a_reason',
    title: 'every error is recorded with its reason',
    why: 'Nobody can find out what went wrong. Report this: it is a bug.',
    sql: `SELECT t.task_id, t.workflow_step_id, t.sort_key FROM ${HISTORY}
      WHERE t.to_state = 'error' AND t.cause IN ('fail', 'timeout', 'lease_expired') AND t.metadata -> 'error' -> 'name' IS NULL`,
  },
];
