import type { StepClaim } from '../../engine/claim.ts';
import { type AbortCause, StepAborted } from './step-aborted.ts';

export interface RunningAttempt {
  readonly step: StepClaim;
  /** Its index among the running attempts, which set it. */
  index: number;
  /** Made when the handler first reads its signal, or at the abort: most handlers never do, and one costs more than the rest. */
  controller: AbortController | undefined;
  /** Milliseconds of performance.now(). */
  readonly startedAt: number;
  readonly deadlineAt: number;
  /** Ends the wait for a handler that does not react to its signal. */
  giveUp: (cause: AbortCause) => void;
  /** Ends the attempt with an error of its code that could not be caught. */
  crash: (error: unknown) => void;
  abortedBy: AbortCause | undefined;
  giveUpAt: number;
}

const SWEEP_MS = 50;
/** `performance.timeOrigin`, cached: the getter is too slow to be read for every step. */
const EPOCH_MS = performance.timeOrigin;

/**
 * The attempts that run now. One sweep checks all deadlines, which costs less than a timer for each step: at the deadline
 * the signal fires; after a further grace the handler is given up on.
 */
export class RunningAttempts {
  /** Dense, in no order: each attempt has its index, so that the last one can take the place of one that ends. */
  private readonly attempts: RunningAttempt[] = [];
  private readonly abortGraceMs: number;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(abortGraceMs: number) {
    this.abortGraceMs = abortGraceMs;
  }

  get size(): number {
    return this.attempts.length;
  }

  start(): void {
    if (!this.stopped) this.timer ??= setInterval(() => this.sweep(performance.now()), SWEEP_MS).unref();
  }

  stop(): void {
    this.stopped = true;
    clearInterval(this.timer);
  }

  /** Returns until when the attempt may hold the event loop, in milliseconds of the epoch. */
  add(attempt: RunningAttempt): number {
    attempt.index = this.attempts.push(attempt) - 1;
    return EPOCH_MS + attempt.deadlineAt + this.abortGraceMs;
  }

  remove(attempt: RunningAttempt): void {
    if (this.attempts[attempt.index] !== attempt) return;
    const last = this.attempts.pop() as RunningAttempt;
    if (last === attempt) return;
    this.attempts[attempt.index] = last;
    last.index = attempt.index;
  }

  /** The latest deadline with its grace, in milliseconds of the epoch; 0 if nothing runs. */
  stallDeadlineMs(): number {
    let latest = 0;
    for (const { deadlineAt } of this.attempts) latest = Math.max(latest, deadlineAt);
    return latest === 0 ? 0 : EPOCH_MS + latest + this.abortGraceMs;
  }

  claims(olderThanMs = 0): StepClaim[] {
    const before = performance.now() - olderThanMs;
    return this.attempts.filter(({ startedAt }) => startedAt <= before).map(({ step }) => step);
  }

  abortAll(cause: AbortCause): void {
    for (const attempt of this.attempts.slice()) this.abort(attempt, cause);
  }

  /** The claims of these steps were lost: the results of their handlers do not count any more. */
  abortSteps(stepIds: readonly string[], cause: AbortCause): void {
    const wanted = new Set(stepIds);
    for (const attempt of this.attempts.slice()) if (wanted.has(attempt.step.stepId)) this.abort(attempt, cause);
  }

  giveUpAll(cause: AbortCause): void {
    for (const attempt of this.attempts.slice()) attempt.giveUp(cause);
  }

  private abort(attempt: RunningAttempt, cause: AbortCause): void {
    if (attempt.abortedBy !== undefined) return;
    attempt.abortedBy = cause;
    attempt.giveUpAt = performance.now() + this.abortGraceMs;
    attempt.controller ??= new AbortController();
    attempt.controller.abort(new StepAborted(cause));
  }

  private sweep(now: number): void {
    // Backwards: one that is given up on leaves at once, and the last takes its place.
    for (let index = this.attempts.length - 1; index >= 0; index -= 1) {
      const attempt = this.attempts[index];
      if (attempt === undefined) continue;
      if (attempt.abortedBy === undefined && now >= attempt.deadlineAt) this.abort(attempt, 'timeout');
      else if (attempt.abortedBy !== undefined && now >= attempt.giveUpAt) attempt.giveUp(attempt.abortedBy);
    }
  }
}
