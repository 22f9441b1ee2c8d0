import { setTimeout as sleep } from 'node:timers/promises';
import type { RunDatabase } from './database.ts';
import { aborted } from './interrupts.ts';

/** A database that is away for longer is not coming back. */
const databaseAwayMs = 60_000;
const pauseMs = 1000;

/** For questions to a database that may go away and come back; an embedded one that died is started again. */
export class Patience {
  /** How often the database went away so far. */
  outages = 0;
  readonly #database: RunDatabase;
  readonly #note: (line: string) => void;
  readonly #stop: AbortSignal;

  constructor(database: RunDatabase, note: (line: string) => void, stop: AbortSignal) {
    this.#database = database;
    this.#note = note;
    this.#stop = stop;
  }

  /** Repeats `work`, which must bear that, until it succeeds. Throws its last error after a minute, or when told to stop. */
  async until<T>(work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    for (let failures = 0; ; failures += 1) {
      try {
        // It may die again while it comes up: reviving is part of the attempt.
        if (failures > 0) await this.#database.revive();
        return await work();
      } catch (error) {
        if (this.#stop.aborted || performance.now() - startedAt > databaseAwayMs) throw error;
        if (failures === 0) {
          this.outages += 1;
          this.#note(`waiting for an answer (${(error as Error).message})`);
        }
        await Promise.race([sleep(pauseMs), aborted(this.#stop)]);
      }
    }
  }
}
