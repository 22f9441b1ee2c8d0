import { defineStatement } from '../statement.ts';

export interface FleetStatsRow {
  waiting_retries: number;
  blocked_steps: number;
  open_claims: number;
  workers_alive: number;
  schedulers_alive: number;
  slots: number;
  busy_slots: number;
}

/** Steps that are counted one by one: failures that nobody looks at gather over the years. */
const MOST_COUNTED = 10_000;

const upTo = (condition: string): string => `(
    SELECT count(*)::float8 FROM (SELECT FROM tasker.tasker_workflow_steps s WHERE ${condition} LIMIT ${MOST_COUNTED}) x)`;

/** Waiting and blocked steps, counted up to 10,000, open claims, processes and slots, each from a partial index or a small table. */
export const fleetStats = defineStatement<FleetStatsRow>()({
  name: 'fleet_stats',
  text: `
SELECT
  ${upTo('s.next_retry_at IS NOT NULL')} AS waiting_retries,
  ${upTo('s.blocked_at IS NOT NULL')} AS blocked_steps,
  (SELECT count(*)::float8 FROM tasker.tasker_claims) AS open_claims,
  w.workers_alive, w.schedulers_alive, w.slots, w.busy_slots
FROM (
  SELECT count(*) FILTER (WHERE role = 'worker')::float8 AS workers_alive,
    count(*) FILTER (WHERE role = 'scheduler')::float8 AS schedulers_alive,
    coalesce(sum(slots), 0)::float8 AS slots,
    coalesce(sum(busy_slots), 0)::float8 AS busy_slots
  FROM tasker.tasker_workers
  WHERE stopped_at IS NULL
) w`,
});
