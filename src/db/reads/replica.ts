import { defineStatement } from '../statement.ts';

export interface ReplicaStateRow {
  /** False: this server takes writes; it was promoted, or is the primary itself. */
  in_recovery: boolean;
  /** When the newest transaction that the replica has was committed; null: it has seen none since its start. */
  replayed_at: Date | null;
  /** By the clock of the replica. */
  read_at: Date;
  installation_id: string | null;
}

/** What a replica shows of its primary. */
export const replicaState = defineStatement<ReplicaStateRow>()({
  name: 'replica_state',
  text: `
SELECT pg_is_in_recovery() AS in_recovery, pg_last_xact_replay_timestamp() AS replayed_at, clock_timestamp() AS read_at,
  (SELECT i.installation_id FROM tasker.tasker_installation i) AS installation_id`,
});

/** How far the primary has written its log; `position` is null on a server that is in recovery itself. */
export const primaryPosition = defineStatement<{
  position: string | null;
  read_at: Date;
  installation_id: string | null;
}>()({
  name: 'primary_position',
  text: `
SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_flush_lsn()::text END AS position, clock_timestamp() AS read_at,
  (SELECT i.installation_id FROM tasker.tasker_installation i) AS installation_id`,
});

/** Whether a replica has everything up to a position of the primary's log. */
export const hasReplayed = defineStatement<{ replayed: boolean | null }>()({
  name: 'has_replayed',
  params: { position: 'text' },
  text: `SELECT pg_last_wal_replay_lsn() >= (:position::text)::pg_lsn AS replayed`,
});
