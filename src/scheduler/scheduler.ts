import { FULL_JITTER, withJitter } from '../backoff.ts';
import type { Config } from '../config/config.ts';
import type { Database } from '../db/connections/database.ts';
import { installationOf } from '../db/installation.ts';
import { passwordOf } from '../db/connections/password.ts';
import { Notifier } from '../db/connections/notifier.ts';
import type { ClockSetBack } from '../engine/clock.ts';
import type { Worked } from '../engine/operations/work.ts';
import type { RecoverOutcome } from '../engine/recover.ts';
import type { KnownState } from '../engine/workers.ts';
import type { HeartbeatHost } from '../membership/heartbeat-host.ts';
import type { Lease } from '../membership/lease.ts';
import { Membership, type MembershipSettings } from '../membership/membership.ts';
import { type Drained, stopAll } from '../process/service.ts';
import { FINAL_WRITE_TIMEOUT_MS, withTimeout } from '../process/with-timeout.ts';
import { type Chore, type ChoreEvents, ChoreLoop } from './chore.ts';
import { INTERVALS_MS, promotionIntervalMs } from './chore-intervals.ts';
import { type FiredAbout, type FiredOutcome, FireSchedules } from './chores/fire-schedules.ts';
import { lateChore } from './late-chore.ts';

export interface SchedulerEvents extends ChoreEvents {
  retriesEnqueued(queue: string, steps: number): void;
  promoted(queue: string, steps: number): void;
  clockSetBack(found: ClockSetBack): void;
  recovered(outcome: RecoverOutcome): void;
  finalized(taskIds: string[], traceIds: string[]): void;
  /** A round of bulk operations. */
  operated(worked: Worked): void;
  cronFired(schedule: string, outcome: FiredOutcome, about: FiredAbout): void;
  leaseLost(workerId: string): void;
  /** The scheduler joined an installation; `former` is empty at the start. */
  joined(installationId: string, former: string): void;
}

export type SchedulerSettings = MembershipSettings &
  Pick<
    Config,
    | 'analyzeCron'
    | 'cronSchema'
    | 'drainGraceSeconds'
    | 'finalizeSweepMs'
    | 'priorityAgeingSeconds'
    | 'pruneWorkersHours'
    | 'recoverySweepMs'
    | 'retrySweepMs'
    | 'silentSeconds'
  >;

export interface SchedulerOptions {
  db: Database;
  /** Another pool of the same database, by which the scheduler joins and leaves. Default: its own. */
  joins?: Database | undefined;
  settings: SchedulerSettings;
  name: string;
  version: string;
  events: SchedulerEvents;
  /** See MembershipOptions. */
  heartbeats?: HeartbeatHost | undefined;
  /** The tables for schedules may be made after the start, if nothing speaks against it. Default false. */
  mayPrepareSchedulesLater?: boolean | undefined;
  /** Which archive it has (`archiveAddress`); undefined: none. */
  archive?: string | undefined;
  /** Further chores of this process alone: what it measures for its own metrics. */
  measurements?: readonly Chore[];
}

const STATISTICS_INTERVAL_MS = 3000;
/** The first steps of a program go before the tables for schedules: making them takes longer than running the steps. */
const SCHEDULES_LATER_MS = 500;
/** What died before this program began is recovered this much later. */
const SWEEPS_LATER_MS = 250;

/**
 * A process that keeps things moving: due retries, steps of dead workers, tasks that nobody finalized, cron. Everything it does is
 * a compare-and-swap on rows that it could lock, so any number of schedulers may live at once and none of them leads.
 */
export class Scheduler {
  private readonly options: SchedulerOptions;
  private readonly membership: Membership;
  private readonly notifier: Notifier;
  private readonly schedules: FireSchedules;
  private readonly loops: ChoreLoop[];
  /** Starts when pg-boss's tables exist. */
  private readonly firing: ChoreLoop;
  /** Name and interval of every chore. */
  readonly chores: readonly (readonly [name: string, intervalMs: number])[];
  private joinedInstallation = '';
  private starting: Promise<void> | undefined;
  private stopping: Promise<Drained> | undefined;

  constructor(options: SchedulerOptions) {
    const { db, joins = db, events, settings } = options;
    this.options = options;
    this.notifier = new Notifier(db);
    this.membership = new Membership({
      db: joins,
      settings,
      heartbeats: options.heartbeats,
      process: {
        role: 'scheduler',
        name: options.name,
        version: options.version,
        queues: [],
        slots: 0,
        archive: options.archive,
      },
      prepare: () => this.prepare(),
      onLeaseLost: (formerId) => events.leaseLost(formerId),
      onError: (what, error) => events.failed(what, error),
    });
    this.schedules = this.makeSchedules();
    const retries = new ChoreLoop(
      lateChore('retry_due', settings.retrySweepMs, ({ enqueueDueRetries }) =>
        enqueueDueRetries({
          db,
          notifier: this.notifier,
          intervalMs: settings.retrySweepMs,
          onEnqueued: (queue, steps) => events.retriesEnqueued(queue, steps),
        }),
      ),
      events,
    );
    const chores = this.makeChores(retries);
    this.chores = [retries.chore, ...chores, this.schedules].map((chore) => [chore.name, chore.intervalMs] as const);
    this.loops = [retries, ...chores.map((chore) => new ChoreLoop(chore, events))];
    this.firing = new ChoreLoop(this.schedules, events);
  }

  get lease(): Lease {
    return this.membership.lease;
  }

  private get joins(): Database {
    return this.options.joins ?? this.options.db;
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

  /** Waits for chores and ticks under way for up to TASKER_DRAIN_GRACE_SECONDS. Idempotent, safe before the start and during it. */
  stop(): Promise<Drained> {
    this.stopping ??= this.doStop();
    return this.stopping;
  }

  private async doStart(): Promise<void> {
    // Side by side: sweeps matter within seconds, cron within a minute, and its tables may take a while to be made.
    const [joined, prepared] = await Promise.allSettled([this.join(), this.prepareSchedules()]);
    // Only after both have ended: a stop waits for the start, and then nothing may run any more.
    if (joined.status === 'rejected') throw joined.reason;
    if (prepared.status === 'rejected') throw prepared.reason;
    if (prepared.value === 'later') {
      this.schedules.startAnew();
      this.firing.start(SCHEDULES_LATER_MS);
      return;
    }
    await this.firing.tick();
    this.firing.start();
  }

  /** A start that is refused a right, or finds schedules of another fleet, has to say so: that is known before anything is made. */
  private async prepareSchedules(): Promise<'now' | 'later'> {
    if (this.options.mayPrepareSchedulesLater === true && (await this.schedules.mayPrepareLater(this.joins)))
      return 'later';
    await this.schedules.prepare();
    return 'now';
  }

  private async join(): Promise<void> {
    await this.membership.start();
    // In a program of its own the first sweeps come at once, or nearly: in one with a worker its first steps go before.
    const laterMs = this.options.heartbeats === undefined ? 0 : SWEEPS_LATER_MS;
    for (const loop of this.loops) loop.start(laterMs + withJitter(loop.chore.intervalMs, FULL_JITTER));
  }

  private async doStop(): Promise<Drained> {
    await this.starting?.catch(() => undefined);
    const { events, settings } = this.options;
    // A connection that went silent would hold up its chore for a whole query timeout.
    const deadline = performance.now() + Math.max(settings.drainGraceSeconds * 1000, FINAL_WRITE_TIMEOUT_MS);
    const loops = [...this.loops, this.firing];
    const unfinished = await stopAll(
      { 'a chore': { stop: () => Promise.all(loops.map((loop) => loop.stop())) }, cron: this.schedules },
      deadline,
      (_, error) => events.failed('stop cron', error),
    );
    const leftMs = Math.max(0, deadline - performance.now());
    await withTimeout(this.notifier.flush(), Math.min(FINAL_WRITE_TIMEOUT_MS, leftMs));
    await this.membership
      .stop({ deregister: unfinished.length === 0 })
      .catch((error: unknown) => events.failed('leave', error));
    return { unfinished };
  }

  /** After joining again: the database may have no pg-boss tables, or older ones. */
  private async prepare(): Promise<{ known: KnownState; joined: () => void }> {
    const { installationId } = await installationOf(this.joins);
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

  private makeSchedules(): FireSchedules {
    const { db, events, settings } = this.options;
    return new FireSchedules({
      db,
      notifier: this.notifier,
      cronSchema: settings.cronSchema,
      openCron: async (fires) => {
        // A scheduler without schedules, whose tables are prepared, does without pg-boss.
        const { Cron } = await import('../schedules/cron.ts');
        return new Cron({
          url: settings.databaseUrlDirect ?? settings.databaseUrl,
          schema: settings.cronSchema,
          applicationName: 'tasker cron',
          password: passwordOf(settings),
          fires,
          pooled: settings.databaseUrlDirect === undefined,
          onError: (error) => events.failed('cron', error),
        });
      },
      onFired: (schedule, outcome, about) => events.cronFired(schedule, outcome, about),
      onError: (what, error) => events.failed(what, error),
    });
  }

  private makeChores(retries: ChoreLoop): Chore[] {
    const { db, events, settings, measurements = [] } = this.options;
    const { priorityAgeingSeconds } = settings;
    const madeAt = Date.now();
    return [
      lateChore('recover_dead', settings.recoverySweepMs, ({ recoverDeadWorkers }) =>
        recoverDeadWorkers({
          db,
          notifier: this.notifier,
          intervalMs: settings.recoverySweepMs,
          silentSeconds: settings.silentSeconds,
          onRecovered: (outcome) => events.recovered(outcome),
          onPolled: (retriesDue, seconds) => (retriesDue ? retries.runNow() : retries.polledElsewhere(seconds)),
        }),
      ),
      lateChore('settle_stranded', settings.finalizeSweepMs, ({ finalizeTasks }) =>
        finalizeTasks({
          db,
          intervalMs: settings.finalizeSweepMs,
          onFinalized: (taskIds, traceIds) => events.finalized(taskIds, traceIds),
        }),
      ),
      lateChore('keep_acts', INTERVALS_MS.keep_acts, ({ keepActs }) => keepActs(db)),
      lateChore('run_operations', INTERVALS_MS.run_operations, ({ runOperations }) =>
        runOperations({ db, notifier: this.notifier, onWorked: (worked) => events.operated(worked) }),
      ),
      lateChore('watch_clock', INTERVALS_MS.watch_clock, ({ watchClock }) =>
        watchClock({ db, onSetBack: (found) => events.clockSetBack(found) }),
      ),
      lateChore('refresh_statistics', STATISTICS_INTERVAL_MS, ({ refreshStatistics }) =>
        refreshStatistics({ db, intervalMs: STATISTICS_INTERVAL_MS }),
      ),
      lateChore('maintain', INTERVALS_MS.maintain, ({ maintain }) =>
        maintain({ db, cron: settings.analyzeCron, pruneWorkersHours: settings.pruneWorkersHours, madeAt }),
      ),
      ...(priorityAgeingSeconds > 0
        ? [
            lateChore('promote_waiting', promotionIntervalMs(priorityAgeingSeconds), ({ promoteWaiting }) =>
              promoteWaiting({ db, afterSeconds: priorityAgeingSeconds, onPromoted: events.promoted }),
            ),
          ]
        : []),
      ...measurements,
    ];
  }
}
