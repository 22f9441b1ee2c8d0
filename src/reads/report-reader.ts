import type { Database } from '../db/connections/database.ts';
import { isBusy, isSchemaMismatch, isSerializationFailure, isUnavailable } from '../db/connections/sql-errors.ts';
import { hasReplayed, primaryPosition, replicaState } from '../db/reads/replica.ts';
import { ConfigError, ReportUnavailableError } from '../errors.ts';

/** What to do while the replica cannot be read, or lags too far behind. */
export type ReportFallback = 'primary' | 'refuse';

export interface ReportSettings {
  readonly maxLagSeconds: number;
  readonly fallback: ReportFallback;
}

/** Where something was read. */
export interface ReportSource {
  readonly server: 'primary' | 'replica';
  /** Everything that was committed until then is in it; undefined: it was read from the primary, and is current. */
  readonly asOf: Date | undefined;
  /** Why the replica was not read although there is one. */
  readonly problem: string | undefined;
}

/** How long a replica may take for the last bit when its primary is idle. */
const CATCH_UP_MS = 500;
const CATCH_UP_POLL_MS = 50;
/** An unreachable replica is not tried again for this long: a read that falls back would wait for it each time. */
const AWAY_MS = 5000;

const CURRENT: ReportSource = { server: 'primary', asOf: undefined, problem: undefined };

/** The replica cannot be read as it is. */
class Unusable extends Error {}

/**
 * Reads reports from a replica, if there is one and it is recent enough, and from the primary otherwise. A replica has everything that was
 * committed up to some moment, and nothing later: each read reports which. Work may run twice, once on each server, so it only reads.
 */
export class ReportReader {
  private awayUntil = 0;
  private isSameInstallation = false;
  private newest: ReportSource = CURRENT;
  private readonly primary: Database;
  private readonly replica: Database | undefined;
  private readonly settings: ReportSettings;

  constructor(primary: Database, replica: Database | undefined, settings: ReportSettings) {
    this.primary = primary;
    this.replica = replica;
    this.settings = settings;
  }

  /** Of the last read. */
  get lastSource(): ReportSource {
    return this.newest;
  }

  /** Throws ReportUnavailableError if the replica cannot be used and `fallback` is `refuse`. */
  async read<T>(work: (db: Database) => Promise<T>): Promise<{ value: T; source: ReportSource }> {
    if (this.replica === undefined) return { value: await work(this.primary), source: CURRENT };
    let problem: string;
    try {
      const asOf = await this.asOf(this.replica);
      const value = await work(this.replica);
      return { value, source: (this.newest = { server: 'replica', asOf, problem: undefined }) };
    } catch (error) {
      problem = this.problemOf(error);
      if (this.settings.fallback === 'refuse') {
        throw new ReportUnavailableError(
          `the replica for reports ${problem}: wait for it, raise TASKER_REPORT_MAX_LAG_SECONDS (maxLagSeconds), or let reports fall back to the primary (TASKER_REPORT_FALLBACK, fallback)`,
          { problem, ...this.settings },
          { cause: error },
        );
      }
    }
    const value = await work(this.primary);
    return { value, source: (this.newest = { server: 'primary', asOf: undefined, problem }) };
  }

  async close(): Promise<void> {
    await this.replica?.close();
  }

  /** Up to when the replica has everything. Throws Unusable. */
  private async asOf(replica: Database): Promise<Date> {
    if (performance.now() < this.awayUntil) throw new Unusable('could not be reached some seconds ago');
    const [state] = await replica.run(replicaState);
    if (state?.in_recovery !== true) {
      throw new Unusable('is no replica: it is not in recovery, so it was promoted, or is the primary itself');
    }
    await this.checkInstallation(state.installation_id);
    const { maxLagSeconds } = this.settings;
    const lagMs = state.replayed_at === null ? Infinity : state.read_at.getTime() - state.replayed_at.getTime();
    if (state.replayed_at !== null && lagMs <= maxLagSeconds * 1000) return state.replayed_at;
    // It lags, or nothing was committed for that long: then it has all that the primary has.
    const asOf = await this.caughtUpAt(replica);
    if (asOf !== undefined) return asOf;
    const lag = lagMs === Infinity ? 'has received nothing yet' : `is ${Math.round(lagMs / 1000)} s behind`;
    throw new Unusable(`${lag}, and at most ${maxLagSeconds} s are allowed`);
  }

  private async caughtUpAt(replica: Database): Promise<Date | undefined> {
    const primary = await this.positionOfPrimary();
    if (primary?.position === undefined || primary.position === null) return undefined;
    const { position, read_at: asOf } = primary;
    for (const until = performance.now() + CATCH_UP_MS; performance.now() < until;) {
      const [row] = await replica.run(hasReplayed, { position });
      if (row?.replayed === true) return asOf;
      await new Promise((resolve) => setTimeout(resolve, CATCH_UP_POLL_MS));
    }
    return undefined;
  }

  /** Undefined: it cannot be reached, which is no reason not to read the replica. */
  private async positionOfPrimary() {
    try {
      const [row] = await this.primary.run(primaryPosition);
      return row;
    } catch (error) {
      if (isUnavailable(error)) return undefined;
      throw error;
    }
  }

  /** Another fleet's replica would show plausible tasks of somebody else. */
  private async checkInstallation(found: string | null): Promise<void> {
    if (this.isSameInstallation) return;
    const primary = await this.positionOfPrimary();
    if (primary === undefined) return;
    if (primary.installation_id !== found) {
      throw new ConfigError(
        `TASKER_REPORT_URL (report.url) leads to installation ${found ?? 'unknown'}, and the fleet is installation ${primary.installation_id ?? 'unknown'}: give the URL of a replica of this fleet's server, with the same database`,
      );
    }
    this.isSameInstallation = true;
  }

  /** What is wrong with the replica. Throws errors that are not about it. */
  private problemOf(error: unknown): string {
    if (error instanceof Unusable) return error.message;
    if (isSerializationFailure(error)) return 'cancelled the read, which was in the way of its replay';
    if (isSchemaMismatch(error)) return 'lacks a table or column that this version reads';
    if (!isUnavailable(error)) throw error;
    if (isBusy(error)) return 'has no room for another read now';
    this.awayUntil = performance.now() + AWAY_MS;
    return `cannot be reached (${(error as Error).message})`;
  }
}
