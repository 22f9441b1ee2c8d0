import { defineStatement } from '../../statement.ts';

/** What is watched of an operation that does not run. */
export interface HaltedOperation {
  operation_id: string;
  watched_to: string;
  window_began_at: Date;
}

/**
 * Takes operations that do not run, and of which it is not known yet how all that they did went on: paused and stopped ones, and those that
 * ended in the last `watched_seconds`. Reads the index of what has not ended, and the end of the one of what has.
 */
export const holdHaltedOperations = defineStatement<HaltedOperation>()({
  name: 'hold_halted_operations',
  params: { watched_seconds: 'float8', limit: 'integer' },
  text: `
WITH halted AS MATERIALIZED (
  SELECT o.operation_id
  FROM tasker.tasker_operations o
  WHERE o.state NOT IN ('done', 'aborted') AND o.state IN ('paused', 'stopped') AND o.settled < o.done
  UNION ALL
  SELECT o.operation_id
  FROM tasker.tasker_operations o
  WHERE o.ended_at > statement_timestamp() - make_interval(secs => :watched_seconds) AND o.settled < o.done
)
SELECT o.operation_id, o.watched_to, o.window_began_at
FROM tasker.tasker_operations o
WHERE o.operation_id = ANY (ARRAY(SELECT h.operation_id FROM halted h ORDER BY h.operation_id DESC LIMIT :limit))
  AND o.state IN ('paused', 'stopped', 'done', 'aborted')
ORDER BY o.operation_id
FOR UPDATE OF o SKIP LOCKED`,
});

/** Adds to a held operation what was found out about its items. */
export const settleHalted = defineStatement()({
  name: 'settle_halted_operation',
  params: {
    operation_id: 'bigint',
    settled: 'integer',
    came_back: 'integer',
    window_came_back: 'integer',
    watched_to: 'bigint',
  },
  text: `
UPDATE tasker.tasker_operations o
SET settled = o.settled + :settled,
    came_back = o.came_back + :came_back,
    window_came_back = o.window_came_back + :window_came_back,
    watched_to = :watched_to
WHERE o.operation_id = :operation_id`,
});
