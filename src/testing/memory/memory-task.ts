import { AsyncResource } from 'node:async_hooks';
import type { UnboundTask } from '../../client/definitions.ts';
import type { ClaimedStep, StepInputs } from '../../engine/claim.ts';
import { Attempt, type AttemptHost } from '../../worker/running/attempt.ts';
import { RunningAttempts } from '../../worker/running/running-attempts.ts';
import { inputsAtHand } from '../../worker/running/step-inputs.ts';
import { HandlerRegistry, type StepType } from '../../worker/scope/handler-registry.ts';
import type { Outcome } from '../../worker/scope/outputs.ts';
import { ResultCache } from '../../worker/scope/result-cache.ts';
import type { WorkflowDefinition } from '../../workflow/definition.ts';
import { backoffWindowSeconds, canRetry } from '../../retry-policy.ts';
import type { State } from '../../workflow/states.ts';
import { storedOccurrence, type TaskOccurrence } from '../../workflow/task-occurrence.ts';
import { STEP_ID_FACTOR } from '../../workflow/step-id.ts';
import { toStorableJson } from '../../workflow/to-storable-json.ts';
import type { HistoryEntry } from '../history.ts';
import { keepingLogger, type LoggedLine } from '../logged-lines.ts';
import type { MemorySettings } from './memory-settings.ts';
import { activeResources, untilQuiet } from './quiet.ts';
import { VirtualTime } from './virtual-time.ts';
import { useVirtualTimers } from './virtual-timers.ts';

const TASK_ID = '1';
const NAMED_TASK_ID = 1;
/** Of the database that is not there; part of every idempotency key. */
const INSTALLATION_ID = '00000000-0000-4000-8000-000000000000';

export interface MemoryStep {
  readonly type: StepType;
  state: State;
  attempts: number;
  unmetParents: number;
  /** No retry will come. */
  blocked: boolean;
  /** JSON text. */
  result: string | undefined;
  error: { name: string; message: string; [field: string]: unknown } | undefined;
}

/**
 * One task in memory. The attempts, their contexts and their outcomes are made by the worker's own code, and when a step is tried
 * again is decided by the functions of the retry policy; here is what a fleet leaves to the database: states, readiness and time.
 */
export class MemoryTask {
  readonly steps: readonly MemoryStep[];
  readonly history: HistoryEntry[] = [];
  readonly logged: LoggedLine[] = [];
  readonly time = new VirtualTime();
  state: State = 'pending';
  private readonly task: UnboundTask;
  private readonly context: string;
  private readonly schedule: string | null;
  private readonly settings: MemorySettings;
  private readonly registry: HandlerRegistry;
  private readonly cache = new ResultCache(Infinity);
  private readonly running: RunningAttempts;
  private readonly attempts = new Set<Attempt>();
  private readonly host: AttemptHost;
  /** Counts attempts that began or ended. */
  private changes = 0;

  constructor(
    definition: WorkflowDefinition,
    task: UnboundTask,
    settings: MemorySettings,
    schedule: TaskOccurrence | undefined,
  ) {
    this.task = task;
    this.schedule = schedule === undefined ? null : JSON.stringify(storedOccurrence(schedule));
    this.settings = settings;
    const context = toStorableJson(JSON.parse(task.context), { maxBytes: Infinity, asJsonb: true });
    this.context = context.ok ? context.json : task.context;
    this.registry = new HandlerRegistry(settings);
    this.registry.add(NAMED_TASK_ID, definition);
    this.running = new RunningAttempts(settings.abortGraceMs);
    this.host = {
      running: this.running,
      settings,
      state: { installationId: INSTALLATION_ID },
      membership: { extendStallDeadline: () => undefined },
      startContext: new AsyncResource('TASKER_STEP'),
      loggerFor: ({ template }, { attempt }) => keepingLogger(this.logged, { step: template.name, attempt }),
      traceFor: () => undefined,
      onUnresponsive: () => undefined,
      onEnded: (attempt, outcome) => this.ended(attempt, outcome),
    };
    this.steps = definition.steps.map(({ ordinal, parentOrdinals }): MemoryStep => ({
      type: this.registry.find(NAMED_TASK_ID, ordinal) as StepType,
      state: 'pending',
      attempts: 0,
      unmetParents: parentOrdinals.length,
      blocked: false,
      result: undefined,
      error: undefined,
    }));
  }

  /** Runs the task until nothing can go on in it. */
  async run(): Promise<void> {
    const resources = activeResources();
    const quiet = {
      progress: () => this.changes + this.time.timersSet,
      onlyTimers: () => [...this.attempts].every((attempt) => this.time.waitsFor(attempt)),
      patienceMs: this.settings.patienceMs,
    };
    for (const step of this.ready(this.steps)) this.claim(step);
    while (this.attempts.size > 0 || this.time.hasEvents) {
      if (this.attempts.size > 0 && !this.time.isDue) await untilQuiet(quiet, resources);
      this.time.advance();
    }
    const ended = this.steps.every(({ state }) => state === 'complete');
    this.move(undefined, this.state, ended ? 'complete' : 'error', ended ? 'complete' : 'step_blocked');
    this.state = ended ? 'complete' : 'error';
  }

  private ready(steps: readonly MemoryStep[]): MemoryStep[] {
    const priorityOf = ({ type }: MemoryStep): number => this.task.priority ?? type.template.priority;
    return steps
      .filter(({ state, unmetParents }) => state === 'pending' && unmetParents === 0)
      .toSorted((a, b) => priorityOf(a) - priorityOf(b));
  }

  private claim(step: MemoryStep): void {
    const { type } = step;
    if (this.state === 'pending') {
      this.move(undefined, 'pending', 'in_progress', 'claim');
      this.state = 'in_progress';
    }
    this.move(step, 'pending', 'in_progress', 'claim');
    step.attempts += 1;
    const claimed: ClaimedStep = {
      taskId: TASK_ID,
      stepId: String(Number(TASK_ID) * STEP_ID_FACTOR + type.template.ordinal),
      claimId: `${type.template.name} ${step.attempts}`,
      namedTaskId: NAMED_TASK_ID,
      attempt: step.attempts,
      retryLimit: type.template.retryLimit,
      waitedSeconds: 0,
    };
    const attempt = new Attempt(type, claimed, this.inputsOf(claimed, type), this.host, () => undefined);
    this.attempts.add(attempt);
    this.changes += 1;
    if (this.settings.virtualTimers) useVirtualTimers(attempt, this.time, (error) => attempt.crash(error));
    this.time.after(type.timeoutMs, this.deadlineOf(attempt), () => this.timeOut(attempt));
    attempt.run();
  }

  private inputsOf(claimed: ClaimedStep, { parents }: StepType): StepInputs {
    const { identityHash, bypassSteps } = this.task;
    const root: StepInputs = {
      context: this.context,
      parents: null,
      bypassSteps: bypassSteps === undefined ? null : JSON.stringify(bypassSteps),
      schedule: this.schedule,
      traceContext: null,
      identityHash,
      hasHistory: false,
      hasEarlierKey: false,
    };
    return parents.length === 0 ? root : (inputsAtHand(claimed, this.registry, this.cache) as StepInputs);
  }

  /** What the events of an attempt's time limit belong to: they are not timers of its handler. */
  private deadlineOf(attempt: Attempt): object {
    return attempt.step;
  }

  private timeOut(attempt: Attempt): void {
    this.running.abortSteps([attempt.step.stepId], 'timeout');
    this.time.after(this.settings.abortGraceMs, this.deadlineOf(attempt), () => attempt.giveUp('timeout'));
  }

  private ended(attempt: Attempt, outcome: Outcome): void {
    const step = this.steps[attempt.type.template.ordinal - 1] as MemoryStep;
    this.attempts.delete(attempt);
    this.changes += 1;
    this.time.forget(attempt);
    this.time.forget(this.deadlineOf(attempt));
    if (outcome.kind === 'complete') this.complete(step, attempt, outcome.result);
    else if (outcome.kind === 'fail') this.fail(step, outcome);
  }

  private complete(step: MemoryStep, attempt: Attempt, result: string): void {
    this.move(step, 'in_progress', 'complete', 'complete');
    step.result = result;
    const { ordinal, childOrdinals } = step.type.template;
    if (childOrdinals.length === 0) return;
    this.cache.put(TASK_ID, attempt.inputs, ordinal, result);
    const children = childOrdinals.map((child) => this.steps[child - 1] as MemoryStep);
    for (const child of children) child.unmetParents -= 1;
    // Not at once: a chain of thousands of handlers that return at once must not overflow the stack.
    for (const child of this.ready(children)) this.time.after(0, child, () => this.claim(child));
  }

  private fail(step: MemoryStep, outcome: Outcome & { kind: 'fail' }): void {
    const { template, backoffCapSeconds, backoffInitialSeconds } = step.type;
    step.error = (JSON.parse(outcome.metadata) as { error: NonNullable<MemoryStep['error']> }).error;
    this.move(step, 'in_progress', 'error', outcome.cause, step.error);
    const { permanent, requestedBackoffSeconds: requestedSeconds } = outcome;
    const { retryLimit, retryable } = template;
    if (!canRetry({ attempts: step.attempts, retryLimit, retryable, permanent })) {
      step.blocked = true;
      return;
    }
    const { min, max } = backoffWindowSeconds(step.attempts, {
      initialSeconds: backoffInitialSeconds,
      maxSeconds: backoffCapSeconds,
      requestedSeconds,
      maxRequestedSeconds: this.settings.maxBackoffRequestSeconds,
    });
    const seconds = min + (max - min) * this.settings.random();
    this.time.after(seconds * 1000, step, () => {
      this.move(step, 'error', 'pending', 'retry_due');
      this.claim(step);
    });
  }

  private move(
    step: MemoryStep | undefined,
    from: State,
    to: State,
    cause: string,
    error?: { name: string; message: string },
  ): void {
    if (step !== undefined) step.state = to;
    this.history.push({
      step: step?.type.template.name,
      from,
      to,
      cause,
      error: error === undefined ? undefined : { name: error.name, message: error.message },
      atMs: this.time.nowMs,
    });
  }
}
