import { MAX_UNCHARGED_CRASHES } from '../statements/steps/recover-steps.ts';
import { QUARANTINE } from '../statements/queues/quarantine.ts';
import { acrossSetBack, type Check } from './check.ts';

const HISTORY = 'tasker.tasker_workflow_step_transitions t';
const STEP = 'tasker.tasker_workflow_steps s ON s.task_id = t.task_id AND s.workflow_step_id = t.workflow_step_id';

/** An act that is under way while another ends may be recorded this much later. */
const GRACE = `interval '10 seconds'`;

/** What must hold for attempts: who may begin one, who pays for it, and when there is another. */
export const attemptChecks: Check[] = [
  {
    id: 'claim_has_an_owner',
    title: 'every attempt was begun under a claim, by a worker',
    why: 'An attempt without a fence: anybody could end it. Report this: it is a bug.',
    sql: `SELECT t.task_id, t.workflow_step_id, t.sort_key FROM ${HISTORY}
      WHERE t.cause = 'claim' AND (t.claim_id IS NULL OR t.worker_id IS NULL)`,
  },
  {
    id: 'claim_of_one_worker',
    title: 'a claim id belongs to one worker',
    why: 'Two processes would pass each other’s fences. Report this: it is a bug.',
    sql: `SELECT t.claim_id, count(DISTINCT t.worker_id) AS workers FROM ${HISTORY}
      WHERE t.cause = 'claim' GROUP BY t.claim_id HAVING count(DISTINCT t.worker_id) > 1`,
  },
  {
    id: 'claim_by_a_living_worker',
    title: 'no process began an attempt after its end was declared',
    why: 'A process without a lease took work. Report this: it is a bug.',
    sql: `SELECT t.task_id, t.workflow_step_id, t.worker_id FROM ${HISTORY}
      JOIN tasker.tasker_workers w ON w.worker_id = t.worker_id
      WHERE t.cause = 'claim' AND w.stopped_at < t.created_at - ${GRACE}
        AND NOT ${acrossSetBack('t.created_at', 'w.stopped_at')}`,
  },
  {
    id: 'claim_record_in_use',
    title: 'no record of a claim outlives its steps by more than ten minutes',
    why: 'The sweep for dead workers reads this table again and again. Delete these rows.',
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
    title: `no step was pardoned for more than ${MAX_UNCHARGED_CRASHES} deaths of its process`,
    why: 'A step that kills its process would go on for ever. Resolve or cancel it, and report this: it is a bug.',
    sql: `SELECT t.task_id, t.workflow_step_id, count(*) AS pardons FROM ${HISTORY}
      WHERE t.cause = 'lease_expired' AND t.metadata -> 'pardoned' = 'true'
      GROUP BY t.task_id, t.workflow_step_id HAVING count(*) > ${MAX_UNCHARGED_CRASHES}`,
  },
  {
    id: 'step_quarantined_for_cause',
    title: 'a step in quarantine was there when two processes died',
    why: 'It is run slowly and alone for no reason. Set its queue back.',
    sql: `SELECT s.task_id, s.workflow_step_id, s.queue FROM tasker.tasker_workflow_steps s
      WHERE s.queue LIKE '%${QUARANTINE}' AND (
        SELECT count(*) FROM ${HISTORY}
        WHERE t.task_id = s.task_id AND t.workflow_step_id = s.workflow_step_id AND t.cause = 'lease_expired') < 2`,
  },
  {
    id: 'step_runs_once_if_it_says_so',
    title: 'no step that is not retryable was tried again, but by an operator',
    why: 'Its effects may have happened twice. Report this: it is a bug.',
    sql: `SELECT t.task_id, t.workflow_step_id, t.cause FROM ${HISTORY} JOIN ${STEP}
      WHERE NOT s.retryable AND t.to_state = 'pending' AND t.cause IN ('retry_due', 'lease_expired')`,
  },
  {
    id: 'step_backoff_in_range',
    title:
      'a step waits for its retry neither longer than 2^attempts seconds nor, if it asked for a time, longer than that',
    why: 'It waits for a time that nobody decided. tasker retry puts it back at once.',
    sql: `SELECT s.task_id, s.workflow_step_id, s.next_retry_at FROM tasker.tasker_workflow_steps s
      JOIN ${HISTORY} ON t.task_id = s.task_id AND t.workflow_step_id = s.workflow_step_id AND t.most_recent
      WHERE s.state = 'error' AND t.cause IN ('fail', 'timeout') AND (
        (s.next_retry_at < t.created_at - ${GRACE} AND NOT ${acrossSetBack('t.created_at', 's.next_retry_at')})
        OR s.next_retry_at > t.created_at
          + make_interval(secs => coalesce(s.backoff_request_seconds, power(2, least(s.attempts, 30)))) + ${GRACE})`,
  },
  {
    id: 'step_error_has_a_reason',
    title: 'every error has its reason on record',
    why: 'Nobody could say what went wrong. Report this: it is a bug.',
    sql: `SELECT t.task_id, t.workflow_step_id, t.sort_key FROM ${HISTORY}
      WHERE t.to_state = 'error' AND t.cause IN ('fail', 'timeout', 'lease_expired') AND t.metadata -> 'error' -> 'name' IS NULL`,
  },
];
