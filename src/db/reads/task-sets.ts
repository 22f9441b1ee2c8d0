import { defineStatement } from '../statement.ts';
import { openTaskIds } from './open-tasks.ts';
import { IN_RANGE, PAGE, page, pageOfManyIds, type PageRow, SOURCE_COLUMNS } from './task-pages.ts';

/** The largest set that is read as a whole. */
const LARGEST_SET = 10_000;

const OVERFLOW = `(SELECT count(*) FROM found) > ${LARGEST_SET}`;

/** `set` selects what is found, up to the limit of a set. */
const found = (set: string): string => `found AS MATERIALIZED (${set}
  LIMIT ${LARGEST_SET + 1}
)`;

/** `set` selects rows of tasks, which are not used beyond the limit. */
const setPage = (set: string): string =>
  page(
    `
  SELECT t.* FROM found t WHERE ${IN_RANGE} AND NOT ${OVERFLOW}`,
    { first: `${found(set)}, `, overflow: OVERFLOW },
  );

/** Which steps make up a set of open tasks. */
const OF_STEPS = { ready: 'boolean', running: 'boolean', retrying: 'boolean', blocked: 'boolean' } as const;

/** Tasks by what their steps do. */
export const listOpenTasks = defineStatement<PageRow>()({
  name: 'list_open_tasks',
  params: { ...PAGE, ...OF_STEPS },
  text: pageOfManyIds(
    `${found(`
  SELECT f.task_id
  FROM (${openTaskIds(LARGEST_SET + 1, { blocked: ':blocked', retrying: ':retrying', running: ':running', ready: ':ready' })}
  ) f`)}, open AS MATERIALIZED (
  SELECT DISTINCT t.task_id FROM found t WHERE ${IN_RANGE} AND NOT ${OVERFLOW}
)`,
    'open',
    OVERFLOW,
  ),
});

const withTags = (inRange: string): string =>
  setPage(
    `
  SELECT ${SOURCE_COLUMNS}
  FROM tasker.tasker_tasks t
  WHERE t.tags IS NOT NULL AND t.tags @> :tags::jsonb${inRange}`,
  );

/** Every task with these tags. */
export const listTasksWithTags = defineStatement<PageRow>()({
  name: 'list_tasks_with_tags',
  params: PAGE,
  text: withTags(''),
});

/**
 * Those in a range of ids. The index of tags has no order, but that of workflows knows the ids of each of its ranges of pages: only pages
 * are read on which both a task with the tags and such an id may be.
 */
export const listTasksWithTagsInRange = defineStatement<PageRow>()({
  name: 'list_tasks_with_tags_in_range',
  params: PAGE,
  text: withTags(` AND ${IN_RANGE}`),
});

/** In a range of ids. One version after the other: the index has no look-up of several values. */
export const listTasksOfWorkflows = defineStatement<PageRow>()({
  name: 'list_tasks_of_workflows',
  params: PAGE,
  text: setPage(
    `
  SELECT ${SOURCE_COLUMNS}
  FROM unnest(:named_task_ids::integer[]) AS v (named_task_id)
  CROSS JOIN LATERAL (
    SELECT * FROM tasker.tasker_tasks t WHERE t.named_task_id = v.named_task_id AND ${IN_RANGE} OFFSET 0
  ) t`,
  ),
});

/**
 * For the rest of a transaction the planner may not read a whole table, if an index has what is wanted. With a LIMIT it would sometimes choose to: it
 * expects to find the wanted rows soon, while all of them may be at the table's other end. Compiling the statement, for which it expects the full size of a set, would take longer than to run it.
 *
 * `ordered`: nor may it make a bitmap, for which all of an index is read before the first row comes, and all rows are sorted, whatever the limit is. It chooses that where it expects few
 * rows, and of a table or partition without statistics it always does: a page of 500 begun tasks read and sorted the 170,000 of a new partition.
 *
 * `bitmap`: it may not read a whole index, nor plan for the values: if the statistics say that few tasks have a tag, it reads all of them and not
 * only those in the range.
 */
export const readByIndexOnly = defineStatement()({
  name: 'read_by_index_only',
  params: { how: 'text' },
  text: `
SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true),
  CASE WHEN :how::text = 'ordered' THEN set_config('enable_bitmapscan', 'off', true) END,
  CASE WHEN :how::text = 'bitmap' THEN set_config('enable_indexscan', 'off', true) END,
  CASE WHEN :how::text = 'bitmap' THEN set_config('enable_indexonlyscan', 'off', true) END,
  CASE WHEN :how::text = 'bitmap' THEN set_config('max_parallel_workers_per_gather', '0', true) END,
  CASE WHEN :how::text = 'bitmap' THEN set_config('plan_cache_mode', 'force_generic_plan', true) END`,
});
