import type { Database } from '../db/connections/database.ts';
import { Cron } from '../schedules/cron.ts';
import { installationOf } from '../db/installation.ts';
import { passwordOf } from '../db/connections/password.ts';
import { Notifier } from '../db/connections/notifier.ts';
import type { ClockSetBack } from '../engine/clock.ts';
import type { RecoverOutcome } from '../engine/recover.ts';
import type { KnownState } from '../engine/workers.ts';
import { Membership } from '../membership/membership.ts';
import type { Drained } from '../process/service.ts';
import { FINAL_WRITE_TIMEOUT_MS, withTimeout } from '../process/with-timeout.ts';
import { type Chore, type ChoreEvents, ChoreLoop } from './chore.ts';
import { watchClock } from './chores/watch-clock.ts';
import { FireSchedules } from './chores/fire-schedules.ts';
import { maintain } from './chores/maintain.ts';
import { promoteWaiting } from './chores/promote-waiting.ts';
import { recoverDead } from './chores/recover-dead.ts';
import { refreshStatistics } from './chores/refresh-statistics.ts';
import { retryDue } from './chores/retry-due.ts';
import { settleStrandedTasks } from './chores/settle-stranded.ts';

export interface SchedulerEvents extends ChoreEvents {
  requeued(queue: string, steps: number): void;
  promoted(queue: string, steps: number): void;
  clockSetBack(found: ClockSetBack): void;
  recovered(outcome: RecoverOutcome): void;
  settled(taskIds: string[]): void;
  cronFired(schedule: string, outcome: 'created' | 'existing' | 'skipped' | 'failed'): void;
  leaseLost(workerId: string): void;
  /** The scheduler joined an installation; `former` is empty at the start. */
  joined(installationId: string, former: string): void;
}

export interface SchedulerOptions {
  db: Database;
  url: string;
  directUrl: string | undefined;
  /** Instead of the passwords in the URLs. */
  databasePasswordFile?: string | undefined;
  name: string;
  version: string;
  leaseSeconds: number;
  heartbeatIntervalMs: number;
  maxStallMs: number;
  retrySweepMs: number;
  /** Ready steps that waited for this long are no longer passed by more urgent ones; 0: never. */
  priorityAgeingSeconds?: number;
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

const STATISTICS_MS = 3000;

/**
 * A process that keeps things moving: due retries, dead workers' steps, stranded tasks, cron. Everything it does is a
 * compare-and-swap on rows that it could lock, so any number of schedulers may live at once and none of them leads.
 */
export class Scheduler {
  private readonly options: SchedulerOptions;
  private readonly membership: Membership;
  private readonly notifier: Notifier;
  private readonly schedules: FireSchedules;
  private readonly loops: ChoreLoop[];
  /** Begins when pg-boss's tables are there. */
  private readonly firing: ChoreLoop;
  /** Name and interval of every chore. */
  readonly chores: readonly (readonly [name: string, intervalMs: number])[];
  private joinedInstallation = '';
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
      passwordFile: options.databasePasswordFile,
      role: 'scheduler',
      name: options.name,
      version: options.version,
      queues: [],
      slots: 0,
      leaseSeconds: options.leaseSeconds,
      heartbeatIntervalMs: options.heartbeatIntervalMs,
      maxStallMs: options.maxStallMs,
      prepare: () => this.prepare(),
      onLeaseLost: (formerId) => events.leaseLost(formerId),
      onError: (what, error) => events.failed(what, error),
    });
    const { notifier } = this;
    this.schedules = new FireSchedules({
      db,
      notifier,
      cronSchema: options.cronSchema,
      openCron: (fires) =>
        new Cron({
          url: options.directUrl ?? options.url,
          schema: options.cronSchema,
          applicationName: 'tasker cron',
          password: passwordOf(options),
          fires,
          pooled: options.directUrl === undefined,
          onError: (error) => events.failed('cron', error),
        }),
      onFired: (schedule, outcome) => events.cronFired(schedule, outcome),
      onError: (what, error) => events.failed(what, error),
    });
    const retries = new ChoreLoop(
      retryDue({
        db,
        notifier,
        intervalMs: options.retrySweepMs,
        onRequeued: (queue, steps) => events.requeued(queue, steps),
      }),
      events,
    );
    const chores: Chore[] = [
      recoverDead({
        db,
        notifier,
        intervalMs: options.recoverySweepMs,
        silentSeconds: options.silentSeconds,
        onRecovered: (outcome) => events.recovered(outcome),
        onLooked: (due, seconds) => (due ? retries.hurry() : retries.looked(seconds)),
      }),
      settleStrandedTasks({ db, intervalMs: options.finalizeSweepMs, onSettled: (taskIds) => events.settled(taskIds) }),
      watchClock({ db, onSetBack: (found) => events.clockSetBack(found) }),
      refreshStatistics({ db, intervalMs: STATISTICS_MS }),
      maintain({ db, cron: options.analyzeCron, pruneWorkersHours: options.pruneWorkersHours }),
      ...(options.priorityAgeingSeconds
        ? [promoteWaiting({ db, afterSeconds: options.priorityAgeingSeconds, onPromoted: events.promoted })]
        : []),
      ...(options.measurements ?? []),
    ];
    this.chores = [retries.chore, ...chores, this.schedules].map((chore) => [chore.name, chore.intervalMs] as const);
    this.loops = [retries, ...chores.map((chore) => new ChoreLoop(chore, events))];
    this.firing = new ChoreLoop(this.schedules, events);
  }

  get workerId(): string {
    return this.membership.workerId;
  }

  /** The installation that the scheduler has joined; empty before. */
  get installationId(): string {
    return this.joinedInstallation;
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
    await this.schedules.prepare();
    await this.firing.tick();
    this.firing.start();
  }

  /** After joining again: the database may have no pg-boss tables, or older ones. */
  private async prepare(): Promise<{ known: KnownState; joined: () => void }> {
    const { installationId } = await installationOf(this.options.db);
    return {
      known: { installationId, workflows: [] },
      joined: () => {
        const former = this.joinedInstallation;
        this.joinedInstallation = installationId;
        if (former !== '') this.schedules.startAnew();
        if (former !== installationId) this.options.events.joined(installationId, former);
      },
    };
  }

  private async doStop(): Promise<Drained> {
    await this.starting?.catch(() => undefined);
    const endsAt = performance.now() + STOP_LIMIT_MS;
    const leftMs = (): number => Math.max(0, endsAt - performance.now());
    const unfinished: string[] = [];
    for (const [what, work] of [
      ['a chore', Promise.all([...this.loops, this.firing].map((loop) => loop.stop()))],
      ['cron', this.schedules.stop().catch((error: unknown) => this.options.events.failed('stop cron', error))],
    ] as const) {
      if (!(await withTimeout(work, leftMs()))) unfinished.push(what);
    }
    await withTimeout(this.notifier.flush(), Math.min(FINAL_WRITE_TIMEOUT_MS, leftMs()));
    await (unfinished.length === 0 ? this.membership.leave(FINAL_WRITE_TIMEOUT_MS) : this.membership.abandon()).catch(
      (error: unknown) => this.options.events.failed('leave', error),
    );
    return { unfinished };
  }
}
