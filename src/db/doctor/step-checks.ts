import { acrossSetBack, byEngine, type Check, childrenOf, DONE } from './check.ts';

const STEPS = 'tasker.tasker_workflow_steps s';

/** Invariants of steps: claims, attempts, dependencies. */
export const stepChecks: Check[] = [
  {
    id: 'step_claim_columns',
    title: 'in_process, claim_id and claimed_by are set exactly while the state is in_progress',
    why: 'A step that is half claimed can run twice or never. Set it to pending and clear all three columns.',
    sql: `SELECT s.task_id, s.workflow_step_id FROM ${STEPS}
      WHERE s.in_process <> (s.state = 'in_progress') OR s.in_process <> (s.claim_id IS NOT NULL) OR s.in_process <> (s.claimed_by IS NOT NULL)`,
  },
  {
    id: 'step_processed',
    title: 'processed is true exactly in the states complete and resolved_manually',
    why: 'Older views and reports use this column. Set it from the state.',
    sql: `SELECT s.task_id, s.workflow_step_id FROM ${STEPS} WHERE s.processed <> (s.state IN ${DONE})`,
  },
  {
    id: 'step_ready_is_claimable',
    title: 'a ready step is pending, has no open parent and has attempts left, and its task has not ended',
    why: 'A worker would run it although it must not run. Set ready_at to NULL.',
    sql: `SELECT s.task_id, s.workflow_step_id FROM ${STEPS} JOIN tasker.tasker_tasks t ON t.task_id = s.task_id
      WHERE s.ready_at IS NOT NULL
        AND (s.state <> 'pending' OR s.unmet_parents <> 0 OR s.attempts >= s.retry_limit OR t.state NOT IN ('pending', 'in_progress'))`,
  },
  {
    id: 'step_no_lost_wake_up',
    title: 'a pending step without open parents is ready',
    why: 'No worker would ever run it. Set ready_at = now() on it, and report this: it is a bug.',
    sql: `SELECT s.task_id, s.workflow_step_id FROM ${STEPS} JOIN tasker.tasker_tasks t ON t.task_id = s.task_id
      WHERE s.state = 'pending' AND s.unmet_parents = 0 AND s.ready_at IS NULL AND s.retry_limit > 0 AND t.state IN ('pending', 'in_progress')`,
  },
  {
    id: 'step_error_has_a_future',
    title: 'a step in error either has a time for its retry or is blocked',
    why: 'Neither a scheduler nor an operator would find it. tasker retry makes it ready again.',
    sql: `SELECT s.task_id, s.workflow_step_id FROM ${STEPS}
      WHERE (s.state = 'error') <> ((s.next_retry_at IS NULL) <> (s.blocked_at IS NULL)) OR (s.next_retry_at IS NOT NULL AND s.blocked_at IS NOT NULL)`,
  },
  {
    id: 'step_attempts_match_history',
    title: 'attempts is the number of claims in the history minus those that were released',
    why: 'Retries end too early or too late. Set attempts from the history.',
    sql: `SELECT s.task_id, s.workflow_step_id, s.attempts FROM ${STEPS}
      LEFT JOIN LATERAL (
        SELECT count(*) FILTER (WHERE t.to_state = 'in_progress') - count(*) FILTER (WHERE t.cause = 'released') AS counted,
          bool_and(${byEngine('t')}) IS NOT FALSE AS complete
        FROM tasker.tasker_workflow_step_transitions t
        WHERE t.task_id = s.task_id AND t.workflow_step_id = s.workflow_step_id) h ON true
      WHERE h.complete AND s.attempts <> h.counted`,
  },
  {
    id: 'step_attempts_within_limit',
    title: 'no step has more attempts than its retry limit',
    why: 'A step was retried beyond its limit. Report this: it is a bug.',
    sql: `SELECT s.task_id, s.workflow_step_id, s.attempts, s.retry_limit FROM ${STEPS} WHERE s.attempts > s.retry_limit`,
  },
  {
    id: 'step_one_attempt_per_claim',
    title: 'a claim begins at most one attempt of a step',
    why: 'Two attempts under one claim could both write an outcome. Report this: it is a bug.',
    sql: `SELECT t.task_id, t.workflow_step_id, t.claim_id FROM tasker.tasker_workflow_step_transitions t
      WHERE t.to_state = 'in_progress' AND t.claim_id IS NOT NULL GROUP BY t.task_id, t.workflow_step_id, t.claim_id HAVING count(*) > 1`,
  },
  {
    id: 'step_outcome_by_its_claim',
    title: 'an attempt is ended under the claim that began it',
    why: 'The outcome was written by a worker that no longer held the step. Report this: it is a bug.',
    sql: `SELECT c.task_id, c.workflow_step_id, c.sort_key FROM (
        SELECT t.*, lag(t.claim_id) OVER (PARTITION BY t.task_id, t.workflow_step_id ORDER BY t.sort_key) AS began
        FROM tasker.tasker_workflow_step_transitions t) c
      WHERE c.from_state = 'in_progress' AND c.began IS NOT NULL AND c.claim_id IS DISTINCT FROM c.began`,
  },
  {
    id: 'step_completes_once',
    title: 'a step completes at most once',
    why: 'Its effects and its result may come from different attempts. Report this: it is a bug.',
    sql: `SELECT t.task_id, t.workflow_step_id FROM tasker.tasker_workflow_step_transitions t
      WHERE t.to_state = 'complete' GROUP BY t.task_id, t.workflow_step_id HAVING count(*) > 1`,
  },
  {
    id: 'step_unmet_parents_count',
    title: 'unmet_parents is the number of parents that are not done; none of a step that is done',
    why: 'The step would start too early or never. Count again and correct the row.',
    sql: `SELECT s.task_id, s.workflow_step_id, s.unmet_parents FROM ${STEPS}
      LEFT JOIN LATERAL (
        SELECT count(*) AS parents, count(*) FILTER (WHERE p.state IS NULL OR p.state NOT IN ${DONE}) AS unmet
        FROM tasker.tasker_workflow_step_edges e
        LEFT JOIN tasker.tasker_workflow_steps p ON p.task_id = e.task_id AND p.workflow_step_id = e.from_step_id
        WHERE e.task_id = s.task_id AND e.to_step_id = s.workflow_step_id) c ON true
      WHERE s.unmet_parents <> CASE WHEN s.state IN ${DONE} THEN 0 ELSE c.unmet END OR s.total_parents <> c.parents`,
  },
  {
    id: 'step_children_are_edges',
    title: 'the column children of a step names the same steps as its edges, without those that were done before it',
    why: 'A completion unlocks the steps in the column, and ends the task if there are none; views show the edges. Set children from the edges.',
    sql: `SELECT s.task_id, s.workflow_step_id FROM ${STEPS}
      WHERE ARRAY(SELECT x FROM unnest(s.children) x ORDER BY x) <> ${childrenOf('s')}`,
  },
  {
    id: 'step_after_its_parents',
    title: 'no step began before each of its parents was done',
    why: 'It ran without the results that it depends on. Report this: it is a bug.',
    sql: `SELECT c.task_id, c.workflow_step_id FROM tasker.tasker_workflow_step_transitions c
      JOIN tasker.tasker_workflow_step_edges e ON e.task_id = c.task_id AND e.to_step_id = c.workflow_step_id
      WHERE c.to_state = 'in_progress' AND ${byEngine('c')} AND NOT EXISTS (
        SELECT FROM tasker.tasker_workflow_step_transitions p
        WHERE p.task_id = e.task_id AND p.workflow_step_id = e.from_step_id AND p.to_state IN ${DONE}
          AND (p.created_at <= c.created_at OR NOT ${byEngine('p')} OR ${acrossSetBack('p.created_at', 'c.created_at')}))`,
  },
  {
    id: 'step_name_once',
    title: 'a task has each step of its workflow once',
    why: 'A step would run twice. Report this: it is a bug.',
    sql: `SELECT s.task_id, s.named_step_id, count(*)::integer AS steps FROM ${STEPS}
      GROUP BY s.task_id, s.named_step_id HAVING count(*) > 1`,
  },
  {
    id: 'edges_go_forward',
    title: 'edges connect steps of one task, and there is no cycle',
    why: 'A step in a cycle never becomes ready. Cancel the task (tasker cancel); delete edges whose step does not exist.',
    // Step ids of the engine increase along every edge, those of Tasker (Ruby) need not. Every cycle has an edge along which the id
    // does not increase, so the search starts only at such edges.
    sql: `WITH RECURSIVE walk AS (
        SELECT e.task_id, e.from_step_id, e.to_step_id, e.to_step_id AS reached
        FROM tasker.tasker_workflow_step_edges e
        WHERE e.from_step_id >= e.to_step_id
        UNION
        SELECT w.task_id, w.from_step_id, w.to_step_id, e.to_step_id
        FROM walk w
        JOIN tasker.tasker_workflow_step_edges e ON e.task_id = w.task_id AND e.from_step_id = w.reached
      )
      SELECT w.task_id, w.from_step_id, w.to_step_id FROM walk w WHERE w.reached = w.from_step_id
      UNION ALL
      SELECT e.task_id, e.from_step_id, e.to_step_id FROM tasker.tasker_workflow_step_edges e
      LEFT JOIN tasker.tasker_workflow_steps f ON f.task_id = e.task_id AND f.workflow_step_id = e.from_step_id
      LEFT JOIN tasker.tasker_workflow_steps c ON c.task_id = e.task_id AND c.workflow_step_id = e.to_step_id
      WHERE f.task_id IS NULL OR c.task_id IS NULL`,
  },
];
