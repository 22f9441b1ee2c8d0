import { defineStatement, rows } from '../../statement.ts';
import { isFinal, STATES } from '../../../workflow/states.ts';
import { COUNTED_UNTIL, dueAt, holdsOf } from '../rules/retention.ts';

/**
 * Retention visits tasks by blocks of ids, and remembers for each block when the next task of it is due: a task that is kept for ever is
 * read once, and not again until a policy or a hold changes. A block of tasks that can still end is visited again after the shortest time
 * for which their workflows keep anything: none of them can be due earlier.
 */
export const BLOCK = 1000;

/** A policy that has an end, as a statement takes it. */
export const POLICIES = rows({ named_task_id: 'integer', state: 'text', keep_seconds: 'float8' });

/** The states in which a task may still come to another end. */
const MAY_CHANGE = `(${STATES.filter((state) => !isFinal(state))
  .map((state) => `'${state}'`)
  .join(', ')})`;

/** A block in which something was not decided for good is visited again after this time. */
const AGAIN = `interval '1 minute'`;

/** Enters the next `limit` blocks that have tasks with ids from `from` on, below `until` (null: all). One index descent for each. */
export const enterBlocks = defineStatement<{ blocks: number; next: string | null }>()({
  name: 'enter_retention_blocks',
  params: { from: 'bigint', until: 'bigint | null', limit: 'integer' },
  text: `
WITH RECURSIVE found (first_task_id, place) AS (
  SELECT (SELECT t.task_id FROM tasker.tasker_tasks t WHERE t.task_id >= :from::bigint ORDER BY t.task_id LIMIT 1) / ${BLOCK} * ${BLOCK}, 1
  UNION ALL
  SELECT (SELECT t.task_id FROM tasker.tasker_tasks t WHERE t.task_id >= f.first_task_id + ${BLOCK} ORDER BY t.task_id LIMIT 1)
    / ${BLOCK} * ${BLOCK}, f.place + 1
  FROM found f
  WHERE f.first_task_id IS NOT NULL AND f.place < :limit
), within AS MATERIALIZED (
  SELECT f.first_task_id FROM found f WHERE f.first_task_id < coalesce(:until::bigint, 9223372036854775807)
), entered AS (
  INSERT INTO tasker.tasker_retention_blocks (first_task_id)
  SELECT w.first_task_id FROM within w
  ON CONFLICT (first_task_id) DO NOTHING
)
SELECT count(*)::integer AS blocks, max(w.first_task_id) + ${BLOCK} AS next FROM within w`,
});

/** Remembers how far blocks are entered; a null leaves the value. `arm`: the highest id so far is the next to settle. */
export const moveRetention = defineStatement()({
  name: 'move_retention',
  params: { entered_up_to: 'bigint | null', settled_up_to: 'bigint | null', arm: 'boolean' },
  text: `
UPDATE tasker.tasker_retention r
SET entered_up_to = greatest(r.entered_up_to, :entered_up_to::bigint),
    settled_up_to = greatest(r.settled_up_to, :settled_up_to::bigint),
    next_settled_up_to = CASE WHEN :arm THEN (SELECT coalesce(max(t.task_id), 0) / ${BLOCK} * ${BLOCK} FROM tasker.tasker_tasks t)
      ELSE r.next_settled_up_to END,
    next_settled_at = CASE WHEN :arm THEN clock_timestamp() ELSE r.next_settled_at END`,
});

/**
 * The blocks that are due, the longest first: the first entries of the index, in which statement_timestamp() is looked up, unlike
 * clock_timestamp(). `next_at` as text: a Date has no microseconds. `late_seconds`: for how long the first is due.
 */
export const findDueBlocks = defineStatement<{ first_task_id: string; next_at: string; late_seconds: number }>()({
  name: 'find_due_retention_blocks',
  params: { limit: 'integer' },
  text: `
SELECT b.first_task_id, b.next_at::text AS next_at, extract(epoch FROM clock_timestamp() - b.next_at)::float8 AS late_seconds
FROM tasker.tasker_retention_blocks b
WHERE b.next_at <= statement_timestamp()
ORDER BY b.next_at, b.first_task_id
LIMIT :limit`,
});

export interface ScannedBlockRow {
  /** Tasks of the block. */
  tasks: number;
  /** Those that may go now, ascending. */
  due: string[];
  /** When the next of the others is due; `infinity`: none will be. */
  next_at: string;
}

/** Reads the tasks of a block by their key, and decides which may go. It locks nothing: removing decides again. */
export const scanBlock = defineStatement<ScannedBlockRow>()({
  name: 'scan_retention_block',
  params: { first_task_id: 'bigint', policies: POLICIES },
  text: `
WITH policy AS MATERIALIZED (
  SELECT p.named_task_id, p.state, p.keep_seconds FROM :policies AS p
), soonest AS MATERIALIZED (
  SELECT p.named_task_id, min(p.keep_seconds) AS keep_seconds FROM policy p GROUP BY p.named_task_id
), timed AS (
  SELECT t.task_id, t.tags,
    CASE WHEN p.keep_seconds IS NOT NULL THEN ${dueAt('t', 'p.keep_seconds')} END AS due_at,
    CASE WHEN p.keep_seconds IS NOT NULL THEN ${dueAt('t', '0')} < ${COUNTED_UNTIL} END AS counted,
    CASE WHEN t.state IN ${MAY_CHANGE} THEN clock_timestamp() + make_interval(secs => s.keep_seconds) END AS look_again_at
  FROM tasker.tasker_tasks t
  LEFT JOIN policy p ON p.named_task_id = t.named_task_id AND p.state = t.state
  LEFT JOIN soonest s ON s.named_task_id = t.named_task_id
  WHERE t.task_id >= :first_task_id AND t.task_id < :first_task_id::bigint + ${BLOCK}
), judged AS (
  SELECT d.task_id, d.due_at, d.counted, d.look_again_at,
    CASE WHEN d.due_at <= clock_timestamp() THEN EXISTS (${holdsOf('d')}) ELSE false END AS held
  FROM timed d
)
SELECT count(*)::integer AS tasks,
  coalesce(array_agg(j.task_id ORDER BY j.task_id) FILTER (WHERE j.due_at <= clock_timestamp() AND j.counted AND NOT j.held), '{}') AS due,
  coalesce(min(least(
    j.look_again_at,
    CASE
      WHEN j.held THEN NULL
      WHEN j.due_at > clock_timestamp() THEN j.due_at
      WHEN j.counted IS NOT TRUE AND j.due_at IS NOT NULL THEN clock_timestamp() + ${AGAIN}
    END)), 'infinity')::text AS next_at
FROM judged j`,
});

/**
 * Sets when a block is visited next, unless that was changed since `seen_at`: a hold was removed, or a policy became shorter. A block into
 * which tasks may still come is visited again within `young_seconds`; another one without tasks is deleted. `again_seconds`: after which time
 * to visit it at the latest, because tasks that were due could not go; null: whatever keeps them makes the block due when it ends.
 */
export const rescheduleBlock = defineStatement<{ first_task_id: string }>()({
  name: 'reschedule_retention_block',
  params: {
    first_task_id: 'bigint',
    seen_at: 'timestamptz',
    next_at: 'timestamptz',
    empty: 'boolean',
    again_seconds: 'float8 | null',
    young_seconds: 'float8',
  },
  text: `
WITH state AS MATERIALIZED (
  SELECT :first_task_id::bigint + ${BLOCK} > r.settled_up_to AS young FROM tasker.tasker_retention r
), gone AS (
  DELETE FROM tasker.tasker_retention_blocks b
  USING state s
  WHERE b.first_task_id = :first_task_id AND b.next_at = :seen_at::timestamptz AND :empty AND NOT s.young
    AND NOT EXISTS (
      SELECT FROM tasker.tasker_tasks t WHERE t.task_id >= :first_task_id AND t.task_id < :first_task_id::bigint + ${BLOCK})
)
UPDATE tasker.tasker_retention_blocks b
SET next_at = least(
  :next_at::timestamptz,
  clock_timestamp() + make_interval(secs => :again_seconds),
  CASE WHEN s.young THEN clock_timestamp() + make_interval(secs => :young_seconds) END)
FROM state s
WHERE b.first_task_id = :first_task_id AND b.next_at = :seen_at::timestamptz AND (s.young OR NOT :empty)
RETURNING b.first_task_id`,
});

/** Makes the blocks of these tasks due, and enters those that have no row: a hold was removed, or the tasks are there again. */
export const visitTasks = defineStatement()({
  name: 'visit_retention_tasks',
  params: { task_ids: 'bigint[]' },
  text: `
INSERT INTO tasker.tasker_retention_blocks AS b (first_task_id)
SELECT DISTINCT i.task_id / ${BLOCK} * ${BLOCK} FROM unnest(:task_ids::bigint[]) AS i (task_id)
ON CONFLICT (first_task_id) DO UPDATE SET next_at = clock_timestamp()`,
});

/**
 * Makes every block due: a hold on a tag was removed. A row for each 1,000 tasks. Those that are due already are changed, too: one that is being
 * visited would otherwise be put off by what was read before.
 */
export const visitAllBlocks = defineStatement()({
  name: 'visit_all_retention_blocks',
  text: `UPDATE tasker.tasker_retention_blocks SET next_at = clock_timestamp()`,
});
