import { sameTask } from './same-task.ts';

/**
 * The swap that every state change makes: flip the old most_recent transition, insert the new one, the second depending on
 * the first. If nothing was flipped nothing is inserted, so a step or task whose history does not agree with its row cannot
 * silently grow a second branch.
 *
 * `source` is the CTE of changed rows; it has sort_key (already counted up) and the key columns. The other values are SQL
 * expressions over `r`, a row of `source`.
 */
interface Change {
  source: string;
  from: string;
  to: string;
  cause: string;
  claimId?: string;
  workerId?: string;
  metadata?: string;
  /** When it happened; default: now. Statements that write several rows set it, so that causes come before effects. */
  at?: string;
  /** The condition on rows of `source` that changed state, if not all of them did. */
  where?: string;
  /** True if a row may have no earlier transition: its state was the implicit `pending`. */
  mayBeFirst?: boolean;
  /**
   * Parameters: no task of `source` whose history is to change has an id below or above them. The tables of history are partitioned by task
   * ids, and a statement opens only the partitions between them; without them, every one. They have to be parameters: for what is computed in
   * the statement PostgreSQL opens all of them.
   */
  tasks?: TaskRange;
  prefix?: string;
}

interface TaskRange {
  lowest: string;
  highest?: string;
}

/** Parameters of a statement: the lowest and the highest id of the tasks of its batch. */
export const TASK_RANGE = { lowest_task: 'bigint', highest_task: 'bigint' } as const;

export const TASKS_OF_BATCH: TaskRange = { lowest: ':lowest_task::bigint', highest: ':highest_task::bigint' };

/**
 * Condition: only partitions of these tasks are opened. Each bound is written so that it chooses partitions and nothing else: with a plain
 * comparison the planner can also read an index from one bound to the other, for each row of the batch. In a partition that was empty when the
 * statement was planned, as the newest one is whenever it is made, that seems as cheap as to look the row up by its key. To read an index by two
 * conditions that are joined with OR never seems as cheap. An array (`>= ALL (ARRAY[...])`) would do it as well, and is made anew for each row: 0.5 us.
 */
const within = (column: string, { lowest, highest }: TaskRange): string =>
  [orBeyond(column, '>', lowest), ...(highest === undefined ? [] : [orBeyond(column, '<', highest)])].join(' AND ');

const orBeyond = (column: string, side: '<' | '>', bound: string): string =>
  `(${column} ${side}= ${bound} OR ${column} ${side} ${bound})`;

/**
 * A condition on the row `alias` of a step that is about to change: its last transition is in the snapshot of this statement.
 * A statement that locks rows which it found by their own state needs it. The row that it gets after the lock may be newer
 * than the statement's snapshot: ready when the statement began, then claimed and given back by another, and ready again.
 * The transitions of that detour are not in the snapshot, so the swap would find nothing to flip and write no history.
 * Such a row is left for the next poll. A scalar subquery, which PostgreSQL evaluates row by row and never hashes; for a step
 * without history it is not evaluated at all. Steps with a history whose task is not in the range `tasks` are left, too.
 */
export function lastTransitionSeen(alias: string, tasks: TaskRange): string {
  return `(${alias}.sort_key = 0 OR (
    SELECT seen.most_recent
    FROM tasker.tasker_workflow_step_transitions seen
    WHERE ${sameTask('seen.task_id', `${alias}.task_id`)}
      AND ${within('seen.task_id', tasks)}
      AND seen.workflow_step_id = ${alias}.workflow_step_id
      AND seen.sort_key = ${alias}.sort_key))`;
}

export function stepHistory(change: Change): string {
  return history(change, 'tasker_workflow_step_transitions', ['task_id', 'workflow_step_id']);
}

export function taskHistory(change: Change): string {
  return history({ prefix: 'task_', ...change }, 'tasker_task_transitions', ['task_id']);
}

function history(change: Change, table: string, keys: readonly string[]): string {
  const { source, from, to, cause, claimId = 'NULL', workerId = 'NULL', metadata = 'NULL' } = change;
  const flipped = `${change.prefix ?? ''}flipped`;
  const on = keys
    .map((key) => (key === 'task_id' ? sameTask('t.task_id', 'r.task_id') : `t.${key} = r.${key}`))
    .join(' AND ');
  const only = change.where === undefined ? '' : `\n    AND (${change.where})`;
  // For a row without an earlier transition there is nothing to look up.
  const hasEarlier = change.mayBeFirst === true ? '\n    AND r.sort_key > 1' : '';
  const values = [
    ...keys.map((key) => `r.${key}`),
    'r.sort_key',
    `(${from})::text AS from_state`,
    `(${to})::text AS to_state`,
    'true AS most_recent',
    `(${cause})::text AS cause`,
    `(${claimId})::uuid AS claim_id`,
    `(${workerId})::bigint AS worker_id`,
    `(${metadata})::jsonb AS metadata`,
    `${change.at ?? 'clock_timestamp()'} AS created_at`,
  ].join(', ');
  const columns = [
    ...keys,
    'sort_key, from_state, to_state, most_recent, cause, claim_id, worker_id, metadata, created_at',
  ].join(', ');
  // The flip returns the whole new row: joining it to its source again would compare every row with every other.
  return `${flipped} AS (
  UPDATE tasker.${table} t
  SET most_recent = false
  FROM ${source} r
  WHERE ${on}
    AND t.sort_key = r.sort_key - 1
    AND t.most_recent${change.tasks === undefined ? '' : `\n    AND ${within('t.task_id', change.tasks)}`}${hasEarlier}${only}
  RETURNING ${values}
), ${change.prefix ?? ''}history AS (
  INSERT INTO tasker.${table} (${columns})
  SELECT ${columns} FROM ${flipped}${
    change.mayBeFirst === true
      ? `
  UNION ALL
  SELECT ${values}
  FROM ${source} r
  WHERE r.sort_key = 1${only}`
      : ''
  }
)`;
}
