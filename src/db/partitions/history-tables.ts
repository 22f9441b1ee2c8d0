/** What waits for this lock keeps every claim waiting behind it. */
const LOCK_TIMEOUT_MS = 200;

/** The tables of history, as an SQL array. */
export const HISTORY = `ARRAY['tasker.tasker_workflow_step_transitions', 'tasker.tasker_task_transitions']::regclass[]`;

/** The highest id of a task that may be in use, in SQL. */
export const USED = `greatest(
    coalesce((SELECT max(t.task_id) FROM tasker.tasker_tasks t), 0),
    coalesce(pg_sequence_last_value(pg_get_serial_sequence('tasker.tasker_tasks', 'task_id')::regclass), 0))`;

/** The id at which a partition begins or ends, in SQL; `c` is its row of pg_class. NULL: the lowest or highest of all ids. */
export const boundOf = (end: 'FROM' | 'TO'): string =>
  `substring(pg_get_expr(c.relpartbound, c.oid) FROM '${end} \\(''?(\\d+)')::bigint`;

/**
 * Changes the partitions of each table of history that `select` finds, by PL/pgSQL commands on the record `part`, with the variables `bound` and
 * `next_name`. One statement, so that no process that stops in the middle holds a lock.
 */
export const forEachHistory = (select: string, commands: string): string => `
DO $$
DECLARE
  part record;
  bound bigint;
  next_name text;
BEGIN
  -- One scheduler at a time: what another one finds afterwards is done already.
  IF NOT pg_try_advisory_xact_lock(hashtextextended('partitions of tasker.', 0)) THEN
    RETURN;
  END IF;
  PERFORM set_config('lock_timeout', '${LOCK_TIMEOUT_MS}ms', true);
  FOR part IN ${select}
  LOOP${commands}
  END LOOP;
END
$$`;
