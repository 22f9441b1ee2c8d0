import { HAS_INPUT, MORE, PASSES_MORE } from './task-conditions.ts';
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
 * | tasks of which a step fails now | `steps_in_error_by_task` | by id |
 * | tasks of which a step was begun, or that have ended | key of tasker_task_transitions | by id |
 * | open tasks | `steps_ready`, `steps_retry_due`, `steps_blocked`, tasker_claims | a set |
 * | tasks with tags or of some workflow versions | the directory of tasks | by id |
 * | those of them that are not in the directory | `tasks_by_tag`, `tasks_by_workflow_and_id` | a set, in ranges of ids |
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
  ...MORE,
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

/** Of a source: what is looked into, and not kept, is looked into while its row is read. */
export const SOURCE_COLUMNS = `${COLUMNS}, ${HAS_INPUT} AS has_input`;

export const IN_RANGE = `t.task_id < :below::bigint AND t.task_id >= :floor::bigint`;

/** SQL: the error of this transition has the text and the fingerprint that are given. */
const isSuchError = (
  alias: string,
): string => `(:fingerprint::text IS NULL OR ${alias}.metadata #>> '{error,fingerprint}' = :fingerprint::text)
        AND (:error::text IS NULL OR strpos(
          lower(concat_ws(' ', ${alias}.metadata #>> '{error,name}', ${alias}.metadata #>> '{error,code}', ${alias}.metadata #>> '{error,message}')),
          lower(:error::text)) > 0)`;

/** A step of the task is in error now, blocked or waiting for a retry, and its error has the text and the fingerprint that are given. */
const FAILS_WITH = `EXISTS (
      SELECT FROM tasker.tasker_workflow_steps s
      JOIN tasker.tasker_workflow_step_transitions x
        ON x.task_id = s.task_id AND x.workflow_step_id = s.workflow_step_id AND x.sort_key = s.sort_key
      WHERE s.task_id = t.task_id AND s.state = 'error'
        AND ${isSuchError('x')})`;

/** SQL: no error is asked for, or `fails`. */
const ifAsked = (fails: string): string => `((:error::text IS NULL AND :fingerprint::text IS NULL) OR ${fails})`;
const FAILS_IF_ASKED = ifAsked(FAILS_WITH);

/** SQL: one of the steps `i.step_ids`, at the transitions `i.sort_keys`, fails with the error that is asked for, if one is. */
export const ONE_FAILS = ifAsked(`EXISTS (
      SELECT FROM unnest(i.step_ids, i.sort_keys) AS s (workflow_step_id, sort_key)
      CROSS JOIN LATERAL (
        SELECT FROM tasker.tasker_workflow_step_transitions x
        WHERE x.task_id = i.task_id AND x.workflow_step_id = s.workflow_step_id AND x.sort_key = s.sort_key
          AND x.to_state = 'error' AND ${isSuchError('x')}
        OFFSET 0
      ) x)`);

/** Which tasks a page has, whatever its source is; `t`: a task. */
const PASSES = `(:states::text[] IS NULL OR t.state = ANY (:states::text[]))
    AND (:named_task_ids::integer[] IS NULL OR t.named_task_id = ANY (:named_task_ids::integer[]))
    AND (:tags::jsonb IS NULL OR t.tags @> :tags::jsonb)
    AND (:initiator::text IS NULL OR t.initiator = :initiator::text)
    AND (:schedule::text IS NULL OR t.schedule ->> 'name' = :schedule::text)
    AND (:requested_since::timestamptz IS NULL OR t.requested_at >= :requested_since::timestamptz)
    AND (:requested_before::timestamptz IS NULL OR t.requested_at < :requested_before::timestamptz)
    AND ${PASSES_MORE}`;

/** `read`: what was read, the ids of tasks, and `page`: the tasks that pass. The names of their workflows are looked up for these alone. */
const result = (read: string, scannedToAt: string, overflow: string): string => `
SELECT r.read_rows, r.scanned_to, r.scanned_to_at, ${overflow} AS overflow, statement_timestamp() AS as_of,
  p.task_id, n.name AS namespace, k.name AS workflow, k.version, p.state, p.priority, p.requested_at, p.completed_at,
  p.initiator, p.source_system, p.reason, p.tags, p.schedule
FROM (
  SELECT r.*, ${scannedToAt} AS scanned_to_at
  FROM (SELECT count(*)::integer AS read_rows, min(t.task_id) AS scanned_to FROM ${read} t) r
  OFFSET 0
) r
LEFT JOIN page p ON true
LEFT JOIN tasker.tasker_named_tasks k ON k.named_task_id = p.named_task_id
LEFT JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
ORDER BY p.task_id DESC`;

/** MATERIALIZED, so that the source is read once and in its own order, whatever the filter is. */
export const page = (source: string, { first = '', overflow = 'false' } = {}): string => `
WITH ${first}source AS MATERIALIZED (${source}
), page AS (
  SELECT t.*
  FROM source t
  WHERE ${PASSES}
    AND t.has_input
    AND ${FAILS_IF_ASKED}
  ORDER BY t.task_id DESC
  LIMIT :limit
)${result('source', '(SELECT l.requested_at FROM source l ORDER BY l.task_id LIMIT 1)', overflow)}`;

const AT = `(SELECT l.requested_at FROM tasker.tasker_tasks l WHERE l.task_id >= r.scanned_to ORDER BY l.task_id LIMIT 1)`;

/**
 * A page of tasks whose ids are known: `read`, a CTE of `ctes`, has them, or `from` has those of its rows, each once. They are looked up one by one from the highest on, until the
 * page is full; what was removed meanwhile is not found. OFFSET 0 keeps the planner from reading the table for a join, and so from another order.
 * `which`: a condition that is looked at before the task `i` is; `also`: and one of the task `t`.
 */
export const pageOfIds = (
  ctes: string,
  read: string,
  { from = read, which = 'true', also = FAILS_IF_ASKED } = {},
): string => `
WITH ${ctes}, page AS MATERIALIZED (
  SELECT t.*
  FROM (SELECT i.* FROM ${from} i ORDER BY i.task_id DESC OFFSET 0) i
  CROSS JOIN LATERAL (
    SELECT ${COLUMNS}
    FROM tasker.tasker_tasks t
    WHERE t.task_id = i.task_id AND ${which} AND ${PASSES} AND ${HAS_INPUT} AND ${also}
    OFFSET 0
  ) t
  LIMIT :limit
)${result(read, AT, 'false')}`;

/** How many ids are looked up together: a page that its first tasks fill reads few, and one that has to look at thousands looks up most of them at once. */
const TOGETHER = [128, 512, 2048];

/**
 * The same for ids of which few may pass, and many may be neighbours. Ids that are looked up together cost a page of the index once, and one of
 * the table, however many of them are on it; one by one, each costs four. PostgreSQL before 17 looks them up one by one all the same.
 */
export const pageOfManyIds = (ctes: string, read: string, overflow: string): string => `
WITH ${ctes}, page AS MATERIALIZED (
  SELECT t.*
  FROM (
    SELECT array_agg(i.task_id) AS ids
    FROM (SELECT r.task_id, row_number() OVER (ORDER BY r.task_id DESC) AS place FROM ${read} r WHERE NOT (${overflow})) i
    GROUP BY width_bucket(i.place, '{${TOGETHER.join(',')}}'::bigint[])
    ORDER BY width_bucket(i.place, '{${TOGETHER.join(',')}}'::bigint[])
    OFFSET 0
  ) c
  CROSS JOIN LATERAL (
    SELECT ${COLUMNS}
    FROM tasker.tasker_tasks t
    WHERE t.task_id = ANY (c.ids) AND ${PASSES} AND ${HAS_INPUT} AND ${FAILS_IF_ASKED}
    ORDER BY t.task_id DESC
    OFFSET 0
  ) t
  LIMIT :limit
)${result(read, AT, overflow)}`;
