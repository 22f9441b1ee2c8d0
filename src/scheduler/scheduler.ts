import type { Database } from '../db/database.ts';
import { Cron, type Tick } from '../db/cron.ts';
import { analyzeHotTables } from '../db/statements/queue-stats.ts';
import { Notifier } from '../engine/notifier.ts';
import type { RecoverOutcome } from '../engine/recover.ts';
import { type Fired, submitMissed, submitScheduled, WORKFLOW_SCHEDULES } from '../engine/schedule.ts';
import { prune } from '../engine/workers.ts';
import { Membership } from '../membership/membership.ts';
import { type Drained, within } from '../membership/within.ts';
import { type Chore, type ChoreEvents, ChoreLoop } from './chore.ts';
import { recoverDead } from './chores/recover-dead.ts';
import { refreshStatistics } from './chores/refresh-statistics.ts';
import { retryDue } from './chores/retry-due.ts';
import { settleStrandedTasks } from './chores/settle-stranded.ts';

export interface SchedulerEvents extends ChoreEvents {
  requeued(queue: string, steps: number): void;
  recovered(outcome: RecoverOutcome): void;
  settled(taskIds: string[]): void;
  cronFired(schedule: string, outcome: 'created' | 'existing' | 'failed'): void;
  leaseLost(workerId: string): void;
}

export interface SchedulerOptions {
  db: Database;
  url: string;
  directUrl: string | undefined;
  name: string;
  version: string;
  leaseSeconds: number;
  heartbeatIntervalMs: number;
  maxStallMs: number;
  retrySweepMs: number;
  recoverySweepMs: number;
  finalizeSweepMs: number;
  /** How long a process whose connection is gone must have been silent before its steps are taken from it. */
  silentSeconds: number;
  pruneWorkersHours: number;
  cronSchema: string;
  analyzeCron: string;
  events: SchedulerEvents;
  /** Further chores of this process alone: what it measures for its own metrics. */
  measurements?: readonly Chore[];
}

/** For what is under way: pg-boss alone waits 10 s for its own. A connection that went silent would take longer. */
const STOP_LIMIT_MS = 12_000;
const LAST_WORDS_MS = 2000;

const MAINTENANCE = 'tasker-maintenance';
/** Once a minute somebody looks for what was due and did not happen. */
const CATCH_UP = 'tasker-catch-up';
/** Neither matters to the second. */
const UNHURRIED_SECONDS = 10;
const STATISTICS_MS = 3000;

/**
 * A process that keeps things moving: due retries, dead workers' steps, stranded tasks, cron. Everything it does is a
 * compare-and-swap on rows that it could lock, so any number of schedulers may live at once and none of them leads.
 */
export class Scheduler {
  private readonly options: SchedulerOptions;
  private readonly membership: Membership;
  private readonly notifier: Notifier;
  private readonly cron: Cron;
  private readonly loops: ChoreLoop[];
  /** Name and interval of every chore. */
  readonly chores: readonly (readonly [name: string, intervalMs: number])[];
  private starting: Promise<void> | undefined;
  private stopping: Promise<Drained> | undefined;

  constructor(options: SchedulerOptions) {
    const { db, events } = options;
    this.options = options;
    this.notifier = new Notifier(db);
    this.membership = new Membership({
      db,
      url: options.directUrl ?? options.url,
      sessionLock: options.directUrl !== undefined,
      role: 'scheduler',
      name: options.name,
      version: options.version,
      queues: [],
      slots: 0,
      leaseSeconds: options.leaseSeconds,
      heartbeatIntervalMs: options.heartbeatIntervalMs,
      maxStallMs: options.maxStallMs,
      onLeaseLost: (formerId) => events.leaseLost(formerId),
      onError: (what, error) => events.failed(what, error),
    });
    this.cron = new Cron({
      url: options.directUrl ?? options.url,
      schema: options.cronSchema,
      applicationName: 'tasker cron',
      onError: (error) => events.failed('cron', error),
    });
    const { notifier } = this;
    const chores: Chore[] = [
      retryDue({
        db,
        notifier,
        intervalMs: options.retrySweepMs,
        onRequeued: (queue, steps) => events.requeued(queue, steps),
      }),
      recoverDead({
        db,
        notifier,
        intervalMs: options.recoverySweepMs,
        silentSeconds: options.silentSeconds,
        onRecovered: (outcome) => events.recovered(outcome),
      }),
      settleStrandedTasks({ db, intervalMs: options.finalizeSweepMs, onSettled: (taskIds) => events.settled(taskIds) }),
      refreshStatistics({ db, intervalMs: STATISTICS_MS }),
      ...(options.measurements ?? []),
    ];
    this.chores = chores.map((chore) => [chore.name, chore.intervalMs] as const);
    this.loops = chores.map((chore) => new ChoreLoop(chore, events));
  }

  get workerId(): string {
    return this.membership.workerId;
  }

  leaseAgeSeconds(): number {
    return this.membership.leaseAgeSeconds();
  }

  start(): Promise<void> {
    this.starting ??= this.doStart();
    return this.starting;
  }

  stop(): Promise<Drained> {
    this.stopping ??= this.doStop();
    return this.stopping;
  }

  private async doStart(): Promise<void> {
    await this.membership.join();
    // Sweeps first: they matter within seconds, cron within a minute, and its tables may take a while to be made.
    for (const loop of this.loops) loop.start();
    await this.cron.start();
    await this.cron.work(WORKFLOW_SCHEDULES, (tick) => this.fire(tick));
    await this.cron.work(CATCH_UP, (tick) => this.catchUp(tick), UNHURRIED_SECONDS);
    await this.cron.schedule(CATCH_UP, { key: 'every-minute', cron: '* * * * *', timezone: 'UTC', data: {} });
    await this.cron.work(MAINTENANCE, () => this.maintain(), UNHURRIED_SECONDS);
    await this.cron.schedule(MAINTENANCE, {
      key: 'analyze',
      cron: this.options.analyzeCron,
      timezone: 'UTC',
      data: {},
    });
  }

  private async doStop(): Promise<Drained> {
    await this.starting?.catch(() => undefined);
    const endsAt = performance.now() + STOP_LIMIT_MS;
    const leftMs = (): number => Math.max(0, endsAt - performance.now());
    const unfinished: string[] = [];
    for (const [what, work] of [
      ['a chore', Promise.all(this.loops.map((loop) => loop.stop()))],
      ['cron', this.cron.stop().catch((error: unknown) => this.options.events.failed('stop cron', error))],
    ] as const) {
      if (!(await within(work, leftMs()))) unfinished.push(what);
    }
    await within(this.notifier.flush(), Math.min(LAST_WORDS_MS, leftMs()));
    await (unfinished.length === 0 ? this.membership.leave(LAST_WORDS_MS) : this.membership.abandon()).catch(
      (error: unknown) => this.options.events.failed('leave', error),
    );
    return { unfinished };
  }

  private async fire(tick: Tick): Promise<void> {
    const { events } = this.options;
    try {
      const { key } = tick.data as { key: string };
      this.fired(await submitScheduled(this.options.db, tick, await this.cron.find(WORKFLOW_SCHEDULES, key)));
    } catch (error) {
      events.cronFired('unknown', 'failed');
      events.failed('workflow schedule', error);
      throw error;
    }
  }

  private async catchUp(tick: Tick): Promise<void> {
    const schedules = await this.cron.list(WORKFLOW_SCHEDULES);
    const { fired, failed } = await submitMissed(this.options.db, schedules, tick.createdAt);
    for (const one of fired) this.fired(one);
    for (const error of failed) {
      this.options.events.cronFired('unknown', 'failed');
      this.options.events.failed('workflow schedule', error);
    }
  }

  private fired({ key, outcome, queues }: Fired): void {
    this.notifier.notify(queues);
    this.options.events.cronFired(key, outcome);
  }

  /** Chores that any one scheduler does for all: cron runs each tick once. */
  private async maintain(): Promise<void> {
    await this.options.db.run(analyzeHotTables);
    await prune(this.options.db, this.options.pruneWorkersHours);
  }
}
