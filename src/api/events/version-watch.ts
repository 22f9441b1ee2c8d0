/** Reads the versions of some topics, all of them at once. */
export interface VersionSource {
  /** How often, while somebody watches. */
  readonly everyMs: number;
  /** It costs next to nothing, so it is not read less often while it finds nothing new. */
  readonly steady?: boolean;
  /** Topics that are missing in what it returns are gone. */
  read(topics: readonly string[]): Promise<ReadonlyMap<string, string>>;
}

interface Watched {
  version: string | undefined;
  /** Reads in a row that found nothing new. */
  quiet: number;
  nextAt: number;
  /** Something has happened while it was being read. */
  again: boolean;
}

/** A read may take this share of the time: one of 20 ms comes every second, one of 100 ms every five. */
const SHARE = 1 / 50;
/** New topics of one moment are read together. */
const GATHER_MS = 50;
const MOST_FAILED_MS = 30_000;
/** After this many reads without news a topic is read half as often, then a third as often, and so on. */
const QUIET_READS = 10;
const MOST_SLOWED = 5;

/** Gone: the task was removed. */
const GONE = 'gone';

/**
 * Reads the versions of the topics that somebody watches: one read for all of them, however many watch, and none while nobody does. It backs off
 * if reads are slow, fail, or find nothing new.
 */
export class VersionWatch {
  private readonly source: VersionSource;
  private readonly onVersion: (topic: string, version: string) => void;
  private readonly topics = new Map<string, Watched>();
  private timer: NodeJS.Timeout | undefined;
  private timerAt = Number.POSITIVE_INFINITY;
  private reading = false;
  private earliest = 0;
  private failures = 0;
  private stopped = false;

  constructor(source: VersionSource, onVersion: (topic: string, version: string) => void) {
    this.source = source;
    this.onVersion = onVersion;
  }

  /** What it was last; undefined: it has not been read yet. */
  versionOf(topic: string): string | undefined {
    return this.topics.get(topic)?.version;
  }

  add(topic: string): void {
    if (this.topics.has(topic)) return;
    const now = performance.now();
    this.topics.set(topic, { version: undefined, quiet: 0, nextAt: now, again: false });
    this.wakeAt(now + GATHER_MS);
  }

  remove(topic: string): void {
    this.topics.delete(topic);
    if (this.topics.size === 0) this.clear();
  }

  /** Something has happened that may change all of them: they are read now. */
  wake(): void {
    const now = performance.now();
    for (const watched of this.topics.values()) {
      watched.nextAt = now;
      watched.again = true;
    }
    if (this.topics.size > 0) this.wakeAt(now);
  }

  stop(): void {
    this.stopped = true;
    this.topics.clear();
    this.clear();
  }

  private clear(): void {
    clearTimeout(this.timer);
    this.timerAt = Number.POSITIVE_INFINITY;
  }

  private wakeAt(wanted: number): void {
    const at = Math.max(wanted, this.earliest);
    if (this.reading || this.stopped || at >= this.timerAt) return;
    clearTimeout(this.timer);
    this.timerAt = at;
    this.timer = setTimeout(() => void this.tick(), Math.max(0, at - performance.now())).unref();
  }

  private async tick(): Promise<void> {
    this.timerAt = Number.POSITIVE_INFINITY;
    const began = performance.now();
    // What is nearly due comes along.
    const due = [...this.topics].filter(([, { nextAt }]) => nextAt <= began + this.source.everyMs / 4);
    if (due.length > 0) {
      this.reading = true;
      for (const [, watched] of due) watched.again = false;
      try {
        const versions = await this.source.read(due.map(([topic]) => topic));
        this.failures = 0;
        for (const [topic, watched] of due) this.take(topic, watched, versions.get(topic) ?? GONE);
      } catch {
        // The statement is in the metrics as failed; whoever watches sees what the pages themselves report.
        this.failures += 1;
      } finally {
        this.reading = false;
      }
      const now = performance.now();
      const slow = (now - began) / SHARE;
      const failed = this.failures === 0 ? 0 : Math.min(MOST_FAILED_MS, this.source.everyMs * 2 ** this.failures);
      this.earliest = this.failures > 0 || slow > this.source.everyMs ? now + Math.max(slow, failed) : now + GATHER_MS;
      for (const [, watched] of due) {
        const isSteady = this.source.steady === true;
        const slowed = isSteady ? 1 : Math.min(MOST_SLOWED, 1 + Math.floor(watched.quiet / QUIET_READS));
        watched.nextAt = watched.again ? now : now + this.source.everyMs * slowed;
      }
    }
    let next = Number.POSITIVE_INFINITY;
    for (const { nextAt } of this.topics.values()) next = Math.min(next, nextAt);
    if (next < Number.POSITIVE_INFINITY) this.wakeAt(next);
  }

  private take(topic: string, watched: Watched, version: string): void {
    // Somebody may have left meanwhile.
    if (this.topics.get(topic) !== watched) return;
    if (watched.version === version) {
      watched.quiet += 1;
      return;
    }
    watched.version = version;
    watched.quiet = 0;
    this.onVersion(topic, version);
  }
}
