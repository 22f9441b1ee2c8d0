import type { TaskRow } from './tasks.ts';

/**
 * Lists of tasks, the newest first. Each statement reads tasks from one source, in the order of their ids or all of a small set, and
 * returns those that pass the filter. What it costs is bounded by the number of rows that it may read, not by how many tasks there
 * are: nothing is counted, and nothing is skipped to reach a page.
 *
 * | source | index | order |
 * |---|---|---|
 * | every task | primary key | by id |
 * | tasks of an initiator | `tasks_by_initiator` | by id |
 * | tasks of an identity | `index_tasks_on_identity_hash`, key of tasker_identities | by id |
 * | tasks that were cancelled or resolved | `task_transitions_by_hand` | by id |
 * | open tasks, failing tasks | `steps_ready`, `steps_retry_due`, `steps_blocked`, tasker_claims | a set |
 * | tasks with tags | `tasks_by_tag`, `tasks_by_workflow_and_id` | a set, in ranges of ids |
 * | tasks of some workflow versions | `tasks_by_workflow_and_id` | a set, in ranges of ids |
 *
 * A set is read as a whole to be put in order, so it has a limit; beyond it the statement returns `overflow` and no task, and the
 * list has to be read from a source that is in order.
 */

/** The parameters of the filter, and the page: `limit` tasks with ids from `floor` on and below `below`. */
export const PAGE = {
  states: 'text[] | null',
  named_task_ids: 'integer[] | null',
  tags: 'jsonb | null',
  initiator: 'text | null',
  schedule: 'text | null',
  requested_since: 'timestamptz | null',
  requested_before: 'timestamptz | null',
  error: 'text | null',
  fingerprint: 'text | null',
  floor: 'bigint',
  below: 'bigint',
  limit: 'integer',
} as const;

/** One row for each task of the page, or one without a task: the first columns are those of the whole page. */
export type PageRow = {
  read_rows: number;
  /** The lowest id that was read; null: none was. */
  scanned_to: string | null;
  scanned_to_at: Date | null;
  overflow: boolean;
  as_of: Date;
} & ({ task_id: null } | TaskRow);

export const COLUMNS = `t.task_id, t.named_task_id, t.state, t.priority, t.requested_at, t.completed_at, t.initiator, t.source_system, t.reason,
    t.tags, t.schedule`;

export const IN_RANGE = `t.task_id < :below::bigint AND t.task_id >= :floor::bigint`;

/** A step of the task is in error now, blocked or waiting for a retry, and its error has the text and the fingerprint that are given. */
const FAILS_WITH = `EXISTS (
      SELECT FROM tasker.tasker_workflow_steps s
      JOIN tasker.tasker_workflow_step_transitions x
        ON x.task_id = s.task_id AND x.workflow_step_id = s.workflow_step_id AND x.sort_key = s.sort_key
      WHERE s.task_id = t.task_id AND s.state = 'error'
        AND (:fingerprint::text IS NULL OR x.metadata #>> '{error,fingerprint}' = :fingerprint::text)
        AND (:error::text IS NULL OR strpos(
          lower(concat_ws(' ', x.metadata #>> '{error,name}', x.metadata #>> '{error,code}', x.metadata #>> '{error,message}')),
          lower(:error::text)) > 0))`;

/** MATERIALIZED, so that the source is read once and in its own order, whatever the filter is. */
export const page = (source: string, { first = '', overflow = 'false' } = {}): string => `
WITH ${first}source AS MATERIALIZED (${source}
), page AS (
  SELECT t.task_id, n.name AS namespace, k.name AS workflow, k.version, t.state, t.priority, t.requested_at, t.completed_at,
    t.initiator, t.source_system, t.reason, t.tags, t.schedule
  FROM source t
  JOIN tasker.tasker_named_tasks k ON k.named_task_id = t.named_task_id
  JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
  WHERE (:states::text[] IS NULL OR t.state = ANY (:states::text[]))
    AND (:named_task_ids::integer[] IS NULL OR t.named_task_id = ANY (:named_task_ids::integer[]))
    AND (:tags::jsonb IS NULL OR t.tags @> :tags::jsonb)
    AND (:initiator::text IS NULL OR t.initiator = :initiator::text)
    AND (:schedule::text IS NULL OR t.schedule ->> 'name' = :schedule::text)
    AND (:requested_since::timestamptz IS NULL OR t.requested_at >= :requested_since::timestamptz)
    AND (:requested_before::timestamptz IS NULL OR t.requested_at < :requested_before::timestamptz)
    AND ((:error::text IS NULL AND :fingerprint::text IS NULL) OR ${FAILS_WITH})
  ORDER BY t.task_id DESC
  LIMIT :limit
)
SELECT r.read_rows, r.scanned_to, r.scanned_to_at, ${overflow} AS overflow, statement_timestamp() AS as_of, p.*
FROM (
  SELECT count(*)::integer AS read_rows, min(t.task_id) AS scanned_to,
    (SELECT l.requested_at FROM source l ORDER BY l.task_id LIMIT 1) AS scanned_to_at
  FROM source t
) r
LEFT JOIN page p ON true
ORDER BY p.task_id DESC`;

/** The tasks of these ids, one by one by their key: OFFSET 0 keeps the planner from reading the table for a join. */
export const tasksOf = (ids: string): string => `
  SELECT ${COLUMNS}
  FROM (${ids}
  ) i
  CROSS JOIN LATERAL (SELECT * FROM tasker.tasker_tasks t WHERE t.task_id = i.task_id OFFSET 0) t`;
