import { defineStatement } from '../../statement.ts';
import { isPause } from '../acts/pauses.ts';

/** A place in the index of ready steps. */
export interface ReadyPlace {
  queue: string;
  priority: number;
  /** Text: JavaScript has no microseconds. */
  ready_at: string;
  step_id: string;
}

/** Before the first ready step. */
export const FIRST_PLACE: ReadyPlace = { queue: '', priority: -32_768, ready_at: '-infinity', step_id: '0' };

/** What a stretch of the index has of one queue. */
export interface ReadyCountRow {
  queue: string;
  /** That are not of a paused workflow. */
  ready: number;
  /** Seconds of the epoch; null: all of them are of paused workflows. */
  oldest_at: number | null;
  /** Where the next stretch begins; null: this was the last one. The same in each row. */
  next: ReadyPlace | null;
}

const PLACE = { queue: 'text', priority: 'smallint', ready_at: 'text', step_id: 'bigint', most: 'integer' } as const;

/** `counts`: condition of the rows of a stretch that count; `also`: further columns that it needs. */
const stretch = (counts: string, also = ''): string => `
WITH stretch AS MATERIALIZED (
  SELECT s.queue, s.priority, s.ready_at, s.workflow_step_id${also}
  FROM tasker.tasker_workflow_steps s
  WHERE s.ready_at IS NOT NULL
    AND (s.queue, s.priority, s.ready_at, s.workflow_step_id) > (:queue::text, :priority::smallint, :ready_at::timestamptz, :step_id::bigint)
  ORDER BY s.queue, s.priority, s.ready_at, s.workflow_step_id
  LIMIT :most::integer
), last AS (
  SELECT jsonb_build_object('queue', s.queue, 'priority', s.priority, 'ready_at', s.ready_at, 'step_id', s.workflow_step_id::text) AS place
  FROM stretch s
  WHERE (SELECT count(*) FROM stretch) = :most::integer
  ORDER BY s.queue DESC, s.priority DESC, s.ready_at DESC, s.workflow_step_id DESC
  LIMIT 1
)
SELECT s.queue, (count(*) FILTER (WHERE ${counts}))::float8 AS ready,
  extract(epoch FROM min(s.ready_at) FILTER (WHERE ${counts}))::float8 AS oldest_at, (SELECT l.place FROM last l) AS next
FROM stretch s
GROUP BY s.queue`;

/**
 * Counts the ready steps behind a place, `most` of them: an index-only scan of steps_ready. Stretch by stretch it counts all, without a statement that takes
 * longer the more there are.
 */
export const countReadySteps = defineStatement<ReadyCountRow>()({
  name: 'count_ready_steps',
  params: PLACE,
  text: stretch('true'),
});

/** The same without the steps of paused workflows, for which the steps themselves are read as well. */
export const countReadyStepsOfOthers = defineStatement<ReadyCountRow>()({
  name: 'count_ready_steps_of_others',
  params: { ...PLACE, paused: 'integer[]' },
  text: stretch('s.named_task_id <> ALL (:paused::integer[])', ', s.named_task_id'),
});

/** The versions of the workflows that are paused. Reads a table that is empty in general. */
export const findPausedVersions = defineStatement<{ named_task_id: number }>()({
  name: 'find_paused_versions',
  text: `
SELECT k.named_task_id
FROM tasker.tasker_pauses p
JOIN tasker.tasker_named_tasks k ON k.name = substr(p.name, strpos(p.name, '/') + 1)
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id AND n.name || '/' || k.name = p.name
WHERE p.kind = 'workflow' AND ${isPause('p')}`,
});
