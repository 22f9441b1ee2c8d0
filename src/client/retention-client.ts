import { readRetentionReport, type RetentionReport } from '../engine/retention-report.ts';
import { Holds } from './holds.ts';
import type { ClientParts } from './client-parts.ts';
import { SearchPaths } from './search-paths.ts';
import { StatsClient } from './stats-client.ts';

/** What a client does about the time for which tasks are kept. */
export class RetentionClient extends StatsClient {
  /** Legal holds: tasks that are removed by nobody. */
  readonly holds: Holds;
  /** Paths of inputs by which tasks are found at once. */
  readonly search: SearchPaths;

  protected constructor(parts: ClientParts) {
    super(parts);
    this.holds = new Holds(parts.db, parts.acts);
    this.search = new SearchPaths(parts.db, parts.acts);
  }

  /**
   * How long the tasks of each workflow are kept, and what retention has removed. With `preview`, also what would go now, for which it
   * reads every task: seconds for each million.
   */
  async retention(options: { preview?: boolean } = {}): Promise<RetentionReport> {
    return readRetentionReport(this.db, { preview: options.preview === true });
  }
}
