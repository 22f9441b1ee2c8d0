import { acrossSetBack, byEngine, type Check, columns, entities, FINAL, join, legalTransitions } from './check.ts';

const RESTORE = 'The history is the source of truth: find out who changed it, and restore these rows from a backup.';

/** Invariants of the history of every step and every task. */
export const historyChecks: Check[] = entities.flatMap(({ entity, history, table, keys }): Check[] => {
  const by = columns('t', keys);
  return [
    {
      id: `${entity}_one_most_recent`,
      title: `every ${entity} with a history has exactly one most recent transition`,
      why: `The history has two branches, or no current row. Rows without a cause were written by Tasker (Ruby): set most_recent = false on all of them but the last (UPDATE ${history} SET most_recent = false). ${RESTORE}`,
      sql: `SELECT ${by} FROM ${history} t GROUP BY ${by} HAVING count(*) FILTER (WHERE t.most_recent) <> 1`,
    },
    {
      id: `${entity}_most_recent_is_last`,
      title: `the most recent transition of a ${entity} has the highest sort key`,
      why: `The current state is not the last one written. ${RESTORE}`,
      sql: `SELECT ${by} FROM ${history} t GROUP BY ${by} HAVING max(t.sort_key) FILTER (WHERE t.most_recent) <> max(t.sort_key)`,
    },
    {
      id: `${entity}_sort_keys_gapless`,
      title: `sort keys of a ${entity} run from 1 without gaps`,
      why: `Transitions are missing. ${RESTORE}`,
      // Migration 0005 of version 0.1.0 left the sort keys of Tasker (Ruby) (10, 20, ...) and its empty from_state in place.
      sql: `SELECT ${columns('c', keys)}, c.sort_key FROM (
        SELECT ${by}, t.sort_key, t.cause,
          lag(t.sort_key, 1, 0) OVER (PARTITION BY ${by} ORDER BY t.sort_key) AS before
        FROM ${history} t) c
        WHERE ${byEngine('c')} AND c.sort_key <> c.before + 1`,
    },
    {
      id: `${entity}_chain`,
      title: `each transition of a ${entity} starts from the state to which the one before it led`,
      why: `A state change was not recorded. ${RESTORE}`,
      sql: `SELECT ${columns('c', keys)}, c.sort_key FROM (
        SELECT ${by}, t.sort_key, t.from_state, t.cause,
          lag(t.to_state, 1, 'pending') OVER (PARTITION BY ${by} ORDER BY t.sort_key) AS expected
        FROM ${history} t) c
        WHERE ${byEngine('c')} AND c.from_state IS DISTINCT FROM c.expected`,
    },
    {
      id: `${entity}_legal_transitions`,
      title: `every transition of a ${entity} is legal and has a legal cause`,
      why: `Something other than the engine changed a state. ${RESTORE}`,
      sql: `SELECT ${by}, t.sort_key, t.from_state, t.to_state, t.cause FROM ${history} t
        WHERE ${byEngine('t')} AND (t.from_state, t.to_state, t.cause) NOT IN (VALUES ${legalTransitions(entity)})`,
    },
    {
      id: `${entity}_final_states_stay`,
      title: `nothing follows a final state of a ${entity}`,
      why: `A ${entity} that had ended was changed. ${RESTORE}`,
      sql: `SELECT ${by}, t.sort_key FROM ${history} t WHERE t.from_state IN ${FINAL}`,
    },
    {
      id: `${entity}_times_in_order`,
      title: `transitions of a ${entity} happened in the order of their sort keys`,
      why: 'Rows were written by hand, or the database clock was set back while no scheduler was running to record it. Latencies around that time are wrong; nothing needs to be mended.',
      sql: `SELECT ${columns('c', keys)}, c.sort_key FROM (
        SELECT ${by}, t.sort_key, t.created_at,
          lag(t.created_at) OVER (PARTITION BY ${by} ORDER BY t.sort_key) AS before
        FROM ${history} t WHERE ${byEngine('t')}) c
        WHERE c.created_at < c.before AND NOT ${acrossSetBack('c.before', 'c.created_at')}`,
    },
    {
      id: `${entity}_mirror`,
      title: `the state on the ${entity}'s row is that of its most recent transition`,
      why: `Views and claims use the row, operators read the history. Correct the row: set state and sort_key from the most recent transition.`,
      sql: `SELECT ${columns('s', keys)}, s.state, t.to_state FROM ${table} s
        LEFT JOIN ${history} t ON ${join('t', 's', keys)} AND t.most_recent
        WHERE s.state <> coalesce(t.to_state, 'pending') OR s.sort_key <> coalesce(t.sort_key, 0)`,
    },
    {
      id: `${entity}_history_without_row`,
      title: `every history belongs to a ${entity}`,
      why: `Rows were deleted from ${table} and not from its history. Delete the history too.`,
      sql: `SELECT DISTINCT ${by} FROM ${history} t LEFT JOIN ${table} s ON ${join('s', 't', keys)} WHERE s.task_id IS NULL`,
    },
  ];
});
