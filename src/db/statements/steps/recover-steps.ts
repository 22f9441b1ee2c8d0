import { MAX_UNCHARGED_CRASHES } from '../../../retry-policy.ts';
import { fingerprintOfName } from '../../../workflow/fingerprint.ts';
import { defineStatement } from '../../statement.ts';
import { withCtes } from '../ctes.ts';
import { heldBy } from '../rules/claim-fence.ts';
import { stepHistory } from '../rules/history.ts';
import { crashesOf, isExhaustedByCrash, isUncharged, UNCHARGED_KEY } from '../rules/retry.ts';
import { QUARANTINE } from '../queues/quarantine.ts';

export interface RecoveredStepRow {
  task_id: string;
  workflow_step_id: string;
  worker_id: string;
  queue: string;
  /** True if the lost attempt was the last one: the step is in error and its task has to be finalized. */
  blocked: boolean;
  claim_id: string;
  attempts: number;
  last_attempted_at: Date;
  /** The task's place in a trace, for its spans and for the log; null: it has none. */
  trace_context: string | null;
}

/** The process of a claim has ended, or its row is gone. */
const HAS_ENDED = `w.worker_id IS NULL OR w.stopped_at IS NOT NULL`;

/** The claims to recover, locked. `shared`: other steps may have run in the same process, so any of them may have killed it. */
const DEAD_OF_ENDED_PROCESSES = `dead AS MATERIALIZED (
  SELECT c.claim_id, c.worker_id, c.task_ids, c.workflow_step_ids, coalesce(w.slots, 2) > 1 AS shared
  FROM tasker.tasker_claims c
  LEFT JOIN tasker.tasker_workers w ON w.worker_id = c.worker_id
  WHERE (${HAS_ENDED}) AND (:claim_ids::uuid[] IS NULL OR c.claim_id = ANY (:claim_ids::uuid[]))
  ORDER BY c.created_at
  LIMIT :limit
  FOR UPDATE OF c SKIP LOCKED
)`;

/** The claims to recover, locked: the worker named them, and no other step is to blame. */
const DEAD_AS_NAMED = `dead AS MATERIALIZED (
  SELECT c.claim_id, c.worker_id, c.task_ids, c.workflow_step_ids, false AS shared
  FROM tasker.tasker_claims c
  WHERE c.claim_id = ANY (:claim_ids::uuid[])
  FOR UPDATE OF c SKIP LOCKED
)`;

/** The steps that these claims were made with. */
const MEMBER = `member AS MATERIALIZED (
  SELECT d.claim_id, d.worker_id, d.shared, k.task_id, k.workflow_step_id
  FROM dead d
  CROSS JOIN LATERAL unnest(d.task_ids, d.workflow_step_ids) AS k (task_id, workflow_step_id)
)`;

/** The steps that these claims still hold. SKIP LOCKED: what it skips, the next sweep finds. */
const HELD = `held AS MATERIALIZED (
  SELECT s.task_id, s.workflow_step_id, s.queue, s.attempts, s.retry_limit, s.retryable, m.claim_id, m.worker_id, m.shared
  FROM member m
  JOIN tasker.tasker_workflow_steps s
    ON ${heldBy('s', 'm')}
  FOR NO KEY UPDATE OF s SKIP LOCKED
)`;

/** Each step with its crashes, this one included. */
const RECORD = `record AS MATERIALIZED (
  SELECT h.*, p.crashes + 1 AS crashes, p.uncharged,
    ${isUncharged('h', 'p')} AS is_uncharged
  FROM held h
  CROSS JOIN LATERAL (${crashesOf('h')}) p
)`;

/** Whether the step is tried again. */
const DECISION = `decision AS MATERIALIZED (
  SELECT r.*,
    ${isExhaustedByCrash('r')} AS exhausted
  FROM record r
)`;

/** Back to the queue (after its second crash to the quarantine of the queue), or in error and blocked. */
const recovered = (mayQuarantine: boolean): string => `recovered AS (
  UPDATE tasker.tasker_workflow_steps s
  SET state = CASE WHEN d.exhausted THEN 'error' ELSE 'pending' END,
      in_process = false,
      ready_at = CASE WHEN NOT d.exhausted THEN clock_timestamp() END,
      blocked_at = CASE WHEN d.exhausted THEN clock_timestamp() END,
      queue = CASE
        WHEN ${mayQuarantine} AND NOT d.exhausted AND d.crashes >= ${MAX_UNCHARGED_CRASHES} AND d.queue NOT LIKE '%${QUARANTINE}' THEN d.queue || '${QUARANTINE}'
        ELSE d.queue END,
      retry_limit = d.retry_limit + d.is_uncharged::integer,
      claim_id = NULL,
      claimed_by = NULL,
      sort_key = s.sort_key + 1
  FROM decision d
  WHERE s.task_id = d.task_id AND s.workflow_step_id = d.workflow_step_id
  RETURNING s.task_id, s.workflow_step_id, s.queue, s.sort_key, s.state, s.attempts, s.last_attempted_at, d.claim_id, d.worker_id, d.exhausted, d.is_uncharged,
    d.crashes, d.shared
)`;

/** `error`: of a step that has no attempts left; an expression over `r`, a row of recovered. */
const recoveredHistory = (error: string): string =>
  stepHistory({
    source: 'recovered',
    from: `'in_progress'`,
    to: 'r.state',
    cause: `'lease_expired'`,
    claimId: 'r.claim_id',
    workerId: 'r.worker_id',
    metadata: `CASE
      WHEN r.exhausted THEN jsonb_build_object('deaths', r.crashes, 'error', ${error})
      ELSE jsonb_build_object('deaths', r.crashes, '${UNCHARGED_KEY}', r.is_uncharged) END`,
  });

/** The error of a step that has no attempts left. */
const WORKER_DIED = `jsonb_build_object('name', 'WorkerDied', 'fingerprint', '${fingerprintOfName('WorkerDied')}', 'message',
        format('the process that ran this step died (%s in all%s), and no attempts are left',
          CASE WHEN r.crashes = 1 THEN '1 death' ELSE r.crashes || ' deaths' END,
          CASE WHEN r.shared THEN '' ELSE ', the last time with nothing else running in it' END))`;

const OUTCOME_REFUSED = `jsonb_build_object('name', 'OutcomeRefused', 'fingerprint', '${fingerprintOfName('OutcomeRefused')}', 'message',
        'the database refused to store how this attempt ended, and no attempts are left')`;

/** Claims of which nothing is left are deleted; one of which a step was skipped stays for the next sweep. */
const CLOSED = `closed AS (
  DELETE FROM tasker.tasker_claims c
  USING dead d
  WHERE c.claim_id = d.claim_id
    AND NOT EXISTS (
      SELECT FROM member m
      JOIN tasker.tasker_workflow_steps s
        ON ${heldBy('s', 'm')}
      WHERE m.claim_id = d.claim_id
        AND NOT EXISTS (
          SELECT FROM recovered r WHERE r.task_id = m.task_id AND r.workflow_step_id = m.workflow_step_id))
)`;

const recovery = (variant: { dead: string; error: string; mayQuarantine: boolean }): string =>
  withCtes(
    [
      variant.dead,
      MEMBER,
      HELD,
      RECORD,
      DECISION,
      recovered(variant.mayQuarantine),
      recoveredHistory(variant.error),
      CLOSED,
    ],
    `SELECT r.task_id, r.workflow_step_id, r.worker_id, r.queue, r.exhausted AS blocked, r.claim_id, r.attempts, r.last_attempted_at,
  (SELECT t.trace_context FROM tasker.tasker_tasks t WHERE t.task_id = r.task_id) AS trace_context
FROM recovered r`,
  );

/**
 * Returns the steps of ended processes to the queue, or to `error` if the lost attempt was the last (rules/retry.ts). `limit`: the claims
 * to recover at most, oldest first. `claim_ids`: null for any.
 *
 * It is unknown which of the steps of a dead process killed it. So while a process with several slots dies, the attempts stay
 * counted but each step gets one more in return (its retry_limit grows, as for an operator's retry), twice at most. After its
 * second crash a step goes into quarantine, a queue beside its own, from which processes with one slot run one step at a
 * time: a crash there has one culprit, which is in error as soon as the crashes are as many as its limit had attempts. A step
 * that may run only once (not retryable, or a limit of 1) is never run again, whatever killed the process.
 *
 * Finds claims by their worker, whatever the worker's row has by now: a claim that a stopped process made after its end was
 * declared is found by the next sweep. Step rows are taken with SKIP LOCKED and never waited for, so this statement may hold
 * claim rows first without risking a deadlock with a completion; what it skipped, the next sweep finds.
 */
export const recoverSteps = defineStatement<RecoveredStepRow>()({
  name: 'recover_steps',
  params: { limit: 'integer', claim_ids: 'uuid[] | null' },
  text: recovery({ dead: DEAD_OF_ENDED_PROCESSES, error: WORKER_DIED, mayQuarantine: true }),
});

/**
 * The same for claims whose worker lives and reports that no step of them runs any more: it gave an outcome up. Which step that
 * was is known, so every crash is charged and no step is quarantined.
 */
export const recoverClaimed = defineStatement<RecoveredStepRow>()({
  name: 'recover_claimed',
  params: { claim_ids: 'uuid[]' },
  text: recovery({ dead: DEAD_AS_NAMED, error: OUTCOME_REFUSED, mayQuarantine: false }),
});

/** Claims of ended processes, oldest first. */
export const findDeadClaims = defineStatement<{ claim_id: string }>()({
  name: 'find_dead_claims',
  params: { limit: 'integer' },
  text: `
SELECT c.claim_id
FROM tasker.tasker_claims c
LEFT JOIN tasker.tasker_workers w ON w.worker_id = c.worker_id
WHERE ${HAS_ENDED}
ORDER BY c.created_at
LIMIT :limit`,
});

/** Of these claims, those that still exist. */
export const findRecorded = defineStatement<{ claim_id: string }>()({
  name: 'find_recorded',
  params: { claim_ids: 'uuid[]' },
  text: `SELECT c.claim_id FROM tasker.tasker_claims c WHERE c.claim_id = ANY (:claim_ids::uuid[])`,
});
