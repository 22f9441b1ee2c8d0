import { isOpen } from '../statements/rules/open-states.ts';
import { counts } from '../statements/stats/count-runs.ts';
import { acrossSetBack, type Check } from './check.ts';

/** Open tasks that the next counts would not visit. */
export const UNLISTED = `
SELECT t.task_id FROM tasker.tasker_tasks t
CROSS JOIN tasker.tasker_run_stats_progress p
WHERE p.counted_until IS NOT NULL AND t.task_id <= p.listed_up_to AND ${isOpen('t')}
  AND NOT EXISTS (SELECT FROM tasker.tasker_run_stats_tasks l WHERE l.task_id = t.task_id)`;

/** What the histories have of each hour that is closed: by workflow and step; step 0 is the task. */
export const RECOUNT = `
SELECT date_trunc('hour', e.created_at, 'UTC') AS starts_at, e.named_task_id, e.named_step_id,
  count(*) FILTER (WHERE e.run) AS runs, count(*) FILTER (WHERE e.run AND e.failed) AS failures
FROM (
  SELECT h.created_at, s.named_task_id, s.named_step_id, true AS run, h.to_state = 'error' OR h.cause = 'lease_expired' AS failed
  FROM tasker.tasker_workflow_step_transitions h
  JOIN tasker.tasker_workflow_steps s ON s.task_id = h.task_id AND s.workflow_step_id = h.workflow_step_id
  WHERE h.from_state = 'in_progress' AND h.to_state <> 'cancelled' AND ${counts('h')}
  UNION ALL
  SELECT h.created_at, t.named_task_id, 0, h.from_state = 'in_progress', h.to_state = 'error'
  FROM tasker.tasker_task_transitions h
  JOIN tasker.tasker_tasks t ON t.task_id = h.task_id
  WHERE h.from_state = 'in_progress' AND h.to_state IN ('complete', 'error') AND ${counts('h')}
) e
CROSS JOIN tasker.tasker_run_stats_progress p
WHERE e.created_at >= p.counted_from AND e.created_at < date_trunc('hour', p.counted_until, 'UTC')
GROUP BY 1, 2, 3`;

/** Closed hours that have fewer runs or failures than the histories. They may have more: tasks are purged, what they did stays counted. */
export const UNCOUNTED = `
SELECT c.starts_at, c.named_task_id, c.named_step_id, c.runs, c.failures, r.runs AS counted_runs, r.failures AS counted_failures
FROM (${RECOUNT}) c
LEFT JOIN tasker.tasker_run_stats r
  ON r.period = 'hour' AND r.starts_at = c.starts_at AND r.named_task_id = c.named_task_id AND r.named_step_id = c.named_step_id
WHERE coalesce(r.runs, 0) < c.runs OR coalesce(r.failures, 0) < c.failures`;

/** Invariants of the run statistics. */
export const runStatsChecks: Check[] = [
  {
    id: 'stats_hours_counted',
    title: 'an hour that is closed in the run statistics has every run and failure that the histories have of it',
    why: 'tasker stats shows too little. No work is affected.',
    sql: `SELECT u.* FROM (${UNCOUNTED}) u
      WHERE NOT ${acrossSetBack('u.starts_at', `u.starts_at + interval '1 hour'`)}`,
  },
  {
    id: 'stats_open_tasks_listed',
    title: 'every open task is young, or listed for the run statistics',
    why: 'What it does from now on would not be counted. No work is affected.',
    sql: UNLISTED,
  },
];
