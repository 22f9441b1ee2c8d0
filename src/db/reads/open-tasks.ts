/**
 * Selects the ids of open tasks (`task_id`, some of them several times) without an index of tasks: each open task has a step that is
 * blocked, waits for a retry, runs or is ready, and each of these has its own partial index or a row of claims. At most `most` steps of each
 * kind, an index entry and a row each, whatever the history and the backlog are: the orders are those of the indexes, so that nothing is sorted. Ready steps are read from the end
 * of each queue, since claims take them from its front and leave dead entries there. The task is that of the row, and not of the step's id: tasks of Tasker (Ruby) that no
 * definition has adopted keep their step ids. `only`: a condition for each of the four.
 */
export const openTaskIds = (
  most: number,
  only: Readonly<Record<'blocked' | 'retrying' | 'running' | 'ready', string>>,
): string => `
    (SELECT s.task_id FROM tasker.tasker_workflow_steps s WHERE ${only.blocked} AND s.blocked_at IS NOT NULL ORDER BY s.blocked_at LIMIT ${most})
    UNION ALL
    (SELECT s.task_id FROM tasker.tasker_workflow_steps s WHERE ${only.retrying} AND s.next_retry_at IS NOT NULL ORDER BY s.next_retry_at LIMIT ${most})
    UNION ALL
    (SELECT unnest(c.task_ids) FROM tasker.tasker_claims c WHERE ${only.running} LIMIT ${most})
    UNION ALL
    (SELECT s.task_id FROM tasker.tasker_workflow_steps s WHERE ${only.ready} AND s.ready_at IS NOT NULL
      ORDER BY s.queue DESC, s.priority DESC, s.ready_at DESC, s.workflow_step_id DESC LIMIT ${most})`;

/** The same with the kind as a number. */
export const someOpenTaskIds = (most: number): string => `
    (SELECT 1 AS kind, s.task_id FROM tasker.tasker_workflow_steps s WHERE s.blocked_at IS NOT NULL ORDER BY s.blocked_at LIMIT ${most})
    UNION ALL
    (SELECT 2, s.task_id FROM tasker.tasker_workflow_steps s WHERE s.next_retry_at IS NOT NULL ORDER BY s.next_retry_at LIMIT ${most})
    UNION ALL
    (SELECT 3, unnest(c.task_ids) FROM tasker.tasker_claims c LIMIT ${most})
    UNION ALL
    (SELECT 4, s.task_id FROM tasker.tasker_workflow_steps s WHERE s.ready_at IS NOT NULL
      ORDER BY s.queue DESC, s.priority DESC, s.ready_at DESC, s.workflow_step_id DESC LIMIT ${most})`;
