import { defineStatement } from '../../statement.ts';

/** The place of a task in a trace; no row: there is no such task. */
export const findTraceContext = defineStatement<{ trace_context: string | null }>()({
  name: 'find_trace_context',
  params: { task_id: 'bigint' },
  text: `SELECT t.trace_context FROM tasker.tasker_tasks t WHERE t.task_id = :task_id`,
});

/** The places of those tasks that have one. */
export const findTraceContexts = defineStatement<{ trace_context: string }>()({
  name: 'find_trace_contexts',
  params: { task_ids: 'bigint[]' },
  text: `
SELECT t.trace_context
FROM tasker.tasker_tasks t
WHERE t.task_id = ANY (:task_ids::bigint[]) AND t.trace_context IS NOT NULL`,
});

/** Of these tasks, those that are traced and have ended or are in error. A task in error has no time of its end: it is now. */
export const findEndedTraces = defineStatement<{
  task_id: string;
  namespace: string;
  workflow: string;
  version: string;
  state: string;
  requested_at: Date;
  ended_at: Date;
  trace_context: string;
}>()({
  name: 'find_ended_traces',
  params: { task_ids: 'bigint[]' },
  text: `
SELECT t.task_id, n.name AS namespace, k.name AS workflow, k.version, t.state, t.requested_at,
  coalesce(t.completed_at, clock_timestamp()) AS ended_at, t.trace_context
FROM tasker.tasker_tasks t
JOIN tasker.tasker_named_tasks k ON k.named_task_id = t.named_task_id
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
WHERE t.task_id = ANY (:task_ids::bigint[]) AND t.trace_context IS NOT NULL AND t.state NOT IN ('pending', 'in_progress')`,
});
