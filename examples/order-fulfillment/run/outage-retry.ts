import { setTimeout as sleep } from 'node:timers/promises';
import type { RunDatabase } from './database.ts';
import { aborted } from './interrupts.ts';

/** A database that is unavailable for longer does not come back. */
const giveUpAfterMs = 60_000;
const pauseMs = 1000;

/** For queries to a database that may become unavailable and come back; an embedded one that died is started again. */
export class OutageRetry {
  /** How often the database became unavailable so far. */
  outages = 0;
  readonly #database: RunDatabase;
  readonly #note: (line: string) => void;
  readonly #stop: AbortSignal;

  constructor(database: RunDatabase, note: (line: string) => void, stop: AbortSignal) {
    this.#database = database;
    this.#note = note;
    this.#stop = stop;
  }

  /**
   * Repeats `work`, which must be repeatable, until it succeeds. Throws its last error after a minute, or when the run is
   * stopped.
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    for (let failures = 0; ; failures += 1) {
      try {
        // It may die again while it starts: starting it is part of the attempt.
        if (failures > 0) await this.#database.revive();
        return await work();
      } catch (error) {
        if (this.#stop.aborted || performance.now() - startedAt > giveUpAfterMs) throw error;
        if (failures === 0) {
          this.outages += 1;
          this.#note(`waiting for the database (${(error as Error).message})`);
        }
        await Promise.race([sleep(pauseMs), aborted(this.#stop)]);
      }
    }
  }
}
