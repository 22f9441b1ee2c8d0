import type { HourStatsRow } from '../db/reads/run-stats.ts';
import { readHourStats, readRunStats, type RunStats } from '../reads/run-stats.ts';
import type { WaitStats } from '../reads/wait-stats.ts';
import { checkedHourStats, checkedStats } from './checked.ts';
import type { RunStatsOptions } from './client-options.ts';
import { TaskListClient } from './task-list-client.ts';

/** What a client reports in figures. */
export class StatsClient extends TaskListClient {
  /**
   * What ran, failed and was tried again in a time, and how long it waited and ran, by workflow. It reads sums that a scheduler keeps, so
   * months cost milliseconds; `countedUntil` says how far they are, minutes ago in general.
   */
  async stats(options: RunStatsOptions = {}): Promise<RunStats> {
    const filter = checkedStats(options);
    const { value, source } = await this.reports.read((db) => readRunStats(db, filter));
    return { ...value, asOf: source.asOf };
  }

  /** As `stats`, of one workflow: a row for each hour and version, as the views `tasker_workflow_hours` and `tasker_step_hours` have it. */
  async statsByHour(
    options: RunStatsOptions & { namespace: string; workflow: string },
  ): Promise<RunStats<HourStatsRow>> {
    const filter = checkedHourStats(options);
    const { value, source } = await this.reports.read((db) => readHourStats(db, filter));
    return { ...value, asOf: source.asOf };
  }

  /** How many calls wait, and what that has cost the database since the client was made: for the metrics of your program. */
  waitStats(): WaitStats {
    return this.parts.watcher.stats;
  }
}
