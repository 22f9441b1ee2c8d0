import { defineStatement, rows } from '../../statement.ts';
import { isOpen } from '../rules/open-states.ts';
import { insertRows } from './archived-rows.ts';

/** The tasks of an identity that was used again and that are in the tables. */
export const findGenerations = defineStatement<{ generation: number; task_id: string }>()({
  name: 'find_generations',
  params: { identity_hash: 'text' },
  text: `SELECT d.generation, d.task_id FROM tasker.tasker_identities d WHERE d.identity_hash = :identity_hash`,
});

/** Writes down that tasks of an object are in the tables again. */
export const recordRestores = defineStatement<{ keep_until: Date }>()({
  name: 'record_restores',
  params: {
    archive_id: 'bigint',
    task_ids: 'bigint[]',
    keep_seconds: 'float8',
    requested_by: 'text | null',
    reason: 'text | null',
  },
  text: `
INSERT INTO tasker.tasker_archive_restores (archive_id, task_id, keep_until, requested_by, reason)
SELECT :archive_id, i.task_id, clock_timestamp() + make_interval(secs => :keep_seconds::float8), :requested_by, :reason
FROM unnest(:task_ids::bigint[]) AS i (task_id)
RETURNING keep_until`,
});

/** The present ids of workflow versions and step names of these names. */
export const findStepIds = defineStatement<{ named_step_id: number; name: string }>()({
  name: 'find_step_ids',
  params: { names: 'text[]' },
  text: `SELECT s.named_step_id, s.name FROM tasker.tasker_named_steps s WHERE s.name = ANY (:names::text[])`,
});

/**
 * Writes archived rows back, with their ids, histories and times; only the ids of workflows and step names are those that these have now. What is
 * not final is listed for the run statistics, as every open task is.
 */
export const restoreRows = defineStatement<{ task_id: string }>()({
  name: 'restore_rows',
  params: {
    lines: 'text[]',
    workflows: rows({ archived: 'integer', present: 'integer' }),
    steps: rows({ archived: 'integer', present: 'integer' }),
  },
  text: `
WITH lines AS MATERIALIZED (
  SELECT l.text::jsonb AS line FROM unnest(:lines::text[]) AS l (text)
), workflows AS MATERIALIZED (
  SELECT w.archived, w.present FROM :workflows AS w
), named_steps AS MATERIALIZED (
  SELECT n.archived, n.present FROM :steps AS n
), tasks AS (
  ${insertRows('task', { named_task_id: present('workflows', 'named_task_id') })}
  RETURNING task_id, state
), identities AS (
  ${insertRows('identity')}
), steps AS (
  ${insertRows('step', {
    named_task_id: present('workflows', 'named_task_id'),
    named_step_id: present('named_steps', 'named_step_id'),
  })}
), edges AS (
  ${insertRows('edge')}
), step_history AS (
  ${insertRows('step_transition')}
), task_history AS (
  ${insertRows('task_transition')}
), imported AS (
  ${insertRows('imported')}
  ON CONFLICT (source, source_task_id) DO UPDATE
  SET task_id = excluded.task_id, reason = excluded.reason, details = excluded.details
), listed AS (
  INSERT INTO tasker.tasker_run_stats_tasks (task_id)
  SELECT t.task_id
  FROM tasks t
  JOIN tasker.tasker_run_stats_progress p ON t.task_id <= coalesce(p.slice_listed_up_to, p.listed_up_to)
  WHERE ${isOpen('t')}
  ON CONFLICT DO NOTHING
)
SELECT t.task_id FROM tasks t ORDER BY t.task_id`,
});

function present(table: string, column: string): string {
  return `(SELECT m.present FROM ${table} m WHERE m.archived = (l.line ->> '${column}')::integer)`;
}

/** New tasks get ids above this one: a database that was restored to an earlier time may not have given it out yet. */
export const giveIdsAbove = defineStatement()({
  name: 'give_ids_above',
  params: { task_id: 'bigint' },
  text: `
SELECT setval(q.sequence, :task_id::bigint)
FROM (SELECT pg_get_serial_sequence('tasker.tasker_tasks', 'task_id')::regclass AS sequence) q
WHERE coalesce(pg_sequence_last_value(q.sequence), 0) < :task_id::bigint`,
});
