import { QUARANTINE } from '../../statements/queues/quarantine.ts';
import { MAX_UNCHARGED_CRASHES } from '../../../retry-policy.ts';
import { byEngine } from '../check.ts';
import { stepChecks } from '../step-checks.ts';
import {
  acknowledge,
  CHILDREN_FROM_EDGES,
  EDGES,
  STEP_HISTORY,
  type Mend,
  OPEN,
  RECOUNT_PARENTS,
  RECOUNT_SINKS,
  STEPS,
  script,
  STEPS_FROM_HISTORY,
  TASKS,
} from './mend.ts';

/** The claim id of the transition before `t`, a row of the history of a step. */
const PREVIOUS_CLAIM = `(
  SELECT b.claim_id FROM ${STEP_HISTORY} b
  WHERE b.task_id = t.task_id AND b.workflow_step_id = t.workflow_step_id AND b.sort_key < t.sort_key
  ORDER BY b.sort_key DESC LIMIT 1)`;

/** The query of a check. */
const violationsOf = (id: string): string => stepChecks.find((check) => check.id === id)?.sql ?? '';

/** The stored key of a crash that was not charged to the attempts of its step. */
const UNCHARGED = 'pardoned';
const isUncharged = (alias: string): string =>
  `${alias}.cause = 'lease_expired' AND ${alias}.metadata -> '${UNCHARGED}' = 'true'`;

/** Mends of steps, dependencies, attempts and claims. */
export const stepMends: Readonly<Record<string, Mend>> = {
  step_claim_columns: script(STEPS_FROM_HISTORY),
  step_processed: script(STEPS_FROM_HISTORY),
  step_ready_is_claimable: script(`
UPDATE ${STEPS} s
SET ready_at = NULL
FROM ${TASKS} t
WHERE t.task_id = s.task_id AND s.ready_at IS NOT NULL
  AND (s.state <> 'pending' OR s.unmet_parents <> 0 OR s.attempts >= s.retry_limit OR t.state NOT IN ${OPEN})`),
  step_no_lost_wake_up: script(`
UPDATE ${STEPS} s
SET ready_at = clock_timestamp(), retry_limit = greatest(s.retry_limit, s.attempts + 1)
FROM ${TASKS} t
WHERE t.task_id = s.task_id AND s.state = 'pending' AND s.unmet_parents = 0 AND s.ready_at IS NULL AND s.retry_limit > 0
  AND t.state IN ${OPEN}`),
  step_error_has_a_future: script(`
UPDATE ${STEPS} s
SET blocked_at = CASE WHEN s.state = 'error' THEN coalesce(s.blocked_at, clock_timestamp()) END, next_retry_at = NULL
WHERE num_nonnulls(s.next_retry_at, s.blocked_at) <> (s.state = 'error')::integer`),
  step_attempts_match_history: script(`
UPDATE ${STEPS} s
SET attempts = h.counted, retry_limit = greatest(s.retry_limit, h.counted),
    ready_at = CASE WHEN h.counted < greatest(s.retry_limit, h.counted) THEN s.ready_at END
FROM (
  SELECT o.task_id, o.workflow_step_id,
    (count(t.*) FILTER (WHERE t.to_state = 'in_progress') - count(t.*) FILTER (WHERE t.cause = 'released'))::integer AS counted,
    bool_and(${byEngine('t')}) IS NOT FALSE AS complete
  FROM ${STEPS} o
  LEFT JOIN ${STEP_HISTORY} t USING (task_id, workflow_step_id)
  GROUP BY o.task_id, o.workflow_step_id
) h
WHERE s.task_id = h.task_id AND s.workflow_step_id = h.workflow_step_id AND h.complete AND s.attempts <> h.counted`),
  step_attempts_within_limit: script(`UPDATE ${STEPS} SET retry_limit = attempts WHERE attempts > retry_limit`),
  step_one_attempt_per_claim: script(
    acknowledge(
      STEP_HISTORY,
      `t.to_state = 'in_progress' AND t.claim_id IS NOT NULL AND EXISTS (
  SELECT FROM ${STEP_HISTORY} b
  WHERE b.task_id = t.task_id AND b.workflow_step_id = t.workflow_step_id AND b.sort_key < t.sort_key
    AND b.to_state = 'in_progress' AND b.claim_id = t.claim_id)`,
      ', claim_id = NULL, worker_id = NULL',
    ),
  ),
  step_outcome_by_its_claim: script(
    acknowledge(
      STEP_HISTORY,
      `t.from_state = 'in_progress' AND ${PREVIOUS_CLAIM} IS NOT NULL AND t.claim_id IS DISTINCT FROM ${PREVIOUS_CLAIM}`,
      `, claim_id = ${PREVIOUS_CLAIM}`,
    ),
  ),
  // Together: a completion counts down the unmet parents of the steps in children.
  step_unmet_parents_count: script(CHILDREN_FROM_EDGES, RECOUNT_PARENTS, RECOUNT_SINKS),
  step_children_are_edges: script(CHILDREN_FROM_EDGES, RECOUNT_PARENTS, RECOUNT_SINKS),
  step_after_its_parents: script(
    acknowledge(
      STEP_HISTORY,
      `t.to_state = 'in_progress' AND ${byEngine('t')}
  AND (t.task_id, t.workflow_step_id) IN (SELECT q.task_id, q.workflow_step_id FROM (${violationsOf('step_after_its_parents')}) q)`,
    ),
  ),
  // The name of a step follows from its ordinal in the workflow, which is part of its id, but for tasks of Tasker (Ruby) that keep the ids they had.
  step_name_once: script(`
UPDATE ${STEPS} s
SET named_step_id = x.named_step_id
FROM tasker.tasker_named_tasks_named_steps x
WHERE x.named_task_id = s.named_task_id AND x.ordinal = (s.workflow_step_id & 65535)::integer AND x.ordinal > 0
  AND (s.workflow_step_id >> 16) = s.task_id AND s.named_step_id <> x.named_step_id`),
  edges_go_forward: script(
    `
CREATE TEMPORARY TABLE wrong_edges ON COMMIT DROP AS
SELECT DISTINCT q.task_id FROM (${violationsOf('edges_go_forward')}) q
WHERE NOT EXISTS (SELECT FROM ${STEPS} s WHERE s.task_id = q.task_id AND (s.workflow_step_id >> 16) <> s.task_id)`,
    `DELETE FROM ${EDGES} e USING wrong_edges w WHERE e.task_id = w.task_id`,
    `
INSERT INTO ${EDGES} (task_id, from_step_id, to_step_id)
SELECT s.task_id, p.workflow_step_id, s.workflow_step_id
FROM wrong_edges w
JOIN ${STEPS} s ON s.task_id = w.task_id
JOIN tasker.tasker_named_tasks_named_steps x ON x.named_task_id = s.named_task_id AND x.named_step_id = s.named_step_id
CROSS JOIN LATERAL unnest(x.parents) AS u (ordinal)
JOIN ${STEPS} p ON p.task_id = s.task_id AND (p.workflow_step_id & 65535) = u.ordinal`,
    CHILDREN_FROM_EDGES,
    RECOUNT_PARENTS,
    RECOUNT_SINKS,
  ),
  claim_has_an_owner: script(
    acknowledge(STEP_HISTORY, `t.cause = 'claim' AND (t.claim_id IS NULL OR t.worker_id IS NULL)`),
  ),
  claim_of_one_worker: script(
    acknowledge(
      STEP_HISTORY,
      `t.cause = 'claim' AND EXISTS (
  SELECT FROM ${STEP_HISTORY} b WHERE b.cause = 'claim' AND b.claim_id = t.claim_id AND b.worker_id < t.worker_id)`,
    ),
  ),
  claim_by_a_living_worker: script(
    acknowledge(
      STEP_HISTORY,
      `t.cause = 'claim' AND EXISTS (
  SELECT FROM tasker.tasker_workers w WHERE w.worker_id = t.worker_id AND w.stopped_at < t.created_at - interval '10 seconds')`,
    ),
  ),
  claim_record_in_use: script(`
DELETE FROM tasker.tasker_claims c
WHERE c.created_at < statement_timestamp() - interval '10 minutes'
  AND NOT EXISTS (
    SELECT FROM unnest(c.task_ids, c.workflow_step_ids) AS k (task_id, workflow_step_id)
    JOIN ${STEPS} s ON s.task_id = k.task_id AND s.workflow_step_id = k.workflow_step_id
    WHERE s.claim_id = c.claim_id)`),
  step_pardons_bounded: script(
    acknowledge(
      STEP_HISTORY,
      `${isUncharged('t')} AND (
  SELECT count(*) FROM ${STEP_HISTORY} b
  WHERE b.task_id = t.task_id AND b.workflow_step_id = t.workflow_step_id AND b.sort_key < t.sort_key AND ${isUncharged('b')}
  ) >= ${MAX_UNCHARGED_CRASHES}`,
    ),
  ),
  step_quarantined_for_cause: script(`
UPDATE ${STEPS} s
SET queue = left(s.queue, -${QUARANTINE.length})
WHERE s.queue LIKE '%${QUARANTINE}' AND (
  SELECT count(*) FROM ${STEP_HISTORY} t
  WHERE t.task_id = s.task_id AND t.workflow_step_id = s.workflow_step_id AND t.cause = 'lease_expired') < 2`),
  step_runs_once_if_it_says_so: script(
    acknowledge(
      STEP_HISTORY,
      `t.to_state = 'pending' AND t.cause IN ('retry_due', 'lease_expired') AND EXISTS (
  SELECT FROM ${STEPS} s WHERE s.task_id = t.task_id AND s.workflow_step_id = t.workflow_step_id AND NOT s.retryable)`,
    ),
  ),
  step_backoff_in_range: { command: 'tasker retry <task> --step <step>' },
  step_error_has_a_reason: script(`
UPDATE ${STEP_HISTORY} t
SET metadata = coalesce(t.metadata, '{}') || '{"error": {"name": "Unknown", "message": "the reason was not recorded"}}'
WHERE t.to_state = 'error' AND t.cause IN ('fail', 'timeout', 'lease_expired') AND t.metadata -> 'error' -> 'name' IS NULL`),
};
