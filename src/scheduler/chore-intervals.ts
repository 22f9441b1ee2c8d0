/** How often chores run whose interval is no setting. */
export const INTERVALS_MS = {
  /** Rights are changed by hand, and rarely. */
  check_rights: 60_000,
  count_runs: 10_000,
  /** A partition is made hundreds of thousands of tasks ahead. */
  extend_history: 10_000,
  keep_acts: 5000,
  keep_directory: 10_000,
  /** It removes once a day. */
  prune_audit: 600_000,
  /** The due time does not matter to the second. */
  maintain: 10_000,
  merge_history: 60_000,
  remove_due_tasks: 5000,
  run_operations: 1000,
  watch_clock: 2000,
} as const;

/** The database is measured less often than its queues. */
export const databaseIntervalMs = (statsIntervalMs: number): number => statsIntervalMs * 3;

const MIN_PROMOTION_MS = 1000;
const MAX_PROMOTION_MS = 30_000;

/** A tenth of the wait after which a step is promoted, within bounds: no step is promoted much later. */
export const promotionIntervalMs = (afterSeconds: number): number =>
  Math.min(Math.max(afterSeconds * 100, MIN_PROMOTION_MS), MAX_PROMOTION_MS);
