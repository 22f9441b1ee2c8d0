import { defineStatement } from '../../statement.ts';

/** What can be paused. */
export type PauseKind = 'queue' | 'workflow';

/** Condition: the pause `p` has not ended. `at`: when; default: now. */
export const isPause = (p: string, at = 'clock_timestamp()'): string => `(${p}.until IS NULL OR ${p}.until > ${at})`;

/**
 * What is paused, as a worker takes it over: a JSON array of [kind, name, seconds until it ends by itself or null]. NULL: nothing. It reads
 * one table that is empty in general, inside a statement that is sent anyway.
 */
export const PAUSES_TEXT = `(
    SELECT jsonb_agg(jsonb_build_array(p.kind, p.name, extract(epoch FROM p.until - clock_timestamp())) ORDER BY p.kind, p.name)::text
    FROM tasker.tasker_pauses p
    WHERE ${isPause('p')})`;

/** A pause of a queue or of a workflow, as `pauses` lists it. */
export interface PauseRow {
  kind: PauseKind;
  /** Of a queue; of a workflow `namespace/name`. */
  name: string;
  by: string;
  reason: string | null;
  paused_at: Date;
  /** When it ends by itself; null: never. */
  until: Date | null;
}

export const listPauses = defineStatement<PauseRow>()({
  name: 'list_pauses',
  text: `
SELECT p.kind, p.name, p.by, p.reason, p.paused_at, p.until
FROM tasker.tasker_pauses p
WHERE ${isPause('p')}
ORDER BY p.kind, p.name`,
});

/** For how long each has been paused. */
export const measuredPauses = defineStatement<{ kind: PauseKind; name: string; seconds: number }>()({
  name: 'measured_pauses',
  text: `
SELECT p.kind, p.name, greatest(extract(epoch FROM clock_timestamp() - p.paused_at), 0)::float8 AS seconds
FROM tasker.tasker_pauses p
WHERE ${isPause('p')}`,
});

/** Whether a queue is served, used or full, or a workflow registered: a pause of a name that was mistyped would stop nothing. */
export const findPausable = defineStatement<{ known: boolean }>()({
  name: 'find_pausable',
  params: { kind: 'text', name: 'text' },
  text: `
SELECT CASE :kind::text
  WHEN 'queue' THEN EXISTS (SELECT FROM tasker.tasker_workers w WHERE w.stopped_at IS NULL AND :name::text = ANY (w.queues))
    OR EXISTS (
      SELECT FROM tasker.tasker_workflow_steps s
      WHERE s.ready_at IS NOT NULL AND s.queue = :name::text)
    OR EXISTS (
      SELECT FROM tasker.tasker_named_tasks k, jsonb_array_elements(
        CASE WHEN jsonb_typeof(k.configuration -> 'steps') = 'array' THEN k.configuration -> 'steps' ELSE '[]' END) e
      WHERE e ->> 'queue' = :name::text)
  ELSE EXISTS (
    SELECT FROM tasker.tasker_named_tasks k
    JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
    WHERE n.name || '/' || k.name = :name::text)
  END AS known`,
});

/** Pauses, or replaces the pause with another end or reason; `paused_at` stays. `until`: from now on, in seconds. */
export const writePause = defineStatement<{ until: Date | null; existed: boolean }>()({
  name: 'write_pause',
  params: { kind: 'text', name: 'text', by: 'text', reason: 'text | null', seconds: 'float8 | null' },
  text: `
INSERT INTO tasker.tasker_pauses AS p (kind, name, by, reason, until)
VALUES (:kind, :name, :by, :reason, clock_timestamp() + make_interval(secs => :seconds::float8))
ON CONFLICT (kind, name) DO UPDATE
SET by = EXCLUDED.by, reason = EXCLUDED.reason, until = EXCLUDED.until,
    paused_at = CASE WHEN ${isPause('p')} THEN p.paused_at ELSE EXCLUDED.paused_at END
RETURNING p.until, p.paused_at < statement_timestamp() AS existed`,
});

/** Returns no row if it was not paused, and `paused` false if the pause had ended by itself. */
export const deletePause = defineStatement<{ paused: boolean }>()({
  name: 'delete_pause',
  params: { kind: 'text', name: 'text' },
  text: `
DELETE FROM tasker.tasker_pauses p
WHERE p.kind = :kind AND p.name = :name
RETURNING ${isPause('p')} AS paused`,
});

/** Pauses that ended by themselves: nobody reads them any more. */
export const pruneEndedPauses = defineStatement<{ kind: PauseKind; name: string }>()({
  name: 'prune_ended_pauses',
  text: `
DELETE FROM tasker.tasker_pauses p
WHERE p.until <= clock_timestamp()
RETURNING p.kind, p.name`,
});
