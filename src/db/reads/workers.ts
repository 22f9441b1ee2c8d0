import { defineStatement } from '../statement.ts';

/** A process of the fleet. */
export interface WorkerRow {
  worker_id: string;
  role: string;
  name: string;
  version: string;
  queues: string[];
  slots: number;
  busy_slots: number;
  draining: boolean;
  started_at: Date;
  /** Since its last heartbeat. */
  silent_seconds: number;
  stopped_at: Date | null;
  stop_reason: string | null;
}

/** Processes of the fleet; also those that stopped if `stopped` is true. */
export const listWorkers = defineStatement<WorkerRow>()({
  name: 'list_workers',
  params: { stopped: 'boolean' },
  text: `
SELECT worker_id, role, name, version, queues, slots, busy_slots, draining, started_at,
  extract(epoch FROM clock_timestamp() - heartbeat_at)::float8 AS silent_seconds, stopped_at, stop_reason
FROM tasker.tasker_workers
WHERE :stopped OR stopped_at IS NULL
ORDER BY started_at, worker_id`,
});
