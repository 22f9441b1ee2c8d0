import { type Jitter, withJitter } from '../../backoff.ts';
import type { Database } from '../../db/connections/database.ts';
import { quarantined } from '../../engine/quarantine.ts';

/** A process that runs quarantined steps, one at a time, and ends when there are none. */
export interface QuarantineProcess {
  readonly exited: Promise<void>;
  /** Asks it to drain. */
  stop(): Promise<void>;
}

export interface QuarantineWatchOptions {
  db: Database;
  queues: readonly string[];
  namedTaskIds: () => readonly number[];
  intervalMs: number;
  /** Between two looks that find nothing, while hints arrive. */
  restIntervalMs: number;
  hinted: () => boolean;
  /** Starts such a process. Absent: `runHere` runs the steps beside the others. */
  start: (() => QuarantineProcess) | undefined;
  /** Runs one step of this queue in the worker itself. */
  runHere: (queue: string) => Promise<void>;
  onError: (what: string, error: unknown) => void;
}

/** Wide: the notification that wakes one worker wakes the whole fleet. */
const SPREAD: Jitter = [0.5, 1.5];

/** Looks after steps in quarantine: of a fleet, about as many workers start a process for them as there are steps. */
export class QuarantineWatch {
  private readonly options: QuarantineWatchOptions;
  private timer: NodeJS.Timeout | undefined;
  private child: QuarantineProcess | undefined;
  private stopped = false;
  /** The last look found nothing. */
  private resting = false;
  private looking: Promise<void> = Promise.resolve();

  constructor(options: QuarantineWatchOptions) {
    this.options = options;
  }

  start(): void {
    if (this.stopped) return;
    const { intervalMs, restIntervalMs, hinted } = this.options;
    clearTimeout(this.timer);
    this.timer = setTimeout(
      () => {
        this.timer = undefined;
        this.looking = this.look().finally(() => this.start());
      },
      withJitter(this.resting && hinted() ? restIntervalMs : intervalMs, SPREAD),
    ).unref();
  }

  /** There may be steps in quarantine, or hints arrive no longer. The look is not at once: the whole fleet heard it. */
  wake(): void {
    if (!this.resting) return;
    this.resting = false;
    if (this.timer !== undefined) this.start();
  }

  /** Somebody else looked, and found nothing. */
  rested(): void {
    if (this.resting && this.timer !== undefined) this.start();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.looking;
    await this.child?.stop();
  }

  private async look(): Promise<void> {
    const { options } = this;
    // A worker starts one process at a time, so there is nothing to find out while that one runs.
    if (this.child !== undefined) return;
    this.resting = true;
    try {
      const found = await quarantined(options.db, { queues: options.queues, namedTaskIds: options.namedTaskIds() });
      if (found.length > 0) this.resting = false;
      if (found.length === 0 || this.stopped) return;
      if (options.start === undefined) {
        for (const { queue } of found) await options.runHere(queue);
        return;
      }
      const waiting = found.reduce((sum, row) => sum + row.waiting, 0);
      const { serving = 0, workers = 1 } = found[0] ?? {};
      if (Math.random() * Math.max(1, workers) >= waiting - serving) return;
      const child = options.start();
      this.child = child;
      void child.exited.finally(() => {
        this.child = undefined;
      });
    } catch (error) {
      this.resting = false;
      options.onError('look into the quarantine', error);
    }
  }
}
