import { isFinal, type State } from '../workflow/states.ts';
import { addRow, isDone } from './history.ts';
import { block, blockCancelled, retryDueAt } from './map-steps.ts';
import type { MappedStep } from './mapped-task.ts';
import type { SourceStep } from './source-task.ts';

/** What becomes of steps that are running in Tasker (Ruby) when their task is handed over. */
export type InFlight = 'wait' | 'block' | 'rerun';

export interface Decision {
  taskState: State;
  now: number;
  inFlight: InFlight;
}

/**
 * Decides each step by the rules of migration 0005, so that every step can go on, has ended, or waits for an operator:
 *
 * | step | task | becomes |
 * |---|---|---|
 * | open | ended | cancelled |
 * | cancelled | not ended | blocked |
 * | in error, attempts left | going on | retried, when its time has come; pending while a parent is open |
 * | in error | in error, or no attempt left, or not retryable | blocked |
 * | running | not ended | blocked, its attempt spent; with `rerun` pending again, if it may run again |
 * | pending, could never be claimed, or its task in error | not ended | blocked |
 * | pending, parents done | going on | ready |
 */
export function decideSteps(pairs: readonly { source: SourceStep; step: MappedStep }[], decision: Decision): void {
  const { taskState, now } = decision;
  const ended = isFinal(taskState);
  for (const { step } of pairs) if (!ended && step.state === 'cancelled') blockCancelled(step);
  const done = new Set(pairs.filter(({ step }) => isDone(step.state)).map(({ step }) => step.name));
  for (const { source, step } of pairs) {
    if (isDone(step.state) || step.state === 'cancelled') continue;
    const unmet = step.parents.filter((parent) => !done.has(parent)).length;
    if (ended) {
      addRow(step.history, 'cancelled', step.history.at(-1)?.at ?? now, { why: 'its task had ended' });
      step.state = 'cancelled';
    } else if (step.state === 'error') {
      if (step.blockedAt === null) decideError(source, step, unmet, decision);
    } else if (step.state === 'in_progress') {
      decideRunning(step, unmet, decision);
    } else {
      decidePending(step, unmet, decision);
    }
  }
}

function decideError(source: SourceStep, step: MappedStep, unmet: number, { taskState, now }: Decision): void {
  const hasAttempts = step.attempts < (source.retryLimit ?? 3) && step.retryable;
  if (hasAttempts && unmet > 0) {
    addRow(step.history, 'pending', now, { why: 'a parent is open' });
    step.state = 'pending';
  } else if (hasAttempts && taskState !== 'error') {
    step.nextRetryAt = retryDueAt(source, step, now);
    step.backoffSeconds = source.backoffSeconds;
  } else {
    step.blockedAt = step.history.findLast(({ to }) => to === 'error')?.at ?? now;
  }
}

function decideRunning(step: MappedStep, unmet: number, { taskState, now, inFlight }: Decision): void {
  const mayRunAgain = step.retryable && step.retryLimit > 1 && step.attempts < step.retryLimit;
  if (inFlight === 'rerun' && mayRunAgain && taskState !== 'error') {
    addRow(step.history, 'pending', now, { why: 'it was running in Tasker, and --in-flight rerun was given' });
    step.state = 'pending';
    step.isReady = unmet === 0;
    return;
  }
  step.attempts += 1;
  step.retryLimit = Math.max(step.retryLimit, step.attempts);
  block(step, now, {
    name: 'WorkerDied',
    message: 'this step was running in Tasker when its task was imported: see what it did, then resolve or retry it',
  });
}

function decidePending(step: MappedStep, unmet: number, { taskState, now }: Decision): void {
  const exhausted = step.attempts >= step.retryLimit || (!step.retryable && step.attempts > 0);
  if (!exhausted && (unmet > 0 || taskState !== 'error')) {
    step.isReady = unmet === 0;
    return;
  }
  block(step, now, {
    name: 'Unrunnable',
    message: exhausted
      ? 'no attempt was left for this step when its task was imported'
      : 'the task of this step was in error when it was imported: retry the task',
  });
}
