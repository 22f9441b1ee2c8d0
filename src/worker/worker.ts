import type { Database } from '../db/database.ts';
import { Listener } from '../db/listener.ts';
import { claim, type ClaimedStep, forgetClaims, loadStepInputs, ordinalOf, type StepInputs } from '../engine/claim.ts';
import { Notifier } from '../engine/notifier.ts';
import { registerWorkflow } from '../engine/register-workflow.ts';
import { lostClaims } from '../engine/workers.ts';
import { Membership } from '../membership/membership.ts';
import type { StepLogger } from '../workflow/definition.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import type { StepLabels, WorkerEvents } from './events.ts';
import { executeStep, type Outcome, type StepKind } from './execute-step.ts';
import { Flusher } from './flusher.ts';
import { OpenClaims } from './open-claims.ts';
import { Poller } from './poller.ts';
import { currentStep } from './current-step.ts';
import { type QuarantineProcess, QuarantineWatch } from './quarantine-watch.ts';
import { ResultCache } from './result-cache.ts';
import { RunningSteps } from './running-steps.ts';
import { Slots } from './slots.ts';
import { StrayClaims } from './stray-claims.ts';
import { StepCatalogue } from './step-catalogue.ts';

export interface WorkerOptions {
  db: Database;
  /** Direct connection for LISTEN and the session lock; undefined where there is only a pooler. */
  directUrl: string | undefined;
  /** Connection for the heartbeat where there is no direct one. */
  url: string;
  workflows: readonly WorkflowDefinition[];
  queues: readonly string[];
  /** How many handlers may run at once. */
  slots: number;
  name: string;
  version: string;
  /** Listen for hints that there is work. */
  notify: boolean;
  minPollIntervalMs: number;
  maxPollIntervalMs: number;
  maxClaim: number;
  /** Claim the children of a completed step in the same round trip. */
  fusedClaims: boolean;
  leaseSeconds: number;
  heartbeatIntervalMs: number;
  maxStallMs: number;
  drainGraceSeconds: number;
  abortGraceMs: number;
  defaultStepTimeoutSeconds: number;
  maxResultBytes: number;
  maxBackoffRequestSeconds: number;
  backoffCapSeconds: number;
  backoffDisabled: boolean;
  resultCacheBytes: number;
  /** Starts a process for steps in quarantine; undefined: the worker runs them beside the others, one at a time. */
  startQuarantine?: (() => QuarantineProcess) | undefined;
  /** False in a process that serves quarantines itself. */
  watchesQuarantine?: boolean;
  /** Whether a process whose event loop stands still, with no step inside its time limit, is killed. */
  endsWhenStalled?: boolean;
  events: WorkerEvents;
  loggerFor: (bindings: { task_id: string; step: string; attempt: number; worker_id: string }) => StepLogger;
  onRound?: () => void;
}

/** Of so many completions one leaves its children to the queue, so that steps of higher priority get their turn. */
const FUSED_ROUNDS = 16;
/** Steps that run longer than this are looked after: does the database still count them as ours? */
const LOST_CLAIM_CHECK_MS = 2000;
/** Steps in quarantine are rare, and in no hurry. */
const QUARANTINE_LOOK_MS = 1000;

/**
 * A process that runs steps. start -> running -> stop (drain); stop is idempotent, safe before start, and resolves when
 * everything that ran here has ended or was given back.
 */
export class Worker {
  private readonly options: WorkerOptions;
  private readonly slots: Slots;
  private readonly running: RunningSteps;
  private readonly cache: ResultCache;
  private readonly claims = new OpenClaims();
  private readonly membership: Membership;
  private readonly notifier: Notifier;
  private catalogue: StepCatalogue | undefined;
  private poller: Poller | undefined;
  private flusher: Flusher | undefined;
  private listener: Listener | undefined;
  private readonly strays: StrayClaims;
  private quarantine: QuarantineWatch | undefined;
  private quarantinedClaim = '';
  private lostClaimTimer: NodeJS.Timeout | undefined;
  private fusedRound = 0;
  private draining = false;
  private starting: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;

  constructor(options: WorkerOptions) {
    this.options = options;
    this.slots = new Slots(options.slots, () => this.poller?.slotFreed());
    this.running = new RunningSteps(options.abortGraceMs, (untilMs) => this.membership.allow(untilMs));
    this.cache = new ResultCache(options.resultCacheBytes);
    this.notifier = new Notifier(options.db, 100);
    this.strays = new StrayClaims({
      db: options.db,
      workerId: () => (this.membership.joined ? this.membership.workerId : undefined),
      isKnown: (claimId) => this.claims.isKnown(claimId),
      onFound: (steps) => void this.accept(steps),
      onEmpty: (claimId) => this.claims.closedUnopened(claimId),
    });
    this.membership = new Membership({
      db: options.db,
      url: options.directUrl ?? options.url,
      sessionLock: options.directUrl !== undefined,
      role: 'worker',
      name: options.name,
      version: options.version,
      queues: options.queues,
      slots: options.slots,
      leaseSeconds: options.leaseSeconds,
      heartbeatIntervalMs: options.heartbeatIntervalMs,
      maxStallMs: options.maxStallMs,
      endsWhenStalled: options.endsWhenStalled ?? false,
      busySlots: () => this.slots.busy,
      allowedUntilMs: () => this.running.allowedUntilMs(),
      onLeaseLost: (formerId) => this.onLeaseLost(formerId),
      onError: (what, error) => options.events.failed(what, error),
    });
  }

  get workerId(): string {
    return this.membership.workerId;
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

  stop(): Promise<void> {
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
  crash(error: unknown): boolean {
    const culprit = currentStep.getStore();
    culprit?.crash(error);
    return culprit !== undefined;
  }

  private async doStart(): Promise<void> {
    const { options } = this;
    const catalogue = new StepCatalogue(options);
    for (const definition of options.workflows) {
      catalogue.add(await registerWorkflow(options.db, definition), definition);
    }
    this.catalogue = catalogue;
    await this.membership.join();
    this.running.start();
    const shared = {
      db: options.db,
      queues: options.queues,
      namedTaskIds: catalogue.namedTaskIds,
      takeClosedClaims: () => this.claims.takeClosed(),
      untakeClosedClaims: (ids: readonly string[]) => this.claims.untake(ids),
      onError: (what: string, error: unknown) => options.events.failed(what, error),
    };
    this.flusher = new Flusher({
      ...shared,
      workerId: () => this.membership.workerId,
      backoffDisabled: options.backoffDisabled,
      maxBatch: 500,
      reserveSlots: (completions) => this.reserveForChildren(completions),
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
      onFlushed: (steps, seconds) => options.events.flushed({ steps, seconds }),
      onTasksEnded: (state, taskIds) => {
        for (const taskId of taskIds) this.cache.delete(taskId);
        options.events.taskEnded(state, taskIds.length);
      },
    });
    this.poller = new Poller({
      ...shared,
      slots: this.slots,
      maxClaim: options.maxClaim,
      minIntervalMs: options.minPollIntervalMs,
      maxIntervalMs: options.maxPollIntervalMs,
      workerId: () => (this.membership.joined ? this.membership.workerId : undefined),
      onClaimed: (queue, steps, seconds) => {
        options.events.claimed({ queue, steps: steps.length, seconds, fused: false });
        void this.accept(steps);
      },
      onRound: () => options.onRound?.(),
    });
    if (options.notify && options.directUrl !== undefined) {
      this.listener = new Listener({
        url: options.directUrl,
        schema: options.db.schema,
        applicationName: 'tasker listener',
        onReady: (queue) => {
          if (options.queues.includes(queue)) this.poller?.wake();
        },
        onError: (error) => options.events.failed('listen', error),
      });
      await this.listener.start();
    }
    this.lostClaimTimer = setInterval(() => void this.checkLostClaims(), LOST_CLAIM_CHECK_MS).unref();
    if (options.watchesQuarantine !== false) {
      this.quarantine = new QuarantineWatch({
        db: options.db,
        queues: options.queues,
        namedTaskIds: catalogue.namedTaskIds,
        intervalMs: QUARANTINE_LOOK_MS,
        start: options.startQuarantine,
        runHere: (queue) => this.runQuarantined(queue, catalogue.namedTaskIds),
        onError: (what, error) => options.events.failed(what, error),
      });
      this.quarantine.start();
    }
    this.poller.start();
  }

  private async doStop(): Promise<void> {
    await this.starting?.catch(() => undefined);
    this.draining = true;
    this.membership.setDraining();
    await this.listener?.stop();
    await this.poller?.stop();
    const quarantineEnds = this.quarantine?.stop();
    const graceMs = this.options.drainGraceSeconds * 1000;
    const ended = async (): Promise<void> => {
      do {
        await this.slots.idle();
        await this.flusher?.drained();
      } while (this.slots.busy > 0);
    };
    if (!(await within(ended(), graceMs))) {
      this.running.abortAll('drain');
      if (!(await within(ended(), Math.min(2000, graceMs)))) {
        this.running.giveUpAll('drain');
        await within(ended(), 2000);
      }
    }
    await quarantineEnds;
    clearInterval(this.lostClaimTimer);
    this.running.stop();
    await this.notifier.flush();
    await forgetClaims(this.options.db, this.claims.takeClosed()).catch((error: unknown) =>
      this.options.events.failed('forget claims', error),
    );
    await this.membership.leave().catch((error: unknown) => this.options.events.failed('leave', error));
  }

  /** Where no process of its own can be started: at least no two of them at once. */
  private async runQuarantined(queue: string, namedTaskIds: readonly number[]): Promise<void> {
    if (this.draining || !this.membership.joined || this.claims.isOpen(this.quarantinedClaim)) return;
    const granted = this.slots.reserve(1);
    if (granted === 0) return;
    const { workerId } = this.membership;
    try {
      const steps = await claim(this.options.db, { workerId, queue, namedTaskIds, limit: 1 });
      this.quarantinedClaim = steps[0]?.claimId ?? '';
      void this.accept(steps);
    } finally {
      this.slots.unreserve(granted);
    }
  }

  private reserveForChildren(completions: number): number {
    if (this.draining || !this.options.fusedClaims || !this.membership.joined) return 0;
    this.fusedRound += 1;
    if (this.fusedRound % FUSED_ROUNDS === 0) {
      this.poller?.wake();
      return 0;
    }
    return this.slots.reserve(completions * 2);
  }

  /** Runs claimed steps, after loading the inputs of those that were claimed by a completion and are not all here. */
  private async accept(steps: readonly ClaimedStep[]): Promise<void> {
    const [first] = steps;
    if (first === undefined || this.claims.isOpen(first.claimId) || this.strays.wasAdopted(first.claimId)) return;
    for (const step of steps) this.claims.opened(step.claimId, 1);
    const missing: ClaimedStep[] = [];
    for (const step of steps) {
      const inputs = step.inputs ?? this.cachedInputs(step);
      if (inputs === undefined) missing.push(step);
      else this.run(step, inputs);
    }
    if (missing.length === 0) return;
    // Their slots are held while their inputs are on the way.
    const held = this.slots.reserve(missing.length);
    const loaded = await this.loadInputs(missing);
    this.slots.unreserve(held);
    for (const step of missing) {
      const inputs = loaded.get(step.stepId);
      if (inputs === undefined) this.claims.ended(step.claimId);
      else this.run(step, inputs);
    }
  }

  private async loadInputs(steps: readonly ClaimedStep[]): Promise<Map<string, StepInputs>> {
    for (;;) {
      try {
        return await loadStepInputs(this.options.db, steps);
      } catch (error) {
        this.options.events.failed('load inputs', error);
        await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 400));
      }
    }
  }

  private cachedInputs(step: ClaimedStep): StepInputs | undefined {
    const kind = this.catalogue?.find(step.namedTaskId, ordinalOf(step.stepId));
    const cached = this.cache.get(step.taskId);
    if (kind === undefined || cached === undefined) return undefined;
    const parts: string[] = [];
    for (const { ordinal } of kind.parents) {
      const result = cached.results.get(ordinal);
      if (result === undefined) return undefined;
      parts.push(`"${ordinal}":${result}`);
    }
    return { context: cached.context, parents: `{${parts.join(',')}}`, bypassSteps: cached.bypassSteps };
  }

  private run(step: ClaimedStep, inputs: StepInputs): void {
    this.slots.run(() => this.runInSlot(step, inputs));
  }

  private async runInSlot(step: ClaimedStep, inputs: StepInputs): Promise<void> {
    const { events } = this.options;
    const kind = this.catalogue?.find(step.namedTaskId, ordinalOf(step.stepId));
    if (kind === undefined) {
      // A claim only takes steps of registered workflows, so this one changed under us: give it back.
      this.flush(step, undefined, { kind: 'release' }, 0, undefined);
      return;
    }
    const labels = kind.labels;
    if (this.draining) {
      this.flush(step, kind, { kind: 'release' }, 0, labels);
      return;
    }
    events.started(labels, { waitedSeconds: step.waitedSeconds, attempt: step.attempt });
    const started = performance.now();
    const outcome = await executeStep(kind, step, inputs, {
      running: this.running,
      maxResultBytes: this.options.maxResultBytes,
      maxBackoffRequestSeconds: this.options.maxBackoffRequestSeconds,
      loggerFor: () =>
        this.options.loggerFor({
          task_id: step.taskId,
          step: kind.template.name,
          attempt: step.attempt,
          worker_id: this.membership.joined ? this.membership.workerId : '',
        }),
      onStuck: (_, stuck) => {
        if (stuck) events.stuck(labels);
      },
    });
    const seconds = (performance.now() - started) / 1000;
    if (outcome.kind === 'abandoned') {
      this.claims.ended(step.claimId);
      events.finished(labels, { outcome: 'lost', seconds, attempt: step.attempt });
      return;
    }
    if (outcome.kind === 'complete' && kind.template.childOrdinals.length > 0) {
      this.cache.put(step.taskId, inputs, kind.template.ordinal, outcome.result);
    }
    this.flush(step, kind, outcome, seconds, labels);
  }

  private flush(
    step: ClaimedStep,
    kind: StepKind | undefined,
    outcome: Exclude<Outcome, { kind: 'abandoned' }>,
    seconds: number,
    labels: StepLabels | undefined,
  ): void {
    this.flusher?.add({
      step,
      outcome,
      backoffCapSeconds: kind?.backoffCapSeconds ?? this.options.backoffCapSeconds,
      told: ({ lost, willRetry }) => {
        this.claims.ended(step.claimId);
        if (labels === undefined) return;
        this.options.events.finished(labels, {
          outcome: lost ? 'lost' : OUTCOMES[outcome.kind === 'fail' ? outcome.cause : outcome.kind],
          seconds,
          attempt: step.attempt,
          ...(willRetry === undefined ? {} : { willRetry }),
        });
      },
    });
  }

  private onLeaseLost(formerId: string): void {
    this.options.events.leaseLost(formerId);
    this.running.abortAll('claim_lost');
  }

  private async checkLostClaims(): Promise<void> {
    try {
      const lost = await lostClaims(this.options.db, this.running.claims(LOST_CLAIM_CHECK_MS));
      if (lost.length > 0) this.running.abortSteps(lost, 'claim_lost');
      await this.strays.look();
    } catch (error) {
      this.options.events.failed('check claims', error);
    }
  }
}

const OUTCOMES = { complete: 'complete', fail: 'error', timeout: 'timeout', release: 'released' } as const;

async function within(work: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([work.then(() => true as const), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
