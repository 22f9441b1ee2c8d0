import { defineStatement } from '../statement.ts';
import { PARTITION_TASKS } from '../../scaling/partition-tasks.ts';
import { boundOf, forEachHistory, HISTORY, USED } from './history-tables.ts';

/*
 * The tables of history are partitioned by ranges of task ids. The last partition has no upper bound, so that every task has its
 * place even if no scheduler lives for weeks. Normally it is empty, one ahead of the tasks that are submitted: then giving it an upper bound, and making
 * another one behind it, is a matter of the catalogue. If it has rows, PostgreSQL has to know that they are below that bound: by reading
 * them under the lock if they are few, and by a check that was validated beforehand if they are many.
 */

/** A partition is made this many tasks before its first task is submitted. */
const AHEAD = 200_000;
/** What is read under the lock of an exchange, at most: some ten milliseconds. */
const READ_UNDER_LOCK_BYTES = 16 * 1024 * 1024;

/** The last partition of each table of history: none if it is not partitioned. */
const LAST = `(
    SELECT i.inhparent::regclass AS history, c.oid::regclass AS part, c.relname AS name,
      ${boundOf('FROM')} AS from_task,
      pg_relation_size(c.oid) AS bytes, pg_get_userbyid(c.relowner) AS owner, array_to_string(c.reloptions, ', ') AS options,
      substring(k.definition FROM '\\d{5,}')::bigint AS below, k.convalidated AS proven
    FROM unnest(${HISTORY}) AS h (history)
    JOIN pg_inherits i ON i.inhparent = h.history
    JOIN pg_class c ON c.oid = i.inhrelid
    LEFT JOIN LATERAL (
      SELECT pg_get_constraintdef(x.oid) AS definition, x.convalidated
      FROM pg_constraint x WHERE x.conrelid = c.oid AND x.conname = 'rows_below_bound'
    ) k ON true
    WHERE pg_get_expr(c.relpartbound, c.oid) LIKE '%TO (MAXVALUE)'
  )`;

/** Condition on a row of LAST: it is in use, or soon will be. */
const DUE = `l.from_task - ${AHEAD} <= ${USED}`;
/** Condition: it has too many rows to be read under a lock. */
const LARGE = `l.bytes > ${READ_UNDER_LOCK_BYTES}`;

/** The last partitions that need another one behind them, and whether this role may make it. */
export const findHistoryToExtend = defineStatement<{ history: string; large: boolean; owned: boolean; role: string }>()(
  {
    name: 'find_history_to_extend',
    text: `
SELECT l.history::text AS history, ${LARGE} AS large, pg_has_role(l.owner, 'USAGE') AS owned, current_user AS role
FROM ${LAST} l
WHERE ${DUE}`,
  },
);

const forEach = (where: string, work: string): string =>
  forEachHistory(`SELECT l.* FROM ${LAST} l WHERE ${DUE} AND ${where}`, work);

/** For a last partition with many rows: a check of its future bound, two partitions above what is in use. */
export const boundLargeHistory = defineStatement()({
  name: 'bound_large_history',
  text: forEach(
    `${LARGE} AND l.below IS NULL`,
    `
    bound := (${USED} / ${PARTITION_TASKS} + 3) * ${PARTITION_TASKS};
    EXECUTE format('ALTER TABLE %s ADD CONSTRAINT rows_below_bound CHECK (task_id < %s) NOT VALID', part.part, bound);`,
  ),
});

/** Reads them, beside running writes. */
export const proveLargeHistory = defineStatement()({
  name: 'prove_large_history',
  text: forEach(
    `l.below IS NOT NULL AND NOT l.proven`,
    `
    EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT rows_below_bound', part.part);`,
  ),
});

/** Gives the last partition its upper bound and makes the next one. Reads and writes of the history wait for some ten milliseconds. */
export const extendHistory = defineStatement()({
  name: 'extend_history',
  text: forEach(
    `(l.proven OR NOT ${LARGE})`,
    `
    bound := coalesce(part.below, (greatest(${USED}, part.from_task) / ${PARTITION_TASKS} + 1) * ${PARTITION_TASKS});
    next_name := regexp_replace(part.name, '\\d+$', '') || (substring(part.name FROM '\\d+$')::integer + 1);
    EXECUTE format('CREATE TABLE tasker.%I (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS) WITH (%s)', next_name, part.part, part.options);
    EXECUTE format('ALTER TABLE tasker.%I DROP CONSTRAINT IF EXISTS rows_below_bound', next_name);
    EXECUTE format('ALTER TABLE tasker.%I OWNER TO %I', next_name, part.owner);
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', part.history);
    EXECUTE format('ALTER TABLE %s DETACH PARTITION %s', part.history, part.part);
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)', part.history, part.part, part.from_task, bound);
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION tasker.%I FOR VALUES FROM (%s) TO (MAXVALUE)', part.history, next_name, bound);
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS rows_below_bound', part.part);`,
  ),
});
