/**
 * Selects the ids of open tasks (`task_id`, some of them several times) without an index of tasks: each open task has a step that is
 * blocked, waits for a retry, runs or is ready, and each of these has its own partial index or a row of claims. Costs an index entry
 * for each such step, whatever the history is. `only`: a condition for each of the four.
 */
export const openTaskIds = (only = { blocked: 'true', retrying: 'true', running: 'true', ready: 'true' }): string => `
    SELECT s.task_id FROM tasker.tasker_workflow_steps s WHERE ${only.blocked} AND s.blocked_at IS NOT NULL
    UNION ALL
    SELECT s.task_id FROM tasker.tasker_workflow_steps s WHERE ${only.retrying} AND s.next_retry_at IS NOT NULL
    UNION ALL
    SELECT unnest(c.task_ids) FROM tasker.tasker_claims c WHERE ${only.running}
    UNION ALL
    SELECT s.task_id FROM tasker.tasker_workflow_steps s WHERE ${only.ready} AND s.ready_at IS NOT NULL`;

/** The same of at most `most` steps of each kind, the kind as a number: what is beyond costs nothing. The orders are those of the indexes. */
export const someOpenTaskIds = (most: number): string => `
    (SELECT 1 AS kind, s.task_id FROM tasker.tasker_workflow_steps s WHERE s.blocked_at IS NOT NULL ORDER BY s.blocked_at LIMIT ${most})
    UNION ALL
    (SELECT 2, s.task_id FROM tasker.tasker_workflow_steps s WHERE s.next_retry_at IS NOT NULL ORDER BY s.next_retry_at LIMIT ${most})
    UNION ALL
    (SELECT 3, unnest(c.task_ids) FROM tasker.tasker_claims c LIMIT ${most})
    UNION ALL
    (SELECT 4, s.task_id FROM tasker.tasker_workflow_steps s WHERE s.ready_at IS NOT NULL
      ORDER BY s.queue, s.priority, s.ready_at, s.workflow_step_id LIMIT ${most})`;
