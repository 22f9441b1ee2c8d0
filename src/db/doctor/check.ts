import { isFinal, STATES, STEP_TRANSITIONS, TASK_TRANSITIONS } from '../../workflow/states.ts';

/** One invariant of the data, as a read-only query that returns a row for each violation. */
export interface Check {
  /** Stable: alerts and runbooks refer to it. */
  id: string;
  title: string;
  /** What is at stake, and what to do about a violation. */
  why: string;
  /** Selects the keys of the violating rows; `examine` adds a limit. */
  sql: string;
}

/** Both kinds of entity with a history: the table, its history, and the key that they share. */
export const entities = [
  {
    entity: 'step',
    history: 'tasker.tasker_workflow_step_transitions',
    table: 'tasker.tasker_workflow_steps',
    keys: ['task_id', 'workflow_step_id'],
  },
  { entity: 'task', history: 'tasker.tasker_task_transitions', table: 'tasker.tasker_tasks', keys: ['task_id'] },
] as const;

/** The states in which a step or task is done, as an SQL list. */
export const DONE = `('complete', 'resolved_manually')`;

/** The final states, as an SQL list. */
export const FINAL = `(${STATES.filter(isFinal)
  .map((state) => `'${state}'`)
  .join(', ')})`;

/** The legal transitions of an entity as SQL rows of (from, to, cause). */
export const legalTransitions = (entity: 'step' | 'task'): string =>
  (entity === 'step' ? STEP_TRANSITIONS : TASK_TRANSITIONS)
    .flatMap(({ from, to, causes }) => causes.map((cause) => `('${from}', '${to}', '${cause}')`))
    .join(', ');

export const join = (left: string, right: string, keys: readonly string[]): string =>
  keys.map((key) => `${left}.${key} = ${right}.${key}`).join(' AND ');

export const columns = (alias: string, keys: readonly string[]): string =>
  keys.map((key) => `${alias}.${key}`).join(', ');

/**
 * SQL condition: the database clock is known (tasker_clock) to have been set back between two events, so that the later event has the
 * earlier time. A scheduler's last reading of the clock is up to 5 s old.
 */
export const acrossSetBack = (before: string, after: string): string => `EXISTS (
          SELECT FROM tasker.tasker_clock k
          WHERE ${after} >= k.set_back_to AND ${before} <= k.set_back_from + interval '10 s')`;

/**
 * SQL condition: the engine wrote this transition. Transitions of Tasker (Ruby) have no cause, or the cause `inherited` if their step
 * was renumbered.
 */
export const byEngine = (alias: string): string => `coalesce(${alias}.cause, 'inherited') <> 'inherited'`;
