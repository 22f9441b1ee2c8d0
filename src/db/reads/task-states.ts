import { defineStatement } from '../statement.ts';
import { ordinalOf } from '../statements/rules/step-id.ts';

export interface TaskStatesRow {
  state: string;
  requested_at: Date;
  completed_at: Date | null;
  as_of: Date;
  /** What a later read gives as `since`. */
  version: string;
  /** All steps are in it, and not only those that may have changed. */
  complete: boolean;
  /** JSON text: an array of [ordinal, state, attempts, unmet parents, ready, started, ended, next retry, blocked], times in ms since the submit. */
  steps: string;
}

const ms = (column: string): string => `(extract(epoch FROM s.${column} - c.requested_at) * 1000)::bigint`;

/** An older version would be near the wrap of transaction numbers. */
const OLDEST_VERSION = 1_000_000_000;

/**
 * The states of a task's steps, or of those that may have changed since a version. No row for a task of a namespace that is none of those given
 * (null: all).
 *
 * A version is the oldest transaction that was under way when it was read. Whatever changed a row later has a higher number, which is in the row's
 * xmin: also what writes no transition, such as a step that becomes ready. Some rows come twice, none is missed. It reads the steps of one task by
 * the primary key.
 */
export const listTaskStates = defineStatement<TaskStatesRow>()({
  name: 'list_task_states',
  params: { task_id: 'bigint', namespaces: 'text[] | null', since: 'text | null' },
  text: `
SELECT c.state, c.requested_at, c.completed_at, c.as_of, c.version, c.complete, coalesce((
    SELECT json_agg(json_build_array(${ordinalOf('s.workflow_step_id')}, s.state, s.attempts, s.unmet_parents, ${ms('ready_at')},
      ${ms('last_attempted_at')}, ${ms('processed_at')}, ${ms('next_retry_at')}, ${ms('blocked_at')}) ORDER BY s.workflow_step_id)
    FROM tasker.tasker_workflow_steps s
    WHERE s.task_id = c.task_id AND (c.complete OR age(s.xmin) <= age((:since::text)::xid8::xid))
  ), '[]')::text AS steps
FROM (
  SELECT t.task_id, t.state, t.requested_at, t.completed_at, statement_timestamp() AS as_of, pg_snapshot_xmin(x.now)::text AS version,
    coalesce((:since::text)::xid8 > pg_snapshot_xmax(x.now)
      OR pg_snapshot_xmax(x.now)::text::bigint - (:since::text)::bigint > ${OLDEST_VERSION}, true) AS complete
  FROM tasker.tasker_tasks t
  JOIN tasker.tasker_named_tasks k ON k.named_task_id = t.named_task_id
  JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
  CROSS JOIN (SELECT pg_current_snapshot() AS now) x
  WHERE t.task_id = :task_id AND (:namespaces::text[] IS NULL OR n.name = ANY (:namespaces::text[]))
) c`,
});

/** Of tasks that are watched, what they are now: another text after each change of the task or of a step. One index range for each. */
export const findTaskVersions = defineStatement<{ task_id: string; version: string }>()({
  name: 'find_task_versions',
  params: { task_ids: 'bigint[]' },
  text: `
SELECT w.task_id, t.sort_key || '.' || v.changes || '.' || v.ready AS version
FROM unnest(:task_ids::bigint[]) AS w (task_id)
CROSS JOIN LATERAL (SELECT x.sort_key FROM tasker.tasker_tasks x WHERE x.task_id = w.task_id LIMIT 1) t
CROSS JOIN LATERAL (
  SELECT coalesce(sum(s.sort_key), 0) AS changes, count(s.ready_at) AS ready
  FROM tasker.tasker_workflow_steps s
  WHERE s.task_id = w.task_id
) v`,
});
