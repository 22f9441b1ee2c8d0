import { withoutSignal } from '../db/connections/canceller.ts';
import type { Executor } from '../db/connections/database.ts';
import { readTopicVersions } from '../db/reads/topic-versions.ts';
import type { ReadPace } from './http/read-pace.ts';

/** One row of one table that is empty in general. On a slow database it is read less often, but never as rarely as what costs more. */
const LEAST_KEPT_MS = 1000;
const MOST_KEPT_MS = 3000;

/**
 * The version of what is paused, the same that the topic `pauses` has: another text whenever something else is paused. One read for all who ask within a
 * second, and none while nobody does. Time counts from the begin of a read: whoever asks while a slow one is under way may need a later one.
 */
export class PausesVersion {
  private readonly db: Executor;
  private readonly pace: ReadPace;
  private keptMs = LEAST_KEPT_MS;
  private last: { readonly value: Promise<string>; readonly until: number } | undefined;

  constructor(db: Executor, pace: ReadPace) {
    this.db = db;
    this.pace = pace;
  }

  read(): Promise<string> {
    const began = performance.now();
    if (this.last !== undefined && began < this.last.until) return this.last.value;
    // Others wait for it too: it does not end with the request that began it.
    const value = withoutSignal(async () => {
      const [row] = await this.db.run(readTopicVersions, { topics: ['pauses'] });
      return row?.version ?? '';
    });
    const last = { value, until: began + this.keptMs };
    this.last = last;
    void value.then(
      () => {
        const slow = this.pace.keptFor(performance.now() - began);
        this.keptMs = Math.max(LEAST_KEPT_MS, Math.min(MOST_KEPT_MS, slow));
        return last;
      },
      () => {
        if (this.last === last) this.last = undefined;
      },
    );
    return value;
  }

  /** The next to ask gets what is paused then. */
  forget(): void {
    this.last = undefined;
  }
}
