import { FULL_JITTER, QUARTER_JITTER, withJitter } from '../backoff.ts';

/**
 * Something that a scheduler does at regular intervals. `run` does one round and returns how much it did; `more`: the round did as
 * much as one round may, so the next follows at once.
 */
export interface Chore {
  readonly name: string;
  readonly intervalMs: number;
  run(): Promise<{ done: number; more: boolean }>;
}

export interface ChoreEvents {
  swept(chore: string, info: { done: number; seconds: number }): void;
  failed(chore: string, error: unknown): void;
}

/** Rounds in a row without a pause; bounds how long one chore can keep the database busy. */
const MAX_ROUNDS = 100;

/** Runs one chore on its interval, with jitter, until it is stopped. A round that fails is reported, and the next comes as usual. */
export class ChoreLoop {
  readonly chore: Chore;
  private readonly events: ChoreEvents;
  private timer: NodeJS.Timeout | undefined;
  private state: 'new' | 'running' | 'stopped' = 'new';
  /** Between two rounds. */
  private waiting = false;
  private current: Promise<void> = Promise.resolve();

  constructor(chore: Chore, events: ChoreEvents) {
    this.chore = chore;
    this.events = events;
  }

  /** `firstMs`: until the first round. */
  start(firstMs = withJitter(this.chore.intervalMs, FULL_JITTER)): void {
    if (this.state !== 'new') return;
    this.state = 'running';
    this.schedule(firstMs);
  }

  /** Resolves when the round under way, if there is one, has ended. */
  async stop(): Promise<void> {
    this.state = 'stopped';
    this.waiting = false;
    clearTimeout(this.timer);
    await this.current;
  }

  /** Another part of the process found work for this chore: the next round is due now. */
  runNow(): void {
    if (!this.waiting) return;
    clearTimeout(this.timer);
    this.round();
  }

  /** Another part of the process polled for this chore, within `seconds`, and found nothing to do: that counts as a round. */
  polledElsewhere(seconds: number): void {
    if (!this.waiting) return;
    this.events.swept(this.chore.name, { done: 0, seconds });
    clearTimeout(this.timer);
    // The whole interval, so that a part that polls as often does so first.
    this.schedule(this.chore.intervalMs);
  }

  /** One round now; what the loop does, for tests and for the loop itself. */
  async tick(): Promise<void> {
    const started = performance.now();
    let done = 0;
    try {
      for (let round = 0; round < MAX_ROUNDS; round += 1) {
        const result = await this.chore.run();
        done += result.done;
        // A stop waits for the round under way, not for all of them.
        if (!result.more || this.state === 'stopped') break;
      }
      this.events.swept(this.chore.name, { done, seconds: (performance.now() - started) / 1000 });
    } catch (error) {
      this.events.failed(this.chore.name, error);
    }
  }

  private schedule(delayMs: number): void {
    this.waiting = true;
    this.timer = setTimeout(() => this.round(), delayMs);
  }

  private round(): void {
    this.waiting = false;
    this.current = this.tick().finally(() => {
      // Up to a quarter less than the interval, so that several schedulers spread out.
      if (this.state === 'running') this.schedule(withJitter(this.chore.intervalMs, QUARTER_JITTER));
    });
  }
}
