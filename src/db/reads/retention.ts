import { defineStatement } from '../statement.ts';
import { POLICIES } from '../statements/retention/blocks.ts';
import { COUNTED_UNTIL, dueAt, holdsOf } from '../statements/rules/retention.ts';

/** How far retention is. */
export interface RetentionProgressRow {
  /** TASKER_KEEP of the scheduler that started last. */
  keep: string;
  /** Null: no scheduler of this version has started. */
  keep_set_at: Date | null;
  /** Blocks of 1,000 ids that are due. */
  due_blocks: number;
  /** For how long the first of them is. */
  late_seconds: number;
  holds: number;
}

/** Reads a row for each 1,000 tasks at most, by an index, and the holds. */
export const readRetentionProgress = defineStatement<RetentionProgressRow>()({
  name: 'read_retention_progress',
  text: `
SELECT r.keep, r.keep_set_at, b.due_blocks, b.late_seconds, (SELECT count(*)::integer FROM tasker.tasker_holds) AS holds
FROM tasker.tasker_retention r
CROSS JOIN LATERAL (
  SELECT count(*)::integer AS due_blocks, coalesce(extract(epoch FROM clock_timestamp() - min(d.next_at)), 0)::float8 AS late_seconds
  FROM tasker.tasker_retention_blocks d
  WHERE d.next_at <= statement_timestamp()
) b`,
});

/** What retention removed of a workflow. */
export interface RemovedRow {
  namespace: string;
  workflow: string;
  state: string;
  tasks: number;
  steps: number;
  /** The last day (UTC) on which it did: `2027-03-01`. */
  last_day: string;
}

export const readRemoved = defineStatement<RemovedRow>()({
  name: 'read_retention_removed',
  params: { days: 'integer' },
  text: `
SELECT n.name AS namespace, w.name AS workflow, r.state, sum(r.tasks)::float8 AS tasks, sum(r.steps)::float8 AS steps,
  max(r.day)::text AS last_day
FROM tasker.tasker_retention_removed r
JOIN tasker.tasker_named_tasks w ON w.named_task_id = r.named_task_id
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = w.task_namespace_id
WHERE r.day > (clock_timestamp() AT TIME ZONE 'UTC')::date - :days::integer
GROUP BY n.name, w.name, r.state
ORDER BY n.name, w.name, r.state`,
});

/** What of a page of tasks is due, by workflow version and state. */
export interface DuePageRow {
  named_task_id: number | null;
  state: string | null;
  /** May go now. */
  due: number;
  /** Due, but a hold keeps it. */
  held: number;
  /** When the oldest of both became due. */
  oldest_due_at: Date | null;
  /** The lowest id of the page, in each row; null: the page is empty. */
  last: string | null;
}

/** The next `size` tasks below an id (null: the newest). It reads that many rows by their key, whatever it finds. */
export const readDuePage = defineStatement<DuePageRow>()({
  name: 'read_due_page',
  params: { below: 'bigint | null', size: 'integer', policies: POLICIES },
  text: `
WITH page AS MATERIALIZED (
  SELECT t.task_id, t.named_task_id, t.state, t.sort_key, t.completed_at, t.requested_at, t.tags
  FROM tasker.tasker_tasks t
  WHERE t.task_id < coalesce(:below::bigint, 9223372036854775807)
  ORDER BY t.task_id DESC
  LIMIT :size
), due AS MATERIALIZED (
  SELECT t.task_id, t.named_task_id, t.state, t.tags, ${dueAt('t', 'p.keep_seconds')} AS due_at
  FROM page t
  JOIN :policies AS p ON p.named_task_id = t.named_task_id AND p.state = t.state
  WHERE ${dueAt('t', 'p.keep_seconds')} <= clock_timestamp() AND ${dueAt('t', '0')} < ${COUNTED_UNTIL}
), judged AS (
  SELECT d.named_task_id, d.state, d.due_at, EXISTS (${holdsOf('d')}) AS held FROM due d
), counted AS (
  SELECT j.named_task_id, j.state, count(*) FILTER (WHERE NOT j.held)::integer AS due, count(*) FILTER (WHERE j.held)::integer AS held,
    min(j.due_at) AS oldest_due_at
  FROM judged j
  GROUP BY j.named_task_id, j.state
)
SELECT c.named_task_id, c.state, coalesce(c.due, 0) AS due, coalesce(c.held, 0) AS held, c.oldest_due_at, l.last
FROM (SELECT min(p.task_id) AS last FROM page p) l
LEFT JOIN counted c ON true`,
});
