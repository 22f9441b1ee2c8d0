import fc from '../support/fast-check.ts';
import type { Event, StepRows, TaskRows } from './rows.ts';

const HOUR = 3600;

/** The situation of a step whose parents are all done. Its last event is 'just now' or 'an hour ago', so that no backoff is ambiguous. */
type Fate =
  | 'ready'
  | 'running'
  | 'complete'
  | 'resolved'
  | 'released'
  | 'lease expired'
  | 'waits for a retry'
  | 'retry is due'
  | 'back after a retry'
  | 'retried by an operator'
  | 'exhausted'
  | 'failed for good';

interface Choice {
  fate: Fate;
  /** Failed attempts before the last event. */
  failures: number;
  spareAttempts: number;
  retryable: boolean;
  requestedSeconds: number | null;
  parents: boolean[];
}

const choice: fc.Arbitrary<Choice> = fc.record({
  fate: fc.oneof(
    { weight: 6, arbitrary: fc.constant('complete' as const) },
    {
      weight: 11,
      arbitrary: fc.constantFrom<Fate>(
        'ready',
        'running',
        'resolved',
        'released',
        'lease expired',
        'waits for a retry',
        'retry is due',
        'back after a retry',
        'retried by an operator',
        'exhausted',
        'failed for good',
      ),
    },
  ),
  failures: fc.integer({ min: 0, max: 3 }),
  spareAttempts: fc.integer({ min: 0, max: 2 }),
  retryable: fc.boolean(),
  requestedSeconds: fc.option(fc.constantFrom(0, 1, 60, 600), { nil: null, freq: 3 }),
  parents: fc.array(fc.boolean(), { minLength: 7, maxLength: 7 }),
});

/** Tasks as the engine writes them: random graphs of up to seven steps, any mixture of fates, some of them cancelled. */
export const randomTasksOf = (tasks: { minLength: number; maxLength: number }): fc.Arbitrary<TaskRows[]> =>
  fc
    .array(fc.record({ steps: fc.array(choice, { minLength: 1, maxLength: 7 }), cancelled: fc.nat(5) }), {
      ...tasks,
      size: 'max',
    })
    .map((all) => all.map((task, index) => taskOf(String(index + 1), task.steps, task.cancelled === 0)));

export const randomTasks = randomTasksOf({ minLength: 1, maxLength: 3 });

function taskOf(taskId: string, choices: readonly Choice[], cancelled: boolean): TaskRows {
  const steps: StepRows[] = [];
  const done = (ordinal: number): boolean =>
    ['complete', 'resolved_manually'].includes(steps[ordinal - 1]?.history?.at(-1)?.to ?? 'pending');
  for (const [index, each] of choices.entries()) {
    const parents = steps.map((step) => step.ordinal).filter((_, position) => each.parents[position]);
    const unmetParents = parents.filter((parent) => !done(parent)).length;
    const step: StepRows =
      unmetParents === 0 ? stepOf(each, index + 1) : { ordinal: index + 1, engine: { unmetParents, ready: false } };
    steps.push({ ...step, parents });
  }
  const open = (step: StepRows): boolean =>
    !['complete', 'resolved_manually'].includes(step.history?.at(-1)?.to ?? 'pending');
  if (cancelled) {
    for (const [index, step] of steps.entries()) {
      if (!open(step)) continue;
      const {
        backoffRequestSeconds = null,
        lastAttempted = null,
        attempts = 0,
        retryLimit = 3,
        retryable = true,
      } = step;
      steps[index] = {
        ordinal: step.ordinal,
        parents: step.parents ?? [],
        backoffRequestSeconds,
        lastAttempted,
        attempts,
        retryLimit,
        retryable,
        history: [...(step.history ?? []), { to: 'cancelled', secondsAgo: 0 }],
        engine: { unmetParents: step.engine?.unmetParents ?? 0 },
      };
    }
  }
  return { taskId, steps, history: taskHistory(steps, cancelled) };
}

function taskHistory(steps: readonly StepRows[], cancelled: boolean): Event[] {
  if (cancelled) return [{ to: 'cancelled', secondsAgo: 0 }];
  if (steps.every((step) => step.history === undefined)) return [];
  const begun: Event = { to: 'in_progress', secondsAgo: HOUR };
  const left = steps.filter(
    (step) => !['complete', 'resolved_manually'].includes(step.history?.at(-1)?.to ?? 'pending'),
  );
  if (left.length === 0) return [begun, { to: 'complete', secondsAgo: 0 }];
  const running = left.some(
    ({ engine, history }) =>
      engine?.ready === true || engine?.nextRetryIn !== undefined || history?.at(-1)?.to === 'in_progress',
  );
  return running ? [begun] : [begun, { to: 'error', secondsAgo: 0 }];
}

/** The history that ends in this fate, and the row that the engine's statements write. */
function stepOf({ fate, failures, spareAttempts, retryable, requestedSeconds }: Choice, ordinal: number): StepRows {
  const clock = ticking();
  // A step that is not retryable gets a second attempt only from an operator, who raises the limit.
  const earlier = retryable ? failures : 0;
  const history: Event[] = [];
  for (let failure = 0; failure < earlier; failure += 1) history.push(...failed(clock), clock('pending'));
  const step = (attempts: number, rest: Partial<StepRows>): StepRows => ({
    ordinal,
    retryable,
    attempts,
    retryLimit: attempts + spareAttempts + 1,
    lastAttempted: attempts === 0 ? null : HOUR,
    history,
    ...rest,
    engine: { unmetParents: 0, ...rest.engine },
  });
  const attempts = earlier + 1;
  const requested = earlier === 0 ? null : requestedSeconds;

  switch (fate) {
    case 'ready':
      return step(earlier, { backoffRequestSeconds: requested, engine: { unmetParents: 0, ready: true } });
    case 'running':
      history.push({ to: 'in_progress', secondsAgo: 0 });
      return step(attempts, { lastAttempted: 0 });
    case 'complete':
      history.push(clock('in_progress'), clock('complete'));
      return step(attempts, {});
    case 'resolved':
      history.push(clock('resolved_manually'));
      return step(earlier, { backoffRequestSeconds: requested });
    case 'released':
      history.push(clock('in_progress'), clock('pending', 'released'));
      return step(earlier, { lastAttempted: HOUR, engine: { unmetParents: 0, ready: true } });
    case 'lease expired':
      // The lost attempt of a step that is not retryable was its last.
      if (!retryable) {
        history.push(clock('in_progress'), clock('error', 'lease_expired'));
        return step(attempts, { engine: { unmetParents: 0, blocked: HOUR } });
      }
      history.push(clock('in_progress'), clock('pending', 'lease_expired'));
      return step(attempts, { engine: { unmetParents: 0, ready: true } });
    case 'waits for a retry': {
      history.push({ to: 'in_progress', secondsAgo: 0 }, { to: 'error', secondsAgo: 0 });
      const wait = requestedSeconds === null || requestedSeconds < 60 ? null : requestedSeconds;
      const nextRetryIn = wait ?? Math.min(2 ** attempts, 30) * 0.75;
      return step(attempts, {
        retryable: true,
        lastAttempted: 0,
        backoffRequestSeconds: wait,
        engine: { unmetParents: 0, nextRetryIn },
      });
    }
    case 'retry is due':
      history.push(...failed(clock));
      return step(attempts, {
        retryable: true,
        backoffRequestSeconds: requestedSeconds,
        engine: { unmetParents: 0, nextRetryIn: -HOUR / 2 },
      });
    case 'back after a retry':
    case 'retried by an operator':
      history.push(...failed(clock), clock('pending', fate === 'back after a retry' ? 'retry_due' : 'operator_retry'));
      return step(attempts, {
        retryable: fate === 'back after a retry' || retryable,
        backoffRequestSeconds: requestedSeconds,
        engine: { unmetParents: 0, ready: true },
      });
    case 'exhausted':
      history.push(...failed(clock));
      return step(attempts, { retryLimit: attempts, engine: { unmetParents: 0, blocked: HOUR } });
    case 'failed for good':
      history.push(...failed(clock));
      return step(attempts, { engine: { unmetParents: 0, blocked: HOUR } });
  }
}

/** Events an hour ago, each a moment after the one before. */
function ticking(): (to: string, cause?: string) => Event {
  let secondsAgo = HOUR;
  return (to, cause = 'test') => ({ to, cause, secondsAgo: (secondsAgo -= 0.01) });
}

function failed(clock: (to: string) => Event): Event[] {
  return [clock('in_progress'), clock('error')];
}
