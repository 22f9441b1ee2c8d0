import { defineStatement } from '../../statement.ts';
import { STRETCH, stretchOf, tagTerm } from '../rules/directory.ts';
import { inputTerm, isScalar, isSearched, valuesAt, VERSIONS_OF_PATH } from '../rules/search-paths.ts';

export interface DirectoryRow {
  /** A stretch whose tasks are to be entered anew; null: none. */
  untrusted: string | null;
  /** The next stretch, to whose part below `up_to` nothing is added any more; null: there is none yet. */
  next: string | null;
  up_to: string;
  /** The highest stretch without the values of a path of inputs; null: each has all of them. */
  unsearched: string | null;
  /** How many these are. */
  to_search: number;
  /** All of that is entered, and enough further ids are given out by now. */
  closes: boolean;
  /** Entered or compared longest ago, more than a day; null: none. */
  oldest: string | null;
  /** Ids that are not entered yet. */
  behind: number;
}

/**
 * This transaction's own number: every other one that has written has a lower one (see progress.ts of the run statistics, which wait for
 * the transactions of a moment in the same way).
 */
const OWN_NUMBER = 'pg_current_xact_id()::text::bigint';
/** The number behind the last one given out: a copy of the database may begin anew with lower numbers. */
const NEXT_NUMBER = 'pg_snapshot_xmax(pg_current_snapshot())::text::bigint';
const OLDEST_RUNNING = 'pg_snapshot_xmin(pg_current_snapshot())::text::bigint';
/** Ids that are entered at once: a stretch is entered in parts, each time with what it has by then. */
const PART = 4096;
const COMPARED_EVERY = `interval '1 day'`;

/**
 * Locks the directory for one transaction; no row if another one has it: a scheduler, or somebody who brings a task back. What is to be
 * done with it is read in the snapshot of this statement, and the tasks of a stretch in a later one, behind the lock.
 */
export const lockDirectory = defineStatement<DirectoryRow>()({
  name: 'lock_directory',
  params: { young_seconds: 'float8' },
  text: `
SELECT
  (SELECT s.stretch FROM tasker.tasker_directory_stretches s WHERE NOT s.trusted ORDER BY s.stretch DESC LIMIT 1) AS untrusted,
  CASE WHEN c.closed AND n.id < d.closing_up_to THEN ${stretchOf('n.id')} END AS next,
  greatest(d.entered_up_to, CASE WHEN c.closed THEN d.closing_up_to END) AS up_to,
  u.unsearched, coalesce(u.stretches, 0)::float8 AS to_search,
  (d.closing_up_to IS NULL OR d.closing_after >= ${NEXT_NUMBER} OR c.closed AND coalesce(n.id >= d.closing_up_to, true))
    AND l.id + 1 >= greatest(d.entered_up_to, coalesce(d.closing_up_to, 0)) + ${PART} AS closes,
  (SELECT s.stretch FROM tasker.tasker_directory_stretches s
   WHERE s.entered_at < clock_timestamp() - ${COMPARED_EVERY} ORDER BY s.entered_at LIMIT 1) AS oldest,
  greatest(l.id + 1 - greatest(d.entered_up_to, n.id), 0)::float8 AS behind
FROM tasker.tasker_directory d
CROSS JOIN LATERAL (SELECT (SELECT coalesce(max(t.task_id), 0) FROM tasker.tasker_tasks t) AS id) l
CROSS JOIN LATERAL (
  SELECT coalesce(${OLDEST_RUNNING} > d.closing_after
    AND d.closing_at <= clock_timestamp() - make_interval(secs => :young_seconds), false) AS closed
) c
CROSS JOIN LATERAL (
  SELECT (SELECT t.task_id FROM tasker.tasker_tasks t WHERE t.task_id >= d.entered_up_to ORDER BY t.task_id LIMIT 1) AS id
) n
LEFT JOIN LATERAL (
  SELECT max(s.stretch) AS unsearched, count(*) AS stretches
  FROM (SELECT max(p.enabled_at) AS at FROM tasker.tasker_search_paths p) e
  JOIN tasker.tasker_directory_stretches s ON s.trusted AND NOT ${isSearched('s', 'e.at')}
) u ON true
FOR NO KEY UPDATE OF d SKIP LOCKED`,
});

/**
 * The ids up to the highest one are given out. They may become visible later than it, but not by minutes, unless their
 * transaction runs on: the directory goes on when every transaction of this moment is over.
 */
export const closeStretches = defineStatement()({
  name: 'close_stretches',
  text: `
UPDATE tasker.tasker_directory
SET closing_up_to = (SELECT max(t.task_id) FROM tasker.tasker_tasks t) + 1,
    closing_after = ${OWN_NUMBER}, closing_at = clock_timestamp()`,
});

/**
 * Makes the entries of a stretch those of its tasks below `up_to`; the caller has locked the directory in a statement before. Entries that are right are
 * left as they are, so a stretch that is only compared is read and not written.
 */
export const enterStretch = defineStatement<{ tasks: number }>()({
  name: 'enter_stretch',
  params: { stretch: 'bigint', up_to: 'bigint' },
  text: `
WITH bounds AS MATERIALIZED (
  SELECT least((:stretch::bigint + 1) * ${STRETCH}, :up_to::bigint) AS up_to, clock_timestamp() AS at
), tasks AS MATERIALIZED (
  SELECT t.named_task_id, t.tags, (t.task_id - :stretch::bigint * ${STRETCH})::smallint AS place
  FROM tasker.tasker_tasks t
  WHERE t.task_id >= :stretch::bigint * ${STRETCH} AND t.task_id < (SELECT b.up_to FROM bounds b)
), entries AS MATERIALIZED (
  SELECT e.term, count(*)::integer AS tasks, array_agg(e.place ORDER BY e.place) AS places
  FROM (
    SELECT t.named_task_id::bigint AS term, t.place FROM tasks t
    UNION ALL
    SELECT DISTINCT ${tagTerm('g.tag')}, t.place
    FROM tasks t
    CROSS JOIN LATERAL jsonb_array_elements_text(CASE WHEN jsonb_typeof(t.tags) = 'array' THEN t.tags ELSE '[]' END) AS g (tag)
    WHERE g.tag IS NOT NULL
    UNION ALL
    SELECT DISTINCT ${inputTerm('p.path_id', 'v.value')}, (t.task_id - :stretch::bigint * ${STRETCH})::smallint
    FROM tasker.tasker_search_paths p
    ${VERSIONS_OF_PATH}
    JOIN tasker.tasker_tasks t ON t.named_task_id = k.named_task_id
      AND t.task_id >= :stretch::bigint * ${STRETCH} AND t.task_id < (SELECT b.up_to FROM bounds b)
    CROSS JOIN LATERAL ${valuesAt('p', 't.context')} AS v (value)
    WHERE ${isScalar('v.value')}
  ) e
  GROUP BY e.term
), removed AS (
  DELETE FROM tasker.tasker_directory_entries o
  WHERE o.stretch = :stretch::bigint AND NOT EXISTS (SELECT FROM entries e WHERE e.term = o.term)
), written AS (
  INSERT INTO tasker.tasker_directory_entries AS o (term, stretch, tasks, places)
  SELECT e.term, :stretch::bigint, e.tasks, e.places
  FROM entries e
  LEFT JOIN tasker.tasker_directory_entries x ON x.term = e.term AND x.stretch = :stretch::bigint
  WHERE x.places IS DISTINCT FROM e.places
  ON CONFLICT (term, stretch) DO UPDATE SET tasks = excluded.tasks, places = excluded.places
), emptied AS (
  DELETE FROM tasker.tasker_directory_stretches s WHERE s.stretch = :stretch::bigint AND NOT EXISTS (SELECT FROM tasks)
), entered AS (
  INSERT INTO tasker.tasker_directory_stretches (stretch, trusted, entered_at, searched_at)
  SELECT :stretch::bigint, true, b.at, b.at FROM bounds b WHERE EXISTS (SELECT FROM tasks)
  ON CONFLICT (stretch) DO UPDATE SET trusted = true, entered_at = excluded.entered_at, searched_at = excluded.searched_at
), moved AS (
  UPDATE tasker.tasker_directory d SET entered_up_to = b.up_to FROM bounds b WHERE d.entered_up_to < b.up_to
)
SELECT count(*)::integer AS tasks FROM tasks`,
});

/**
 * SQL of a CTE: the stretches of these tasks are not to be trusted until they are entered anew. For tasks that appear among the ids of the
 * directory, or change a term. Waits for a scheduler that is entering one, whose transaction would not see them; a scheduler that comes
 * after it waits in turn. `tasks`: selects task_id.
 */
export const distrusted = (tasks: string): string => `directory AS MATERIALIZED (
  SELECT d.entered_up_to FROM tasker.tasker_directory d FOR SHARE
), distrusted AS (
  INSERT INTO tasker.tasker_directory_stretches (stretch, trusted)
  SELECT DISTINCT ${stretchOf('t.task_id')}, false
  FROM (${tasks}) t
  CROSS JOIN directory d
  WHERE t.task_id < d.entered_up_to
  ON CONFLICT (stretch) DO UPDATE SET trusted = false
)`;

export const distrustStretches = defineStatement()({
  name: 'distrust_stretches',
  params: { task_ids: 'bigint[]' },
  text: `WITH ${distrusted('SELECT i.task_id FROM unnest(:task_ids::bigint[]) AS i (task_id)')} SELECT`,
});
