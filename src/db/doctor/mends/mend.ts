import { childrenOf, DONE } from '../check.ts';

/**
 * How to mend what a check finds: a command, or statements if no command does it. Statements mend every violation of their check at
 * once, can be repeated safely, and belong in one transaction, with the fleet stopped.
 */
export type Mend = { readonly command: string } | { readonly sql: string };

export const STEP_HISTORY = 'tasker.tasker_workflow_step_transitions';
export const TASK_HISTORY = 'tasker.tasker_task_transitions';
export const STEPS = 'tasker.tasker_workflow_steps';
export const TASKS = 'tasker.tasker_tasks';
export const EDGES = 'tasker.tasker_workflow_step_edges';
export const OPEN = `('pending', 'in_progress')`;

/** Joins statements that belong together. */
export const script = (...statements: readonly string[]): Mend => ({
  sql: statements.map((one) => `${one.trim()};`).join('\n'),
});

/**
 * Exempts transitions from the checks by the cause `inherited`, as those of inherited histories are, and keeps the former values in
 * their metadata. For violations that are evidence of what happened: it cannot be undone, only reported and acknowledged.
 */
export const acknowledge = (history: string, where: string, also = ''): string => `
UPDATE ${history} t
SET metadata = coalesce(t.metadata, '{}') || jsonb_build_object('acknowledged',
      jsonb_build_object('cause', t.cause, 'claim_id', t.claim_id, 'worker_id', t.worker_id)),
    cause = 'inherited'${also}
WHERE ${where}`;

/** Sets the rows of steps from their most recent transition: state, sort key, and every column that must agree with the state. */
export const STEPS_FROM_HISTORY = `
UPDATE ${STEPS} s
SET state = r.state,
    sort_key = r.sort_key,
    in_process = r.state = 'in_progress',
    claim_id = CASE WHEN r.state = 'in_progress' THEN coalesce(r.claim_id, s.claim_id, gen_random_uuid()) END,
    claimed_by = CASE WHEN r.state = 'in_progress' THEN coalesce(r.worker_id, s.claimed_by, 0) END,
    processed = r.state IN ${DONE},
    processed_at = CASE WHEN r.state IN ${DONE} THEN coalesce(s.processed_at, r.created_at) END,
    ready_at = CASE WHEN r.state = 'pending' AND s.unmet_parents = 0 AND s.attempts < s.retry_limit AND r.task_open
      THEN coalesce(s.ready_at, clock_timestamp()) END,
    next_retry_at = CASE WHEN r.state = 'error' AND s.blocked_at IS NULL THEN s.next_retry_at END,
    blocked_at = CASE WHEN r.state = 'error' AND (s.blocked_at IS NOT NULL OR s.next_retry_at IS NULL)
      THEN coalesce(s.blocked_at, clock_timestamp()) END
FROM (
  SELECT o.task_id, o.workflow_step_id, coalesce(t.to_state, 'pending') AS state, coalesce(t.sort_key, 0) AS sort_key,
    t.claim_id, t.worker_id, t.created_at,
    EXISTS (SELECT FROM ${TASKS} k WHERE k.task_id = o.task_id AND k.state IN ${OPEN}) AS task_open
  FROM ${STEPS} o
  LEFT JOIN ${STEP_HISTORY} t ON t.task_id = o.task_id AND t.workflow_step_id = o.workflow_step_id AND t.most_recent
) r
WHERE s.task_id = r.task_id AND s.workflow_step_id = r.workflow_step_id
  AND (s.state <> r.state OR s.sort_key <> r.sort_key
    OR s.in_process <> (r.state = 'in_progress') OR s.in_process <> (s.claim_id IS NOT NULL)
    OR s.in_process <> (s.claimed_by IS NOT NULL) OR s.processed <> (r.state IN ${DONE})
    OR num_nonnulls(s.next_retry_at, s.blocked_at) <> (r.state = 'error')::integer)`;

export const TASKS_FROM_HISTORY = `
UPDATE ${TASKS} t
SET state = r.state,
    sort_key = r.sort_key,
    complete = r.state IN ${DONE},
    completed_at = CASE WHEN r.state IN ${DONE} OR r.state = 'cancelled' THEN coalesce(t.completed_at, r.created_at) END
FROM (
  SELECT o.task_id, coalesce(h.to_state, 'pending') AS state, coalesce(h.sort_key, 0) AS sort_key, h.created_at
  FROM ${TASKS} o
  LEFT JOIN ${TASK_HISTORY} h ON h.task_id = o.task_id AND h.most_recent
) r
WHERE t.task_id = r.task_id
  AND (t.state <> r.state OR t.sort_key <> r.sort_key OR t.complete <> (r.state IN ${DONE}))`;

/** Counts the parents and the unmet parents of each step again. */
export const RECOUNT_PARENTS = `
UPDATE ${STEPS} s
SET unmet_parents = c.unmet,
    total_parents = c.parents,
    ready_at = CASE WHEN s.state = 'pending' AND c.unmet = 0 AND s.attempts < s.retry_limit AND c.task_open
      THEN coalesce(s.ready_at, clock_timestamp()) END
FROM (
  SELECT o.task_id, o.workflow_step_id, count(e.to_step_id)::integer AS parents,
    (count(e.to_step_id) FILTER (WHERE o.state NOT IN ${DONE} AND (p.state IS NULL OR p.state NOT IN ${DONE})))::integer AS unmet,
    EXISTS (SELECT FROM ${TASKS} k WHERE k.task_id = o.task_id AND k.state IN ${OPEN}) AS task_open
  FROM ${STEPS} o
  LEFT JOIN ${EDGES} e ON e.task_id = o.task_id AND e.to_step_id = o.workflow_step_id
  LEFT JOIN ${STEPS} p ON p.task_id = e.task_id AND p.workflow_step_id = e.from_step_id
  GROUP BY o.task_id, o.workflow_step_id
) c
WHERE s.task_id = c.task_id AND s.workflow_step_id = c.workflow_step_id
  AND (s.unmet_parents <> c.unmet OR s.total_parents <> c.parents)`;

export const CHILDREN_FROM_EDGES = `
UPDATE ${STEPS} s
SET children = c.children
FROM (
  SELECT o.task_id, o.workflow_step_id, ${childrenOf('o')} AS children
  FROM ${STEPS} o
) c
WHERE s.task_id = c.task_id AND s.workflow_step_id = c.workflow_step_id
  AND ARRAY(SELECT x FROM unnest(s.children) x ORDER BY x) <> c.children`;

export const RECOUNT_SINKS = `
UPDATE ${TASKS} t
SET unfinished_sinks = c.open_sinks
FROM (
  SELECT o.task_id,
    (SELECT count(*)::integer FROM ${STEPS} s
     WHERE s.task_id = o.task_id AND s.children = '{}' AND s.state NOT IN ${DONE}) AS open_sinks
  FROM ${TASKS} o
) c
WHERE t.task_id = c.task_id AND t.unfinished_sinks <> c.open_sinks`;

/** Appends a transition to the steps that `where` selects (alias `s`), and sets their rows from it. */
export const moveSteps = (where: string, to: string, cause: string, at = 'clock_timestamp()'): string => `
WITH moving AS MATERIALIZED (
  SELECT s.task_id, s.workflow_step_id, s.state, s.sort_key, s.claim_id, s.claimed_by, ${at} AS at FROM ${STEPS} s WHERE ${where}
), flipped AS (
  UPDATE ${STEP_HISTORY} t SET most_recent = false FROM moving m
  WHERE t.task_id = m.task_id AND t.workflow_step_id = m.workflow_step_id AND t.most_recent
  RETURNING 1
)
INSERT INTO ${STEP_HISTORY} (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent, cause, claim_id, worker_id, metadata, created_at)
SELECT m.task_id, m.workflow_step_id, m.sort_key + 1, m.state, '${to}', true, ${cause}, m.claim_id, m.claimed_by,
  '{"by": "doctor"}', m.at
FROM moving m
WHERE (SELECT count(*) FROM flipped) >= 0;
${STEPS_FROM_HISTORY.trim()}`;

/** The same for tasks (alias `t`). */
export const moveTasksTo = (where: string, to: string, cause: string): string => `
WITH moving AS MATERIALIZED (
  SELECT t.task_id, t.state, t.sort_key FROM ${TASKS} t WHERE ${where}
), flipped AS (
  UPDATE ${TASK_HISTORY} h SET most_recent = false FROM moving m WHERE h.task_id = m.task_id AND h.most_recent
  RETURNING 1
)
INSERT INTO ${TASK_HISTORY} (task_id, sort_key, from_state, to_state, most_recent, cause, metadata)
SELECT m.task_id, m.sort_key + 1, m.state, '${to}', true, ${cause}, '{"by": "doctor"}'
FROM moving m
WHERE (SELECT count(*) FROM flipped) >= 0;
${TASKS_FROM_HISTORY.trim()}`;
