import type { Cron, Tick } from '../../schedules/cron.ts';
import { claimCronSchema, ownsCronSchema } from '../../schedules/cron-owner.ts';
import { cronIsCreatable, cronIsPrepared } from '../../schedules/cron-tables.ts';
import type { Database } from '../../db/connections/database.ts';
import { FORMER_CRON_SCHEMA } from '../../db/statements/schedules/cron-owner.ts';
import { findSchedules } from '../../db/statements/schedules/schedules.ts';
import type { Notifier } from '../../db/connections/notifier.ts';
import { WORKFLOW_SCHEDULES } from '../../schedules/scheduled-submit.ts';
import { ConfigError } from '../../errors.ts';
import type { Chore } from '../chore.ts';

export type FiredOutcome = 'created' | 'existing' | 'skipped' | 'failed';

export interface FiredAbout {
  /** The occurrence was missed at its time. */
  madeUp: boolean;
  /** The occurrence has a task already, with another input than the schedule's present one. */
  inputDiffers: boolean;
}

export interface FireSchedulesOptions {
  db: Database;
  notifier: Notifier;
  cronSchema: string;
  /** Opens a pg-boss for this process: one that fires, or one that only reads and writes. */
  openCron: (fires: boolean) => Cron | Promise<Cron>;
  onFired: (schedule: string, outcome: FiredOutcome, about: FiredAbout) => void;
  onError: (what: string, error: unknown) => void;
  intervalMs?: number;
  /** How long pg-boss runs on after the last schedule was removed. */
  idleAfterMs?: number;
}

/** An occurrence stays due for a minute, so a schedule that is made just before its first occurrence is found in time. */
const INTERVAL_MS = 5000;
/** Schedules that are removed and made again, by a deployment for example, open no new connections. */
const IDLE_AFTER_MS = 600_000;
/** A tick comes within this time of its occurrence; an occurrence without a tick is submitted after it. */
const LEFT_TO_TICKS_SECONDS = 60;

/**
 * Fires workflow schedules. A tick of pg-boss is only a hint that one schedule may be due: however late it comes, the schedule's
 * present row decides what is due. pg-boss polls several times a second, so it runs only while there are schedules; until then this
 * chore polls for the first. Once a minute it submits the occurrences for which no tick came.
 */
export class FireSchedules implements Chore {
  readonly name = 'workflow_schedules';
  readonly intervalMs: number;
  private readonly options: FireSchedulesOptions;
  private readonly findSchedules: ReturnType<typeof findSchedules>;
  private cron: Cron | undefined;
  private lastFoundAt = 0;
  private lastCaughtUpMinute = 0;
  private stopped = false;
  private anew = false;

  constructor(options: FireSchedulesOptions) {
    this.options = options;
    this.intervalMs = options.intervalMs ?? INTERVAL_MS;
    this.findSchedules = findSchedules(options.cronSchema);
  }

  /** Whether pg-boss runs here. */
  get firing(): boolean {
    return this.cron !== undefined;
  }

  /**
   * Makes pg-boss's tables if they are missing or old, so that a program that makes a schedule needs no right to do so, and makes this
   * fleet their owner. Rejects with ConfigError if they are another fleet's.
   */
  async prepare(): Promise<void> {
    const { db, cronSchema, onError } = this.options;
    if (!(await cronIsPrepared(db, cronSchema, WORKFLOW_SCHEDULES))) {
      const cron = await this.options.openCron(false);
      try {
        await cron.start();
        await cron.prepare(WORKFLOW_SCHEDULES);
      } finally {
        await cron.stop();
      }
    }
    const { left } = await claimCronSchema(db, cronSchema, WORKFLOW_SCHEDULES);
    if (left) {
      onError(
        'cron schema',
        new ConfigError(
          `the schema ${FORMER_CRON_SCHEMA} has schedules, and this database several fleets: which of them are this fleet's cannot be known, and it fires those in ${cronSchema} only; add its own again (tasker schedule add), and remove them there`,
        ),
      );
    }
  }

  /**
   * Whether `prepare` has nothing to do, or nothing that it could be refused: there are no tables yet, and this role may make them. The
   * first run can do it then. `db`: by which it asks.
   */
  async mayPrepareLater(db: Database): Promise<boolean> {
    const { cronSchema } = this.options;
    if (await cronIsCreatable(db, cronSchema)) return true;
    return (await cronIsPrepared(db, cronSchema, WORKFLOW_SCHEDULES)) && (await ownsCronSchema(db, cronSchema));
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
    const [polled] = await this.options.db.run(this.findSchedules, { queue: WORKFLOW_SCHEDULES });
    if (polled?.found === true) {
      this.lastFoundAt = performance.now();
      if (this.cron === undefined && !this.stopped) await this.begin();
      return { done: 0, more: await this.catchUp(polled.now) };
    } else if (performance.now() - this.lastFoundAt > (this.options.idleAfterMs ?? IDLE_AFTER_MS)) {
      await this.end();
    }
    return { done: 0, more: false };
  }

  /** Stops firing and waits for ticks under way. Idempotent, safe before the first round. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.end();
  }

  private async begin(): Promise<void> {
    const cron = await this.options.openCron(true);
    if (this.stopped) return;
    this.cron = cron;
    try {
      await cron.start();
      await cron.work(WORKFLOW_SCHEDULES, (tick) => this.fire(tick));
    } catch (error) {
      // The next round tries again, with another pg-boss.
      await this.end().catch(() => undefined);
      throw error;
    }
  }

  private async end(): Promise<void> {
    const { cron } = this;
    this.cron = undefined;
    await cron?.stop();
  }

  /** Never throws: what fails here is tried again once a minute while it is due; a repeated tick would add nothing. */
  private async fire(tick: Tick): Promise<void> {
    const { key } = (tick.data ?? {}) as { key?: unknown };
    if (typeof key !== 'string') return;
    await this.submit({ key }).catch((error: unknown) => this.options.onError('workflow schedule', error));
  }

  /** Every scheduler does it; the second to come finds the occurrences decided. Returns whether there is more to make up for. */
  private async catchUp(now: Date): Promise<boolean> {
    const minute = Math.floor(now.getTime() / 60_000);
    if (this.cron === undefined || minute === this.lastCaughtUpMinute) return false;
    const more = await this.submit({ leaveSeconds: LEFT_TO_TICKS_SECONDS });
    if (!more) this.lastCaughtUpMinute = minute;
    return more;
  }

  private async submit(options: { key?: string; leaveSeconds?: number }): Promise<boolean> {
    const { db, cronSchema, notifier, onFired, onError } = this.options;
    // With the parser of cron expressions, which a fleet without schedules needs never.
    const { fireDue } = await import('../../schedules/fire-due.ts');
    const { fired, failed, more } = await fireDue(db, cronSchema, options);
    for (const { key, outcome, madeUp, inputDiffers, queues } of fired) {
      notifier.notify(queues);
      onFired(key, outcome, { madeUp, inputDiffers });
    }
    for (const { key, error } of failed) {
      onFired(key, 'failed', { madeUp: false, inputDiffers: false });
      onError(`workflow schedule ${key}`, error);
    }
    return more;
  }
}
