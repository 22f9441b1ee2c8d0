import type { Transactions } from '../../src/db/connections/database.ts';
import { countRunsOnce } from '../../src/engine/count-runs.ts';
import { readRunStats, type RunStats } from '../../src/reads/run-stats.ts';
import type { EngineFixture } from './engine-fixture.ts';

/** Everything up to now is due, and ids may be late by no time. */
export const NOW = {
  sliceSeconds: 0,
  settleSeconds: 0,
  youngSeconds: 0,
  limit: 1000,
  hoursKeptDays: 100,
  daysKeptDays: 1100,
};

export interface RunStatsFixture {
  /** Counts until everything that is over now is counted, as far as slices reach. Returns how many histories were read. */
  countAll(options?: typeof NOW, db?: Transactions): Promise<number>;
  /** Removes every task and everything that was counted. */
  reset(): Promise<void>;
  /** What ran in the last three days. */
  stats(): Promise<RunStats['rows']>;
  /** Null: of the tasks. */
  ofStep(step: string | null): Promise<RunStats['rows'][number] | undefined>;
}

export function runStatsOf({ db, test: { query } }: EngineFixture): RunStatsFixture {
  const stats = async () =>
    (await readRunStats(db, { since: new Date(Date.now() - 72 * 3_600_000), steps: true })).rows;
  return {
    async countAll(options = NOW, transactions = db) {
      const [now] = await query<{ at: Date }>('SELECT clock_timestamp() AS at');
      let tasks = 0;
      for (let round = 0; round < 5000; round += 1) {
        const counted = await countRunsOnce(transactions, options);
        tasks += counted.tasks;
        const [progress] = await query<{ done: boolean }>(
          `SELECT slice_until IS NULL AND counted_until > $1::timestamptz - make_interval(secs => $2) AS done
         FROM tasker.tasker_run_stats_progress`,
          [now?.at, options.sliceSeconds],
        );
        if (progress?.done === true) return tasks;
      }
      throw new Error('it does not end');
    },
    async reset() {
      await query(
        `TRUNCATE tasker.tasker_run_stats, tasker.tasker_run_stats_tasks, tasker.tasker_run_stats_progress, tasker.tasker_tasks,
       tasker.tasker_workflow_steps, tasker.tasker_workflow_step_edges, tasker.tasker_workflow_step_transitions,
       tasker.tasker_task_transitions, tasker.tasker_claims`,
      );
      await query('INSERT INTO tasker.tasker_run_stats_progress DEFAULT VALUES');
    },
    stats,
    ofStep: async (step) => (await stats()).find((row) => row.step === step),
  };
}
