import { defineStatement } from '../statement.ts';
import { boundOf, forEachHistory, HISTORY, USED } from './history-tables.ts';

/*
 * The first partition of each table of history is that of all old tasks. If nearly nothing is left of it and of the second, both are replaced
 * by one table, to which the history of the tasks that are left was copied, and dropped with all that was deleted from them: nothing is left
 * for a vacuum, and the number of partitions does not grow for ever. Ids below keep a place, so an old task can be restored.
 */

/** Tasks whose history is copied under the lock of the exchange, at most: some ten milliseconds. */
const COPIED_TASKS = 1000;

/** The first two partitions of each table of history, if the second is not the one in use or behind that: none if there are fewer. */
const FIRST_TWO = `(
    SELECT h.history::regclass AS history, min(b.part::text) FILTER (WHERE b.place = 1) AS first,
      min(b.part::text) FILTER (WHERE b.place = 2) AS second, min(b.until) FILTER (WHERE b.place = 2) AS until,
      min(b.name) FILTER (WHERE b.place = 1) AS name, min(b.owner) AS owner, min(b.options) FILTER (WHERE b.place = 2) AS options
    FROM unnest(${HISTORY}) AS h (history)
    CROSS JOIN LATERAL (
      SELECT c.oid::regclass AS part, c.relname AS name, pg_get_userbyid(c.relowner) AS owner,
        array_to_string(c.reloptions, ', ') AS options,
        ${boundOf('TO')} AS until,
        row_number() OVER (ORDER BY ${boundOf('TO')} NULLS LAST) AS place
      FROM pg_inherits i
      JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = h.history
    ) b
    GROUP BY h.history
  )`;

/** The tasks that are left, up to one more than may be copied. */
const tasksBelow = (until: string): string =>
  `SELECT t.task_id FROM tasker.tasker_tasks t WHERE t.task_id < ${until} ORDER BY t.task_id LIMIT ${COPIED_TASKS + 1}`;

const isFew = (until: string): string => `(SELECT count(*) FROM (${tasksBelow(until)}) few) <= ${COPIED_TASKS}`;

/** Condition on a row of FIRST_TWO: no task will have a new id there, and few tasks of the two are left. */
const DUE = `f.until <= ${USED}
    AND ${isFew('f.until')}`;

/** The tables of history whose first two partitions can be merged, and whether this role may. */
export const findHistoryToMerge = defineStatement<{ history: string; owned: boolean; role: string }>()({
  name: 'find_history_to_merge',
  text: `
SELECT f.history::text AS history, pg_has_role(f.owner, 'USAGE') AS owned, current_user AS role
FROM ${FIRST_TWO} f
WHERE ${DUE}`,
});

/**
 * Merges them. The lock of the table keeps claims and completions waiting for as long as the copy takes; the files are
 * removed when it is free again. What is left is decided under the lock.
 */
export const mergeHistory = defineStatement()({
  name: 'merge_history',
  text: forEachHistory(
    `SELECT f.* FROM ${FIRST_TWO} f WHERE f.second IS NOT NULL AND ${DUE}`,
    `
    next_name := part.name || '_merged';
    EXECUTE format('CREATE TABLE tasker.%I (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS) WITH (%s)', next_name, part.second, part.options);
    EXECUTE format('ALTER TABLE tasker.%I OWNER TO %I', next_name, part.owner);
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', part.history);
    -- By the keys of the tasks that are left, so that nothing of what was deleted is read.
    PERFORM set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true), set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true);
    EXECUTE format('INSERT INTO tasker.%I SELECT x.* FROM (${tasksBelow('%s')}) t CROSS JOIN LATERAL (SELECT * FROM %s a WHERE a.task_id = t.task_id UNION ALL SELECT * FROM %s b WHERE b.task_id = t.task_id) x',
      next_name, part.until, part.first, part.second);
    IF NOT ${isFew('part.until')} THEN
      RAISE EXCEPTION 'tasks were restored meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;
    EXECUTE format('ALTER TABLE %s DETACH PARTITION %s', part.history, part.first);
    EXECUTE format('ALTER TABLE %s DETACH PARTITION %s', part.history, part.second);
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION tasker.%I FOR VALUES FROM (MINVALUE) TO (%s)', part.history, next_name, part.until);
    EXECUTE format('DROP TABLE %s', part.first);
    EXECUTE format('DROP TABLE %s', part.second);
    EXECUTE format('ALTER TABLE tasker.%I RENAME TO %I', next_name, part.name);`,
  ),
});
