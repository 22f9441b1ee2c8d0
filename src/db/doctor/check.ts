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
 * The ids that belong in `children` of the step `parent`, as an SQL array: those of its edges. A step that Tasker (Ruby) had done before its
 * parent does not wait for it, so an open parent lacks it; once the parent is done it does not matter.
 */
export const childrenOf = (parent: string): string => `ARRAY(
        SELECT e.to_step_id FROM tasker.tasker_workflow_step_edges e
        WHERE e.task_id = ${parent}.task_id AND e.from_step_id = ${parent}.workflow_step_id
          AND (${parent}.state IN ${DONE} AND e.to_step_id = ANY (${parent}.children) OR NOT EXISTS (
            SELECT FROM tasker.tasker_workflow_steps k
            WHERE k.task_id = e.task_id AND k.workflow_step_id = e.to_step_id AND k.state IN ${DONE}
              AND (${parent}.state NOT IN ${DONE} OR EXISTS (
                SELECT FROM tasker.tasker_workflow_step_transitions h
                WHERE h.task_id = k.task_id AND h.workflow_step_id = k.workflow_step_id AND h.most_recent AND NOT ${byEngine('h')}))))
        ORDER BY e.to_step_id)`;

/**
 * SQL condition: the engine wrote this transition. Transitions of Tasker (Ruby) have no cause, or the cause `inherited` if their step
 * was renumbered.
 */
export const byEngine = (alias: string): string => `coalesce(${alias}.cause, 'inherited') <> 'inherited'`;
