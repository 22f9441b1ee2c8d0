import { AsyncResource } from 'node:async_hooks';
import type { ClaimedStep, StepInputs } from '../../engine/claim.ts';
import type { StepLogger } from '../../workflow/definition.ts';
import { currentStep } from './current-step.ts';
import { abortedOutcome, answeredOutcome, COMPLETE_WITH_NOTHING, type Outcome, thrownOutcome } from './outcome.ts';
import type { AbortCause, RunningAttempts } from './running-attempts.ts';
import { Context, type ContextSource } from './step-context.ts';
import type { StepType } from '../scope/handler-registry.ts';

/** What all attempts of a worker have in common. */
export interface AttemptHost {
  running: RunningAttempts;
  maxResultBytes: number;
  maxBackoffRequestSeconds: number;
  /** Made where the worker started, so that a handler's code runs in that context, with its step added and nothing else. */
  scope: AsyncResource;
  /** The installation that the worker has joined. */
  installationId: () => string;
  loggerFor: (kind: StepType, step: ClaimedStep) => StepLogger;
  /** The handler went on after its deadline and the grace, and was given up on. */
  onStuck: (kind: StepType) => void;
  /** Must not throw. */
  onEnded: (attempt: Attempt, outcome: Outcome) => void;
}

type End = 'answered' | 'threw' | 'crashed' | 'gave up';

/** As it was before anybody's code ran: a promise with a `then` of its own is none of our business. */
const { then } = Promise.prototype;
const { parse } = JSON;

/**
 * An attempt at a step: runs its handler, to an outcome, whatever the handler does short of ending the process. Written with
 * callbacks, since there are tens of thousands a second: an attempt whose handler answers at once makes no promise, and any
 * other one beside the handler's own.
 */
export class Attempt implements ContextSource {
  readonly kind: StepType;
  readonly step: ClaimedStep;
  readonly inputs: StepInputs;
  readonly installationId: string;
  readonly startedAt = performance.now();
  readonly deadlineAt: number;
  index = -1;
  controller: AbortController | undefined = undefined;
  abortedBy: AbortCause | undefined = undefined;
  giveUpAt = Infinity;
  private readonly host: AttemptHost;
  private readonly done: () => void;
  private calling = false;
  private end: End | undefined = undefined;
  /** What the handler answered or threw, by `end`. */
  private value: unknown = undefined;

  /** `done`: called when the attempt has ended, after `onEnded`. */
  constructor(kind: StepType, step: ClaimedStep, inputs: StepInputs, host: AttemptHost, done: () => void) {
    this.kind = kind;
    this.step = step;
    this.inputs = inputs;
    this.installationId = host.installationId();
    this.deadlineAt = this.startedAt + kind.timeoutMs;
    this.host = host;
    this.done = done;
  }

  run(): void {
    if (isBypassed(this.kind, this.inputs)) return this.finish(COMPLETE_WITH_NOTHING);
    this.host.running.add(this);
    this.calling = true;
    const promise = this.host.scope.runInAsyncScope(callHandler, undefined, this);
    this.calling = false;
    if (promise !== undefined) {
      // Out here: what follows is the worker's doing, not the step's.
      void then.call(
        promise,
        (value: unknown) => this.endBy('answered', value),
        (error: unknown) => this.endBy('threw', error),
      );
    }
    if (this.end !== undefined) this.conclude(this.end);
  }

  get hasEnded(): boolean {
    return this.end !== undefined;
  }

  giveUp(cause: AbortCause): void {
    this.endBy('gave up', cause);
  }

  crash(error: unknown): void {
    this.endBy('crashed', error);
  }

  /** A handler that answers at once can be neither given up on nor crash later: its answer is what counts. */
  answeredAtOnce(end: 'answered' | 'threw', value: unknown): void {
    this.end = end;
    this.value = value;
  }

  log(): StepLogger {
    return this.host.loggerFor(this.kind, this.step);
  }

  /** The first end counts. */
  private endBy(end: End, value: unknown): void {
    if (this.end !== undefined) return;
    this.end = end;
    this.value = value;
    if (!this.calling) this.conclude(end);
  }

  private conclude(end: End): void {
    this.host.running.remove(this);
    this.finish(this.outcome(end));
  }

  private finish(outcome: Outcome): void {
    this.host.onEnded(this, outcome);
    this.done();
  }

  private outcome(end: End): Outcome {
    const { kind, host, value, abortedBy } = this;
    if (end === 'gave up') {
      host.onStuck(kind);
      return abortedOutcome(value as AbortCause, kind, undefined);
    }
    // Before anything else: the drain that follows a crash must not give this attempt back as if it were innocent.
    if (end === 'crashed') return thrownOutcome(value, host.maxBackoffRequestSeconds);
    if (end === 'answered') {
      if (abortedBy === 'claim_lost') return abortedOutcome(abortedBy, kind, undefined);
      return answeredOutcome(value, kind, host.maxResultBytes);
    }
    if (abortedBy !== undefined) return abortedOutcome(abortedBy, kind, value);
    return thrownOutcome(value, host.maxBackoffRequestSeconds);
  }
}

/** A submit may say that its task does without a step, if the workflow declares that step skippable. */
function isBypassed(kind: StepType, inputs: StepInputs): boolean {
  if (inputs.bypassSteps === null || !kind.template.skippable) return false;
  return (parse(inputs.bypassSteps) as unknown[]).includes(kind.template.name);
}

/**
 * Calls the handler as the step's own code. Never throws; answers a promise of what is still to come.
 * `enterWith` holds until the scope that this is called in ends; `run` would copy the context once more to leave it.
 */
function callHandler(attempt: Attempt): Promise<unknown> | undefined {
  currentStep.enterWith(attempt);
  try {
    const value: unknown = attempt.kind.template.handler(new Context(attempt));
    if (isThenable(value)) return Promise.resolve(value);
    attempt.answeredAtOnce('answered', value);
  } catch (error) {
    attempt.answeredAtOnce('threw', error);
  }
  return undefined;
}

/** Throws where a getter of the value does: a promise that cannot be awaited is an error of the handler. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    value !== null &&
    (typeof value === 'object' || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}
