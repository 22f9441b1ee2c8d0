import { defineStatement } from '../../statement.ts';

/** What every scheduler goes by. */
export interface RetentionRow {
  /** TASKER_KEEP of the scheduler that started last. */
  keep: string;
  keep_set_at: Date | null;
  /** By which the blocks were computed. */
  policies: Readonly<Record<string, Readonly<Record<string, number>>>>;
  entered_up_to: string;
  settled_up_to: string;
  next_settled_up_to: string | null;
  /** The ids before it have had the time to become visible; null: there is none. */
  settles: boolean | null;
}

export const readRetention = defineStatement<RetentionRow>()({
  name: 'read_retention',
  params: { young_seconds: 'float8' },
  text: `
SELECT r.keep, r.keep_set_at, r.policies, r.entered_up_to, r.settled_up_to, r.next_settled_up_to,
  r.next_settled_at <= clock_timestamp() - make_interval(secs => :young_seconds) AS settles
FROM tasker.tasker_retention r`,
});

/** What the definition of a workflow version says about keeping its tasks. */
export interface KeepRow {
  named_task_id: number;
  namespace: string;
  name: string;
  version: string;
  /** Null: nothing. */
  keep: unknown;
}

const KEEPS = `
SELECT w.named_task_id, n.name AS namespace, w.name, w.version, w.configuration -> 'keep' AS keep
FROM tasker.tasker_named_tasks w
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = w.task_namespace_id`;

/** One row for each workflow version: some hundred. */
export const readKeeps = defineStatement<KeepRow>()({
  name: 'read_keeps',
  text: `${KEEPS}
ORDER BY w.named_task_id`,
});

/** One row for each version of one workflow. */
export const readKeepsOf = defineStatement<KeepRow>()({
  name: 'read_keeps_of',
  params: { namespace: 'text', name: 'text' },
  text: `${KEEPS}
WHERE n.name = :namespace AND w.name = :name
ORDER BY w.named_task_id`,
});

/** A scheduler has started with this TASKER_KEEP. Returns when, as text: a Date has no microseconds. */
export const announceKeep = defineStatement<{ set_at: string }>()({
  name: 'announce_keep',
  params: { keep: 'text' },
  text: `UPDATE tasker.tasker_retention SET keep = :keep, keep_set_at = clock_timestamp() RETURNING keep_set_at::text AS set_at`,
});

/**
 * Announces it again if the row is older than what this scheduler wrote: the database was restored from a backup, or is another one. A
 * scheduler that started later has written a later time.
 */
export const renewKeep = defineStatement<{ set_at: string }>()({
  name: 'renew_keep',
  params: { keep: 'text', set_at: 'timestamptz' },
  text: `
UPDATE tasker.tasker_retention
SET keep = :keep, keep_set_at = clock_timestamp()
WHERE keep_set_at IS NULL OR keep_set_at < :set_at::timestamptz
RETURNING keep_set_at::text AS set_at`,
});

/** Takes or renews the right to remove; no row: another scheduler has it. Only to save work: what is removed is decided under locks. */
export const leaseRetention = defineStatement<{ leased_until: Date }>()({
  name: 'lease_retention',
  params: { leased_by: 'uuid', seconds: 'float8' },
  text: `
UPDATE tasker.tasker_retention
SET leased_by = :leased_by, leased_until = clock_timestamp() + make_interval(secs => :seconds)
WHERE leased_by = :leased_by OR leased_until IS NULL OR leased_until <= clock_timestamp()
RETURNING leased_until`,
});

/** Records the policies by which blocks are computed from now on; `reset`: one is shorter than before, so every block is due. */
export const takePolicies = defineStatement()({
  name: 'take_retention_policies',
  params: { policies: 'jsonb', reset: 'boolean' },
  text: `
WITH due AS (
  UPDATE tasker.tasker_retention_blocks SET next_at = clock_timestamp() WHERE :reset
)
UPDATE tasker.tasker_retention SET policies = :policies::jsonb`,
});
