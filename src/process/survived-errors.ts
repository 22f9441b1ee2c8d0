import { isUnavailable } from '../db/connections/sql-errors.ts';
import type { Logger } from '../logger.ts';

/** An error that comes again and again has a line this often. */
const REMIND_MS = 60_000;
/** A database that was away for less had no outage: one session ended, or one statement. */
const OUTAGE_MS = 1000;
/** What a process does at once and may fail; more than there are, as schedules have one each. */
const MOST_KINDS = 200;

interface Logged {
  readonly what: string;
  loggedAt: number;
  lastAt: number;
  unlogged: number;
}

/**
 * The lines about errors that a process survives. In an outage the same error comes from each loop several times a second: it is logged
 * once with its stack, then once in a minute with how often it came, and the end of the outage has a line.
 */
export class SurvivedErrors {
  private readonly logged = new Map<string, Logged>();
  /** Since when the database cannot be reached; undefined: it can be reached. */
  private awaySince: number | undefined;
  private readonly log: Logger;
  private readonly now: () => number;

  constructor(log: Logger, now: () => number = () => performance.now()) {
    this.log = log;
    this.now = now;
  }

  failed(doing: string, error: unknown): void {
    const at = this.now();
    if (isUnavailable(error)) this.awaySince ??= at;
    const what = describe(error);
    const known = this.logged.get(doing);
    if (known?.what !== what || at - known.lastAt > REMIND_MS) {
      this.logged.delete(doing);
      this.logged.set(doing, { what, loggedAt: at, lastAt: at, unlogged: 0 });
      const [oldest] = this.logged.keys();
      if (this.logged.size > MOST_KINDS && oldest !== undefined) this.logged.delete(oldest);
      this.log.warn({ doing, error }, `${doing} failed; going on`);
      return;
    }
    known.lastAt = at;
    known.unlogged += 1;
    if (at - known.loggedAt < REMIND_MS) return;
    this.log.warn({ doing, repeated: known.unlogged, reason: what }, `${doing} fails as before; going on`);
    known.loggedAt = at;
    known.unlogged = 0;
  }

  /** A statement succeeded. */
  succeeded(): void {
    if (this.awaySince === undefined) return;
    const awayMs = this.now() - this.awaySince;
    this.awaySince = undefined;
    if (awayMs < OUTAGE_MS) return;
    // Another outage is news, whatever its errors say.
    this.logged.clear();
    this.log.info({ seconds: Math.round(awayMs) / 1000 }, 'the database can be reached again');
  }
}

/** What makes two errors the same for a reader. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  return `${error.name}${typeof code === 'string' ? ` (${code})` : ''}: ${error.message}`;
}
