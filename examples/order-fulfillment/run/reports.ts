/**
 * Read-only figures about the tasks of one workflow, for a progress display and for the summary of a run.
 *
 * There is no index by workflow on tasks or steps (each would cost the hot path an entry), so these read the whole of both
 * tables: suitable for a report, but not for a dashboard that refreshes every second over millions of tasks.
 */
import type { Executor } from '../../../src/db/connections/database.ts';
import { defineStatement } from '../../../src/db/statement.ts';

export interface WorkflowName {
  namespace: string;
  name: string;
  version: string;
}

export interface TaskSummary {
  tasks: Record<string, number>;
  steps: Record<string, number>;
  /** Attempts of all steps, the running ones included. */
  attempts: number;
  /** Attempts beyond the first of their step. */
  retries: number;
  /** Steps for which no retry will come. */
  blocked_steps: number;
  /** The database clock as text, microseconds included: a point in time for `runTiming`. */
  clock: string;
}

export interface RunTiming {
  completed_steps: number;
  /** From the first claim to the last completion, seconds; 0 if nothing ran. */
  seconds: number;
  /** Seconds from ready (last parent ended, or task submitted) to the first attempt; null if no step started. */
  ready_to_start: { steps: number; p50: number; p95: number; p99: number; max: number } | null;
}

export interface StepResult {
  task_id: string;
  task_state: string;
  context: unknown;
  state: string;
  attempts: number;
  results: unknown;
  /** Message of the last error, if the step is in error. */
  error: string | null;
}

const named = `(
  SELECT t.named_task_id
  FROM tasker.tasker_named_tasks t
  JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = t.task_namespace_id
  WHERE n.name = :namespace AND t.name = :name AND t.version = :version
)`;

const WORKFLOW = { namespace: 'text', name: 'text', version: 'text' } as const;

const summary = defineStatement<TaskSummary>()({
  name: 'report_task_summary',
  params: WORKFLOW,
  text: `
SELECT
  (
    SELECT coalesce(jsonb_object_agg(g.state, g.tasks), '{}')
    FROM (SELECT t.state, count(*) AS tasks FROM tasker.tasker_tasks t WHERE t.named_task_id = ${named} GROUP BY t.state) g
  ) AS tasks,
  coalesce(jsonb_object_agg(s.state, s.steps) FILTER (WHERE s.state IS NOT NULL), '{}') AS steps,
  coalesce(sum(s.attempts), 0)::integer AS attempts,
  coalesce(sum(s.retries), 0)::integer AS retries,
  coalesce(sum(s.blocked_steps), 0)::integer AS blocked_steps,
  clock_timestamp()::text AS clock
FROM (
  SELECT s.state, count(*) AS steps, sum(s.attempts) AS attempts, sum(greatest(s.attempts - 1, 0)) AS retries,
    count(*) FILTER (WHERE s.blocked_at IS NOT NULL) AS blocked_steps
  FROM tasker.tasker_workflow_steps s
  WHERE s.named_task_id = ${named}
  GROUP BY s.state
) s`,
});

/** `since`: count only what became ready, or was completed, at or after this time; null: everything. */
const timing = defineStatement<{
  completed_steps: number;
  seconds: number;
  started_steps: number;
  percentiles: number[] | null;
  longest: number | null;
}>()({
  name: 'report_run_timing',
  params: { ...WORKFLOW, since: 'timestamptz | null' },
  text: `
WITH first_attempt AS (
  -- The parents' ends come from a subquery for each step, over primary keys: as a join, over tables that were filled a
  -- moment ago and have no statistics yet, it became a loop over the whole history for each step.
  SELECT h.created_at AS started_at,
    coalesce(
      (
        SELECT max(p.created_at)
        FROM tasker.tasker_workflow_step_edges e
        JOIN tasker.tasker_workflow_step_transitions p
          ON p.task_id = e.task_id AND p.workflow_step_id = e.from_step_id
          AND p.to_state IN ('complete', 'resolved_manually')
        WHERE e.task_id = s.task_id AND e.to_step_id = s.workflow_step_id
      ),
      t.requested_at) AS ready_at
  FROM tasker.tasker_workflow_steps s
  JOIN tasker.tasker_tasks t ON t.task_id = s.task_id
  JOIN tasker.tasker_workflow_step_transitions h
    ON h.task_id = s.task_id AND h.workflow_step_id = s.workflow_step_id AND h.sort_key = 1 AND h.to_state = 'in_progress'
  WHERE s.named_task_id = ${named}
), started AS MATERIALIZED (
  -- A step claimed by the completion of its parent may be stamped some microseconds before that: no wait.
  SELECT greatest(extract(epoch FROM f.started_at - f.ready_at), 0)::float8 AS waited
  FROM first_attempt f
  WHERE :since::timestamptz IS NULL OR f.ready_at >= :since::timestamptz
), span AS (
  SELECT min(h.created_at) FILTER (WHERE h.to_state = 'in_progress') AS first_claim,
    max(h.created_at) FILTER (WHERE h.to_state = 'complete') AS last_completion,
    count(*) FILTER (WHERE h.to_state = 'complete')::integer AS completed_steps
  FROM tasker.tasker_workflow_steps s
  JOIN tasker.tasker_workflow_step_transitions h ON h.task_id = s.task_id AND h.workflow_step_id = s.workflow_step_id
  WHERE s.named_task_id = ${named} AND (:since::timestamptz IS NULL OR h.created_at >= :since::timestamptz)
)
SELECT span.completed_steps,
  coalesce(greatest(extract(epoch FROM span.last_completion - span.first_claim), 0), 0)::float8 AS seconds,
  (SELECT count(*)::integer FROM started) AS started_steps,
  (SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY waited) FROM started) AS percentiles,
  (SELECT max(waited) FROM started) AS longest
FROM span`,
});

const origin = defineStatement<{ registered_at: string }>()({
  name: 'report_workflow_origin',
  params: WORKFLOW,
  text: `
SELECT to_char(t.created_at AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISS.US') AS registered_at
FROM tasker.tasker_named_tasks t
WHERE t.named_task_id = ${named}`,
});

/** One row per task, by task id. */
const results = defineStatement<StepResult>()({
  name: 'report_step_results',
  params: { ...WORKFLOW, step_name: 'text' },
  text: `
SELECT t.task_id, t.state AS task_state, t.context, s.state, s.attempts, s.results,
  CASE WHEN s.state = 'error' THEN h.metadata #>> '{error,message}' END AS error
FROM tasker.tasker_tasks t
JOIN tasker.tasker_workflow_steps s ON s.task_id = t.task_id
JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id AND n.name = :step_name
LEFT JOIN tasker.tasker_workflow_step_transitions h
  ON h.task_id = s.task_id AND h.workflow_step_id = s.workflow_step_id AND h.most_recent
WHERE t.named_task_id = ${named}
ORDER BY t.task_id`,
});

/** Tasks and steps of the workflow by state, with attempts. A state that nothing is in is absent. */
export async function taskSummary(db: Executor, workflow: WorkflowName): Promise<TaskSummary> {
  const [row] = await db.run(summary, keyOf(workflow));
  return row as TaskSummary;
}

/** How fast the steps ran since `since` (a `clock` of `taskSummary`; absent: ever), by the transition history. */
export async function runTiming(db: Executor, workflow: WorkflowName, since?: string): Promise<RunTiming> {
  const [row] = await db.run(timing, { ...keyOf(workflow), since });
  const [p50, p95, p99] = row?.percentiles ?? [];
  return {
    completed_steps: row?.completed_steps ?? 0,
    seconds: row?.seconds ?? 0,
    ready_to_start:
      p50 === undefined || p95 === undefined || p99 === undefined
        ? null
        : { steps: row?.started_steps ?? 0, p50, p95, p99, max: row?.longest ?? p99 },
  };
}

/** The result of one step in every task of the workflow. */
export async function stepResults(db: Executor, workflow: WorkflowName, step: string): Promise<StepResult[]> {
  return db.run(results, { ...keyOf(workflow), step_name: step });
}

/**
 * When the workflow was first registered in this database, as `20260131T235959.123456` (UTC): it distinguishes this database
 * from a later one in its place. Undefined if the workflow was never registered.
 */
export async function workflowOrigin(db: Executor, workflow: WorkflowName): Promise<string | undefined> {
  const [row] = await db.run(origin, keyOf(workflow));
  return row?.registered_at;
}

function keyOf({ namespace, name, version }: WorkflowName): WorkflowName {
  return { namespace, name, version };
}
