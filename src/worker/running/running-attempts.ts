import type { StepClaim } from '../../engine/claim.ts';

/** Why a running handler is asked to stop; the reason of its AbortSignal. */
export type AbortCause = 'timeout' | 'drain' | 'claim_lost';

export class StepAborted extends Error {
  readonly abortCause: AbortCause;

  constructor(abortCause: AbortCause, message: string) {
    super(message);
    this.name = 'StepAborted';
    this.abortCause = abortCause;
  }
}

export interface RunningAttempt {
  readonly step: StepClaim;
  /** Where it is among those that run; theirs to set. */
  index: number;
  /** Made when the handler first asks for its signal, or at the abort: most handlers never do, and one costs more than the rest. */
  controller: AbortController | undefined;
  /** Milliseconds of performance.now(). */
  readonly startedAt: number;
  readonly deadlineAt: number;
  /** Ends the wait for a handler that does not react to its signal. */
  giveUp: (cause: AbortCause) => void;
  /** Ends the attempt with an error that its code threw where nobody could catch it. */
  crash: (error: unknown) => void;
  abortedBy: AbortCause | undefined;
  giveUpAt: number;
}

const SWEEP_MS = 50;
/** When performance.now() was 0. A getter looks it up, which is too much for every step. */
const EPOCH_MS = performance.timeOrigin;

/**
 * The handlers that run now. One sweep looks at all deadlines, which costs less than a timer for each step: at the deadline
 * the signal fires; after a further grace the handler is given up on.
 */
export class RunningAttempts {
  /** Dense, in no order: each knows its place, so that the last one can take the place of one that ends. */
  private readonly steps: RunningAttempt[] = [];
  private readonly abortGraceMs: number;
  private readonly onAllowed: (untilMs: number) => void;
  private timer: NodeJS.Timeout | undefined;

  /** `onAllowed` hears of each step until when, in milliseconds of the epoch, it may hold the event loop. */
  constructor(abortGraceMs: number, onAllowed: (untilMs: number) => void = () => undefined) {
    this.abortGraceMs = abortGraceMs;
    this.onAllowed = onAllowed;
  }

  get size(): number {
    return this.steps.length;
  }

  start(): void {
    this.timer ??= setInterval(() => this.sweep(performance.now()), SWEEP_MS).unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  add(step: RunningAttempt): void {
    step.index = this.steps.push(step) - 1;
    this.onAllowed(EPOCH_MS + step.deadlineAt + this.abortGraceMs);
  }

  remove(step: RunningAttempt): void {
    if (this.steps[step.index] !== step) return;
    const last = this.steps.pop() as RunningAttempt;
    if (last === step) return;
    this.steps[step.index] = last;
    last.index = step.index;
  }

  /** The latest deadline with its grace, as milliseconds of the epoch; 0 when nothing runs. */
  stallDeadlineMs(): number {
    let latest = 0;
    for (const step of this.steps) latest = Math.max(latest, step.deadlineAt);
    return latest === 0 ? 0 : EPOCH_MS + latest + this.abortGraceMs;
  }

  claims(olderThanMs = 0): StepClaim[] {
    const before = performance.now() - olderThanMs;
    return this.steps.filter(({ startedAt }) => startedAt <= before).map(({ step }) => step);
  }

  abortAll(cause: AbortCause): void {
    for (const step of this.steps.slice()) this.abort(step, cause);
  }

  /** The database took these steps away; whatever their handlers answer is not wanted any more. */
  abortSteps(stepIds: readonly string[], cause: AbortCause): void {
    const wanted = new Set(stepIds);
    for (const running of this.steps.slice()) if (wanted.has(running.step.stepId)) this.abort(running, cause);
  }

  giveUpAll(cause: AbortCause): void {
    for (const step of this.steps.slice()) step.giveUp(cause);
  }

  private abort(step: RunningAttempt, cause: AbortCause): void {
    if (step.abortedBy !== undefined) return;
    step.abortedBy = cause;
    step.giveUpAt = performance.now() + this.abortGraceMs;
    step.controller ??= new AbortController();
    step.controller.abort(new StepAborted(cause, ABORT_MESSAGES[cause]));
  }

  private sweep(now: number): void {
    // Backwards: one that is given up on leaves at once, and the last takes its place.
    for (let index = this.steps.length - 1; index >= 0; index -= 1) {
      const step = this.steps[index];
      if (step === undefined) continue;
      if (step.abortedBy === undefined && now >= step.deadlineAt) this.abort(step, 'timeout');
      else if (step.abortedBy !== undefined && now >= step.giveUpAt) step.giveUp(step.abortedBy);
    }
  }
}

const ABORT_MESSAGES: Record<AbortCause, string> = {
  timeout: 'the step ran longer than its timeout',
  drain: 'the worker is shutting down; the step is given back and will run elsewhere',
  claim_lost: 'the step was taken away from this worker (its task was cancelled, or its lease had run out)',
};
