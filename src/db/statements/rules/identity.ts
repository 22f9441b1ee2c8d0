import { sameTask } from './same-task.ts';

/**
 * Which task holds an identity. The first task of an identity has it as its identity_hash, and the unique index on that column decides
 * between submits at once. If a reuse rule lets a later task replace it, that one is the next generation: its identity_hash is
 * `<identity>~<generation>`, under the same unique index, and tasker_identities lists both. No row changes its hash, so the idempotency
 * keys, which are made of it, stay what they were, and those of the new task are others.
 */

/** The identity_hash of the task of a generation from 2 on. */
export const hashOfGeneration = (identity: string, generation: string): string =>
  `${identity} || '~' || (${generation})`;

/** The identity_hash of the task that the rerun of this ordinal, from 1 on, has made of a task. */
export const hashOfRerun = (identity: string, ordinal: string): string => `${identity} || '~r' || (${ordinal})`;

/** The latest generation of the identity `identity`: one row with `generation` and `task_id`, or none if it was never used again. */
export const latestGeneration = (identity: string): string => `
    SELECT d.generation, d.task_id
    FROM tasker.tasker_identities d
    WHERE d.identity_hash = ${identity}
    ORDER BY d.generation DESC
    LIMIT 1
  `;

/** The id of the task that holds the identity `identity`; NULL: none. Two look-ups in unique indexes. */
export const holderOf = (identity: string): string => `coalesce(
    (SELECT l.task_id FROM (${latestGeneration(identity)}) l),
    (SELECT f.task_id FROM tasker.tasker_tasks f WHERE f.identity_hash = ${identity}))`;

/** Selects the ids (`task_id`) of every task of the identity `identity`, of each generation. */
export const tasksOfIdentity = (identity: string): string => `
    SELECT f.task_id FROM tasker.tasker_tasks f WHERE f.identity_hash = ${identity}
    UNION ALL
    SELECT d.task_id FROM tasker.tasker_identities d WHERE d.identity_hash = ${identity}`;

/** The id of another task of the identity of the task `task`: the next one in this direction of generations. */
const neighbourOf = (task: string, ahead: '>' | '<', order: 'ASC' | 'DESC'): string => `(
    SELECT other.task_id
    FROM tasker.tasker_identities own
    JOIN tasker.tasker_identities other ON other.identity_hash = own.identity_hash AND other.generation ${ahead} own.generation
    WHERE own.task_id = ${task}.task_id
    ORDER BY other.generation ${order}
    LIMIT 1)`;

/** The id of the task that took over the identity of the task `task`; NULL: none did. */
export const successorOf = (task: string): string => neighbourOf(task, '>', 'ASC');

/** The id of the task whose identity the task `task` took over; NULL: none. */
export const predecessorOf = (task: string): string => neighbourOf(task, '<', 'DESC');

/** When the task `task` ended or went to error. Only its last transition has the time of an error. */
export const endedAt = (task: string): string => `coalesce(${task}.completed_at, (
    SELECT x.created_at
    FROM tasker.tasker_task_transitions x
    WHERE ${sameTask('x.task_id', `${task}.task_id`)} AND x.sort_key = ${task}.sort_key))`;

/**
 * The task `task` gives its identity to the submit `request`, by that submit's rule. Without an operator a task in one of these states
 * stays in it.
 */
export const givesIdentity = (task: string, request: string): string => `(
    ${task}.state IN ('error', 'cancelled') OR ${request}.reuse = 'afterEnd' AND ${task}.state IN ('complete', 'resolved_manually')
  ) AND (
    ${request}.reuse_after_seconds IS NULL
    OR ${endedAt(task)} <= clock_timestamp() - make_interval(secs => ${request}.reuse_after_seconds))`;
