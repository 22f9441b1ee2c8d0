import { RateLimits } from '../../rate-limits.ts';
import { Problem } from '../problem.ts';

/** How long a row is believed without asking the database: one that is revoked is refused after this time at the latest. */
const KNOWN_MS = 5000;
/** What does not exist is remembered too, so that guesses cost no statements; bounded, so that they cost no memory. */
const MOST_KNOWN = 10_000;
/** Ids that were never good are looked up no more often, so that guesses cost the database next to nothing. */
const STRANGERS_PER_SECOND = 100;

/** Rows that prove who asks, by their ids: those that were used lately. */
export class Remembered<Row> {
  private readonly read: (id: string) => Promise<Row | undefined>;
  private readonly known = new Map<string, { row: Promise<Row | undefined>; until: number }>();
  private readonly good = new Set<string>();
  private readonly strangers = new RateLimits(STRANGERS_PER_SECOND);

  constructor(read: (id: string) => Promise<Row | undefined>) {
    this.read = read;
  }

  /** Throws Problem if too many are asked for that are not known. */
  find(id: string): Promise<Row | undefined> {
    const now = performance.now();
    const known = this.known.get(id);
    if (known !== undefined && known.until > now) return known.row;
    if (!this.good.has(id) && this.strangers.take('all', 1).waitSeconds > 0) {
      throw new Problem('TOO_MANY_REQUESTS', 'too many keys that are not known: ask again in a moment', {
        headers: { 'retry-after': '1' },
      });
    }
    if (this.known.size >= MOST_KNOWN) this.known.clear();
    const row = this.load(id);
    this.known.set(id, { row, until: now + KNOWN_MS });
    // A database that was away for a moment is asked again.
    row.catch(() => this.known.delete(id));
    return row;
  }

  forget(id: string): void {
    this.known.delete(id);
  }

  private async load(id: string): Promise<Row | undefined> {
    const row = await this.read(id);
    if (row === undefined) return undefined;
    if (this.good.size >= MOST_KNOWN) this.good.clear();
    this.good.add(id);
    return row;
  }
}
