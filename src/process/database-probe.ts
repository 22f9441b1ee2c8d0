import type { Database } from '../db/connections/database.ts';
import { isBusy } from '../db/connections/sql-errors.ts';
import { ping } from '../db/statements/server/ping.ts';
import type { Health } from './server.ts';
import { withTimeout } from './with-timeout.ts';

/** A probe of Kubernetes waits 3 s; what is slower than this is reported as it is. */
const RESPONSE_MS = 1000;
/**
 * For how long a process whose statements do not end counts as one with a peak. Out of service it would not be any faster, and of several processes of the API
 * all would go at once: those that ask get an error in either case, but one that says to come again only from a process that is in service.
 */
const PEAK_SECONDS = 10;

/**
 * Whether a process has a database to work with, for its readiness. What its own statements show comes first: with all sessions in use there is none to ask with, and that
 * is no failure while statements end. An error of the database itself, or of the way to it, counts at once.
 */
export class DatabaseProbe {
  private readonly db: Pick<Database, 'pool' | 'run'>;
  private readonly now: () => number;
  private succeededAt: number;
  private pinging: Promise<unknown> | undefined;

  constructor(db: Pick<Database, 'pool' | 'run'>, now: () => number = () => performance.now()) {
    this.db = db;
    this.now = now;
    this.succeededAt = now();
  }

  /** A statement of the process has succeeded. */
  succeeded(): void {
    this.succeededAt = this.now();
  }

  /** Resolves within a second or so. Of a process that is ready, the reasons say what is short. */
  async check(): Promise<Health> {
    const { pool } = this.db;
    const { max } = pool.options;
    if (pool.totalCount >= max && pool.idleCount === 0) {
      const waiting = pool.waitingCount === 0 ? '' : `, and ${pool.waitingCount} more are asked for`;
      return this.peak(`all ${max} sessions of the pool (TASKER_POOL_SIZE) are in use${waiting}`);
    }
    // One at a time: those of probes that were given up would fill the pool.
    this.pinging ??= this.db.run(ping).finally(() => (this.pinging = undefined));
    try {
      if (await withTimeout(this.pinging, RESPONSE_MS)) return { ok: true, reasons: [] };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (isBusy(error)) return this.peak(`the database has no room now: ${message}`);
      return { ok: false, reasons: [`the database cannot be used: ${message}`] };
    }
    return this.peak(`the database has not responded within ${RESPONSE_MS / 1000} s`);
  }

  /** Ready as long as it may be a peak. */
  private peak(what: string): Health {
    const seconds = (this.now() - this.succeededAt) / 1000;
    if (seconds < PEAK_SECONDS) return { ok: true, reasons: [what] };
    return { ok: false, reasons: [`${what}; no statement of this process has ended well for ${seconds.toFixed(0)} s`] };
  }
}
