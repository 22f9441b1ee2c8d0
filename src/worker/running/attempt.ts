import { AsyncResource } from 'node:async_hooks';
import type { ClaimedStep, StepInputs } from '../../engine/claim.ts';
import type { Membership } from '../../membership/membership.ts';
import type { AttemptTrace } from '../../tracing/attempt-trace.ts';
import type { StepLogger } from '../../workflow/definition.ts';
import { type CalledAttempt, callHandler } from './call-handler.ts';
import { abortedOutcome, COMPLETE_WITH_NOTHING, returnedOutcome, thrownOutcome } from './outcome.ts';
import type { RunningAttempts } from './running-attempts.ts';
import type { AbortCause } from './step-aborted.ts';
import type { StepType } from '../scope/handler-registry.ts';
import type { Outcome } from '../scope/outputs.ts';
import type { WorkerSettings } from '../scope/worker-options.ts';
import type { WorkerState } from '../scope/worker-scope.ts';

/** What all attempts of a worker have in common. The callbacks are made once for all of them, and carry the result of each. */
export interface AttemptHost {
  readonly running: RunningAttempts;
  readonly settings: Pick<WorkerSettings, 'maxResultBytes' | 'maxBackoffRequestSeconds'>;
  readonly state: Pick<WorkerState, 'installationId'>;
  readonly membership: Pick<Membership, 'extendStallDeadline'>;
  /** Made where the worker started, so that a handler's code runs in that context, with its step added and nothing else. */
  readonly startContext: AsyncResource;
  readonly loggerFor: (type: StepType, step: ClaimedStep, trace: AttemptTrace | undefined) => StepLogger;
  /** Begins the trace of an attempt whose task has one. */
  readonly traceFor: (type: StepType, step: ClaimedStep, traceContext: string) => AttemptTrace | undefined;
  /** The handler went on after its deadline and the grace, and was given up on. */
  readonly onUnresponsive: (attempt: Attempt) => void;
  /** Must not throw. */
  readonly onEnded: (attempt: Attempt, outcome: Outcome) => void;
}

type End = 'returned' | 'threw' | 'crashed' | 'gave up';

/** As it was before any handler's code ran: a `then` that a promise has of its own is not called. */
const { then } = Promise.prototype;
const { parse } = JSON;

/**
 * An attempt at a step: runs its handler, to an outcome, whatever the handler does short of ending the process. Written with
 * callbacks, since there are tens of thousands a second: an attempt whose handler returns no promise makes none, and any
 * other attempt makes one beside the handler's own.
 */
export class Attempt implements CalledAttempt {
  readonly type: StepType;
  readonly step: ClaimedStep;
  readonly inputs: StepInputs;
  readonly installationId: string;
  readonly startedAt = performance.now();
  readonly deadlineAt: number;
  index = -1;
  controller: AbortController | undefined = undefined;
  abortedBy: AbortCause | undefined = undefined;
  giveUpAt = Infinity;
  trace: AttemptTrace | undefined = undefined;
  private readonly host: AttemptHost;
  private readonly done: () => void;
  private calling = false;
  private end: End | undefined = undefined;
  /** What the handler returned or threw, by `end`. */
  private value: unknown = undefined;

  /** `done`: called when the attempt has ended, after `onEnded`. */
  constructor(type: StepType, step: ClaimedStep, inputs: StepInputs, host: AttemptHost, done: () => void) {
    this.type = type;
    this.step = step;
    this.inputs = inputs;
    this.installationId = host.state.installationId;
    this.deadlineAt = this.startedAt + type.timeoutMs;
    this.host = host;
    this.done = done;
  }

  run(): void {
    const { host } = this;
    if (isBypassed(this.type, this.inputs)) return this.finish(COMPLETE_WITH_NOTHING);
    const { traceContext } = this.inputs;
    if (traceContext !== null) this.trace = host.traceFor(this.type, this.step, traceContext);
    // Before the handler is called: it may hold the event loop from its first instruction on.
    host.membership.extendStallDeadline(host.running.add(this));
    this.calling = true;
    const promise = host.startContext.runInAsyncScope(callHandler, undefined, this);
    this.calling = false;
    if (promise !== undefined) {
      // Outside of the step's context: what follows is the worker's code.
      void then.call(
        promise,
        (value: unknown) => this.endBy('returned', value),
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

  /** A handler that returns no promise can be neither given up on nor crash later: what it returned or threw counts. */
  endedAtOnce(end: 'returned' | 'threw', value: unknown): void {
    this.end = end;
    this.value = value;
  }

  log(): StepLogger {
    return this.host.loggerFor(this.type, this.step, this.trace);
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
    const { type, host, value, abortedBy } = this;
    if (end === 'gave up') {
      host.onUnresponsive(this);
      return abortedOutcome(value as AbortCause, type, undefined);
    }
    // Before anything else: the drain that follows a crash must not release this attempt as if it had not caused the crash.
    if (end === 'crashed') return thrownOutcome(value, host.settings.maxBackoffRequestSeconds);
    if (end === 'returned') {
      if (abortedBy === 'claim_lost') return abortedOutcome(abortedBy, type, undefined);
      return returnedOutcome(value, type, host.settings.maxResultBytes);
    }
    if (abortedBy !== undefined) return abortedOutcome(abortedBy, type, value);
    return thrownOutcome(value, host.settings.maxBackoffRequestSeconds);
  }
}

/** A submit may name steps that its task does without, if the workflow declares them skippable. */
function isBypassed(type: StepType, inputs: StepInputs): boolean {
  if (inputs.bypassSteps === null || !type.template.skippable) return false;
  return (parse(inputs.bypassSteps) as unknown[]).includes(type.template.name);
}
