import { Listener } from '../db/connections/listener.ts';
import { serverEncoding } from '../db/statements/server/encoding.ts';
import { passwordOf } from '../db/connections/password.ts';
import type { ClaimedStep } from '../engine/claim.ts';
import { forgetClaims } from '../engine/claims.ts';
import { type Installation, installationOf } from '../db/installation.ts';
import { Notifier } from '../db/connections/notifier.ts';
import { quarantineOf } from '../engine/quarantine.ts';
import type { KnownState } from '../engine/workers.ts';
import { Membership } from '../membership/membership.ts';
import type { Drained } from '../process/service.ts';
import { FINAL_WRITE_TIMEOUT_MS, withTimeout } from '../process/with-timeout.ts';
import { Activity } from './telemetry/activity.ts';
import { ClaimCursors } from './scope/claim-cursors.ts';
import { ClaimReconciler } from './claiming/claim-reconciler.ts';
import { currentStep } from './running/current-step.ts';
import { drain } from './drain.ts';
import type { CrashOrigin } from './telemetry/events.ts';
import { Completer } from './completing/completer.ts';
import { ClaimLedger } from './scope/claim-ledger.ts';
import { MAX_UNRECORDED, Claimer } from './claiming/claimer.ts';
import { QuarantineRunner } from './quarantine/quarantine-runner.ts';
import { QuarantineWatch } from './quarantine/quarantine-watch.ts';
import { ResultCache } from './scope/result-cache.ts';
import { restLook } from './claiming/idle-check.ts';
import { RunningAttempts } from './running/running-attempts.ts';
import { ServedWorkflows } from './joining/served-workflows.ts';
import { Slots } from './scope/slots.ts';
import { HandlerRegistry } from './scope/handler-registry.ts';
import { Executor } from './running/executor.ts';
import { completeInputs, inputsAtHand } from './running/step-inputs.ts';
import type { WorkerOptions } from './scope/worker-options.ts';

/** Every 16th batch of completions leaves its children to the queue, so that other steps of the same priority get their turn. */
const FUSED_ROUNDS = 16;
/** As many as the largest claim takes: what was claimed together and ends together is told together. */
const FLUSH_BATCH = 1024;
/** Steps in quarantine are rare, and in no hurry. */
const QUARANTINE_LOOK_MS = 1000;
const QUARANTINE_REST_MS = 10_000;
const ACTIVITY_INTERVAL_MS = 2000;
/** A refused workflow is tried again after this: soon enough after somebody mended it, and one lookup each until then. */
const REGISTRATION_RETRY_MS = 30_000;

/**
 * A process that runs steps. start -> running -> stop (drain); stop is idempotent, safe before start, and resolves when
 * everything that ran here has ended or was given back, or, a few seconds after the grace period, says what has not.
 */
export class Worker {
  private readonly options: WorkerOptions;
  private readonly slots: Slots;
  private readonly running: RunningAttempts;
  private readonly cache: ResultCache;
  private readonly claims = new ClaimLedger();
  private readonly cursors: ClaimCursors;
  private readonly membership: Membership;
  private readonly notifier: Notifier;
  private readonly activity: Activity;
  private readonly claimWatch: ClaimReconciler;
  /** Of the state of the database that the worker has joined; both change when it joins another. */
  private readonly catalogue: HandlerRegistry;
  private installation: Installation | undefined;
  private poller: Claimer | undefined;
  private flusher: Completer | undefined;
  private runner: Executor | undefined;
  private listener: Listener | undefined;
  private quarantine: QuarantineWatch | undefined;
  private workflows: ServedWorkflows | undefined;
  private fusedRound = 0;
  private draining = false;
  /** The drain is over: nothing is asked of the database any more. */
  private stopped = false;
  private starting: Promise<void> | undefined;
  private stopping: Promise<Drained> | undefined;

  constructor(options: WorkerOptions) {
    this.options = options;
    this.catalogue = new HandlerRegistry(options);
    this.slots = new Slots(options.slots, () => this.poller?.slotFreed());
    this.running = new RunningAttempts(options.abortGraceMs, (untilMs) => this.membership.extendStallDeadline(untilMs));
    this.cache = new ResultCache(options.resultCacheBytes);
    this.notifier = new Notifier(options.db, 100);
    this.cursors = new ClaimCursors(options.queues, options.maxPollIntervalMs);
    const workerId = (): string | undefined => this.joinedId;
    this.activity = new Activity(options.db, options.queues, workerId, (error) =>
      options.events.failed('report activity', error),
    );
    this.claimWatch = new ClaimReconciler({
      db: options.db,
      claims: this.claims,
      running: this.running,
      workerId,
      onFound: (steps) => void this.accept(steps),
      onRecovered: ({ recovered, erroredTasks }) => {
        this.notifier.notify(recovered.keys());
        if (erroredTasks.length > 0) options.events.taskEnded('error', erroredTasks.length);
      },
      onError: options.events.failed,
    });
    this.membership = new Membership({
      db: options.db,
      settings: {
        databaseUrl: options.url,
        databaseUrlDirect: options.directUrl,
        databasePasswordFile: options.databasePasswordFile,
        leaseSeconds: options.leaseSeconds,
        heartbeatIntervalMs: options.heartbeatIntervalMs,
        maxStallMs: options.maxStallMs,
      },
      process: {
        role: 'worker',
        name: options.name,
        version: options.version,
        queues: options.queues,
        slots: options.slots,
      },
      killWhenStalled: options.killWhenStalled ?? false,
      busySlots: () => this.slots.busy,
      stallDeadlineMs: () => this.running.stallDeadlineMs(),
      prepare: () => this.prepare(),
      onLeaseLost: (formerId) => this.onLeaseLost(formerId),
      onError: (what, error) => options.events.failed(what, error),
    });
  }

  get workerId(): string {
    return this.membership.lease.last;
  }

  /** For log lines; empty while the process has no lease. */
  get workerIdOrNone(): string {
    return this.joinedId ?? '';
  }

  /** The installation that the worker has joined; empty before. */
  get installationId(): string {
    return this.installation?.installationId ?? '';
  }

  /** Undefined while the process has no lease. */
  private get joinedId(): string | undefined {
    return this.membership.lease.current;
  }

  get busySlots(): number {
    return this.slots.busy;
  }

  get isDraining(): boolean {
    return this.draining;
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

  /** Ends the drain: whatever still runs is aborted now. */
  hurry(): void {
    this.running.abortAll('drain');
    this.running.giveUpAll('drain');
  }

  /**
   * Something threw where nobody could catch it. True where it was a step's code: if that step still runs, its attempt ends
   * with this error. Call it from the handler of the event itself, which runs in the context of the culprit.
   */
  crash(error: unknown, origin: CrashOrigin = 'exception'): boolean {
    const culprit = currentStep.getStore();
    if (culprit === undefined) return false;
    const { kind, step } = culprit;
    const stillRan = !culprit.hasEnded;
    culprit.crash(error);
    const { taskId, attempt } = step;
    this.options.events.leaked?.(kind.labels, { taskId, attempt, origin, stillRan, error });
    return true;
  }

  private async doStart(): Promise<void> {
    const { options } = this;
    this.workflows = new ServedWorkflows({
      db: options.db,
      workflows: options.workflows,
      catalogue: this.catalogue,
      workerId: () => this.joinedId,
      retryMs: options.registrationRetryMs ?? REGISTRATION_RETRY_MS,
      onRefused: (definition, problem) => options.events.workflowRefused(definition, problem),
      onServed: (definition, wasRefused) => {
        options.events.workflowServed(definition, wasRefused);
        this.poller?.wake();
      },
      onSetAside: (definition, { version, taskIds }) => options.events.tasksSetAside(definition, version, taskIds),
      onError: options.events.failed,
    });
    options.db.pool.on('connect', this.distrust);
    await this.membership.start();
    this.workflows.start();
    this.running.start();
    const shared = {
      db: options.db,
      queues: options.queues,
      namedTaskIds: () => this.catalogue.namedTaskIds.slice(),
      claims: this.claims,
      cursors: this.cursors,
      onError: (what: string, error: unknown) => {
        this.claimWatch.suspect();
        options.events.failed(what, error);
      },
      hinted: () => this.listener?.listening === true,
    };
    this.flusher = new Completer({
      ...shared,
      // Outcomes of attempts that ended while the worker registers again are written too: the claim id decides, not the worker id.
      workerId: () => this.membership.lease.last,
      backoffDisabled: options.backoffDisabled,
      backoffCapSeconds: options.backoffCapSeconds,
      onTold: (ended, answer) => this.runner?.told(ended, answer),
      maxBatch: FLUSH_BATCH,
      claiming: () => this.poller?.claiming === true,
      reserveSlots: (children) => this.reserveForChildren(children),
      unreserveSlots: (count) => this.slots.unreserve(count),
      onClaimed: (steps, seconds) => {
        options.events.claimed({ queue: '', steps: steps.length, seconds, fused: true });
        void this.accept(steps);
      },
      onReady: (queues) => {
        const ready = [...queues];
        if (ready.some((queue) => options.queues.includes(queue))) this.poller?.wake();
        this.notifier.notify(ready);
      },
      onFlushed: (steps, seconds) => {
        options.events.flushed({ steps, seconds });
        this.poller?.slotFreed();
      },
      onTasksEnded: (state, taskIds) => {
        for (const taskId of taskIds) this.cache.delete(taskId);
        options.events.taskEnded(state, taskIds.length);
      },
    });
    this.runner = new Executor({
      ...options,
      catalogue: () => this.catalogue,
      installationId: () => this.installationId,
      slots: this.slots,
      running: this.running,
      activity: this.activity,
      cache: this.cache,
      claims: this.claims,
      flusher: this.flusher,
      isDraining: () => this.draining,
      workerIdOrNone: () => this.workerIdOrNone,
    });
    this.poller = new Claimer({
      ...shared,
      slots: this.slots,
      maxClaim: options.maxClaim,
      minIntervalMs: options.minPollIntervalMs,
      maxIntervalMs: options.maxPollIntervalMs,
      hintedIntervalMs: options.hintedPollIntervalMs ?? options.maxPollIntervalMs,
      workerId: () => this.joinedId,
      onClaimed: (queue, steps, seconds) => {
        options.events.claimed({ queue, steps: steps.length, seconds, fused: false });
        void this.accept(steps);
      },
      onRound: () => options.onRound?.(),
      untold: () => this.flusher?.size ?? 0,
      restLook: restLook({
        ...shared,
        workerId: () => this.joinedId,
        claimWatch: this.claimWatch,
        quarantine: () => this.quarantine,
      }),
    });
    const quarantines = new Set(options.queues.map(quarantineOf));
    if (options.notify && options.directUrl !== undefined) {
      this.listener = new Listener({
        url: options.directUrl,
        schema: options.db.schema,
        applicationName: 'tasker listener',
        password: passwordOf(options),
        onReady: (queue) => {
          if (options.queues.includes(queue)) this.poller?.wake();
          else if (quarantines.has(queue)) this.quarantine?.wake();
        },
        // What was told in between went unheard.
        onListening: () => {
          this.poller?.wake();
          this.quarantine?.wake();
        },
        onError: (error) => options.events.failed('listen', error),
      });
      await this.listener.start();
    }
    this.claimWatch.start();
    if (options.watchesQuarantine !== false) {
      const quarantineHere = new QuarantineRunner({
        ...shared,
        slots: this.slots,
        workerId: () => (this.draining ? undefined : this.joinedId),
        onClaimed: (steps) => void this.accept(steps),
      });
      this.quarantine = new QuarantineWatch({
        ...shared,
        intervalMs: QUARANTINE_LOOK_MS,
        restIntervalMs: QUARANTINE_REST_MS,
        start: options.startQuarantine,
        runHere: (queue) => quarantineHere.run(queue),
      });
      this.quarantine.start();
    }
    this.activity.start(options.activityIntervalMs ?? ACTIVITY_INTERVAL_MS);
    this.poller.start();
  }

  private async doStop(): Promise<Drained> {
    await this.starting?.catch(() => undefined);
    this.draining = true;
    this.options.db.pool.off('connect', this.distrust);
    this.membership.setDraining();
    const { listener, poller, quarantine, flusher, claimWatch, running, slots } = this;
    const unfinished = await drain(
      { listener, poller, quarantine, flusher, claimWatch, running, slots },
      this.options.drainGraceSeconds * 1000,
    );
    flusher?.stop();
    this.stopped = true;
    await withTimeout(claimWatch.recoverLeft(), FINAL_WRITE_TIMEOUT_MS);
    if (this.claims.leftBehind().length > 0) unfinished.push('outcomes that the database refused');
    // To a database that has stopped answering there is nothing more to say.
    if (unfinished.length === 0) await withTimeout(this.lastWords(), FINAL_WRITE_TIMEOUT_MS);
    await this.membership
      .stop({ deregister: unfinished.length === 0 })
      .catch((error: unknown) => this.options.events.failed('leave', error));
    return { unfinished };
  }

  /** What is good to tell, and not worth waiting for where the database is away. */
  private async lastWords(): Promise<void> {
    await forgetClaims(this.options.db, this.claims.takeClosed()).catch((error: unknown) =>
      this.options.events.failed('forget claims', error),
    );
    await this.notifier.flush();
    await this.activity.stop();
    await this.workflows?.stop();
  }

  private reserveForChildren(children: number): number {
    if (children === 0 || this.draining || !this.options.fusedClaims || this.membership.lease.current === undefined)
      return 0;
    if ((this.flusher?.size ?? 0) >= MAX_UNRECORDED) return 0;
    this.fusedRound += 1;
    if (this.fusedRound % FUSED_ROUNDS === 0) {
      this.poller?.wake();
      return 0;
    }
    return this.slots.reserve(children);
  }

  /**
   * Runs claimed steps, after loading what is missing: inputs of steps claimed by a completion, and, in an installation that earlier
   * versions used, the form of the idempotency keys of steps with earlier attempts.
   */
  private async accept(steps: readonly ClaimedStep[]): Promise<void> {
    for (const step of steps) this.claims.opened(step.claimId, 1);
    const missing: ClaimedStep[] = [];
    const begun: ClaimedStep[] = [];
    for (const step of steps) {
      const inputs = inputsAtHand(step, this.catalogue, this.cache);
      if (inputs === undefined) missing.push(step);
      else if (inputs.hasHistory && this.installation?.hadEarlierVersions === true) begun.push(step);
      else this.runner?.run(step, inputs);
    }
    const waiting = [...missing, ...begun];
    if (waiting.length === 0) return;
    // Their slots are held while their inputs are on the way.
    let held = this.slots.reserve(waiting.length);
    await completeInputs(
      this.options.db,
      { missing, begun },
      {
        onLoaded: (some, loaded) => {
          const freed = Math.min(held, some.length);
          held -= freed;
          this.slots.unreserve(freed);
          for (const step of some) {
            const inputs = loaded.get(step.stepId);
            if (inputs === undefined) this.claims.dropped(step.claimId);
            else this.runner?.run(step, inputs);
          }
        },
        onError: this.options.events.failed,
        stopped: () => this.stopped,
      },
    );
    this.slots.unreserve(held);
  }

  private onLeaseLost(formerId: string): void {
    this.options.events.leaseLost(formerId);
    this.running.abortAll('claim_lost');
    this.distrust();
    this.claims.forsake();
  }

  /**
   * A new connection may lead to a database that was restored, failed over or restarted without its last commits. So positions,
   * cached results and ended claims are dropped; all of them can be read again.
   */
  private readonly distrust = (): void => {
    this.cursors.reset();
    this.cache.clear();
    this.claims.distrust();
  };

  /** Registers the workflows before each registration of the worker; their ids take effect with its new id. */
  private async prepare(): Promise<{ known: KnownState; joined: () => void }> {
    const { db, events } = this.options;
    const installation = await installationOf(db);
    const { installationId } = installation;
    const [database] = await db.run(serverEncoding);
    // Nothing is claimed before the new id takes effect.
    await this.workflows?.register({ again: true });
    return {
      known: { installationId, workflows: this.catalogue.named },
      joined: () => {
        const former = this.installationId;
        this.installation = installation;
        // jsonb orders members by the bytes of their names: with others than those of UTF-8 only the database knows the order.
        if (database?.encoding !== 'UTF8' && database?.encoding !== 'SQL_ASCII') this.cache.turnOff();
        if (former !== installationId) events.joined(installationId, former);
      },
    };
  }
}
