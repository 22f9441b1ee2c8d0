import type { Cron, Tick } from '../../db/cron.ts';
import type { Database } from '../../db/database.ts';
import type { Statement } from '../../db/statement.ts';
import { findSchedules } from '../../db/statements/schedules.ts';
import type { Notifier } from '../../engine/notifier.ts';
import {
  CATCH_UP_MINUTES,
  type Fired,
  submitMissed,
  submitScheduled,
  WORKFLOW_SCHEDULES,
} from '../../engine/schedule.ts';
import type { Chore } from '../chore.ts';

export interface FireSchedulesOptions {
  db: Database;
  notifier: Notifier;
  cronSchema: string;
  /** A pg-boss of our own: one that fires, or one that only reads and writes. */
  openCron: (fires: boolean) => Cron;
  onFired: (schedule: string, outcome: 'created' | 'existing' | 'failed') => void;
  onError: (what: string, error: unknown) => void;
  intervalMs?: number;
  /** How long pg-boss goes on after the last schedule was removed. */
  restAfterMs?: number;
}

/** An occurrence stays due for a minute: a schedule that was made just before its first one is found in good time. */
const LOOK_MS = 5000;
/** Jobs of its last ticks may wait for a retry. */
const REST_AFTER_MS = CATCH_UP_MINUTES * 60_000;

/**
 * Fires workflow schedules. pg-boss asks several times a second whether there is something to do, so it runs only while there are
 * schedules; until then this chore looks for the first. And once a minute it looks for what was due and did not happen.
 */
export class FireSchedules implements Chore {
  readonly name = 'workflow_schedules';
  readonly intervalMs: number;
  private readonly options: FireSchedulesOptions;
  private readonly look: Statement<{ now: Date; found: boolean }>;
  private cron: Cron | undefined;
  private lastFoundAt = 0;
  private lastCaughtUpMinute = 0;
  private stopped = false;
  private anew = false;

  constructor(options: FireSchedulesOptions) {
    this.options = options;
    this.intervalMs = options.intervalMs ?? LOOK_MS;
    this.look = findSchedules(options.cronSchema);
  }

  /** Whether pg-boss runs here. */
  get firing(): boolean {
    return this.cron !== undefined;
  }

  /** Makes pg-boss's tables where they are missing or old, so that whoever makes a schedule need not be allowed to. */
  async prepare(): Promise<void> {
    const cron = this.options.openCron(false);
    try {
      await cron.start();
      await cron.prepare(WORKFLOW_SCHEDULES);
    } finally {
      await cron.stop();
    }
  }

  /** The database may have been replaced: the next run creates pg-boss's tables and restarts pg-boss. */
  startAnew(): void {
    this.anew = true;
  }

  async run(): Promise<{ done: number; more: boolean }> {
    if (this.anew && !this.stopped) {
      await this.end();
      await this.prepare();
      this.anew = false;
      this.lastCaughtUpMinute = 0;
    }
    const [looked] = await this.options.db.run(this.look, [WORKFLOW_SCHEDULES]);
    if (looked?.found === true) {
      this.lastFoundAt = performance.now();
      if (this.cron === undefined && !this.stopped) await this.begin();
      await this.catchUp(looked.now);
    } else if (performance.now() - this.lastFoundAt > (this.options.restAfterMs ?? REST_AFTER_MS)) {
      await this.end();
    }
    return { done: 0, more: false };
  }

  /** Stops firing and waits for what is under way. Safe to repeat. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.end();
  }

  private async begin(): Promise<void> {
    const cron = this.options.openCron(true);
    this.cron = cron;
    try {
      await cron.start();
      await cron.work(WORKFLOW_SCHEDULES, (tick) => this.fire(cron, tick));
    } catch (error) {
      // The next look tries again, with another.
      await this.end().catch(() => undefined);
      throw error;
    }
  }

  private async end(): Promise<void> {
    const { cron } = this;
    this.cron = undefined;
    await cron?.stop();
  }

  private async fire(cron: Cron, tick: Tick): Promise<void> {
    try {
      const { key } = tick.data as { key: string };
      this.fired(await submitScheduled(this.options.db, tick, await cron.find(WORKFLOW_SCHEDULES, key)));
    } catch (error) {
      this.failed(error);
      throw error;
    }
  }

  /** Every scheduler does it, and one submit of those for an occurrence counts. */
  private async catchUp(now: Date): Promise<void> {
    const minute = Math.floor(now.getTime() / 60_000);
    const { cron } = this;
    if (cron === undefined || minute === this.lastCaughtUpMinute) return;
    const { fired, failed } = await submitMissed(this.options.db, await cron.list(WORKFLOW_SCHEDULES), now);
    for (const one of fired) this.fired(one);
    for (const error of failed) this.failed(error);
    this.lastCaughtUpMinute = minute;
  }

  private fired({ key, outcome, queues }: Fired): void {
    this.options.notifier.notify(queues);
    this.options.onFired(key, outcome);
  }

  private failed(error: unknown): void {
    this.options.onFired('unknown', 'failed');
    this.options.onError('workflow schedule', error);
  }
}
