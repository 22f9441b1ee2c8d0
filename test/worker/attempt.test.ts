import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import type { StepInputs } from '../../src/engine/claim.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import type { StepContext } from '../../src/workflow/definition.ts';
import { Attempt, type AttemptHost } from '../../src/worker/running/attempt.ts';
import { currentStep } from '../../src/worker/running/current-step.ts';
import type { Outcome } from '../../src/worker/scope/outputs.ts';
import { type RunningAttempt, RunningAttempts } from '../../src/worker/running/running-attempts.ts';
import { HandlerRegistry, type StepType } from '../../src/worker/scope/handler-registry.ts';

const claimed = {
  taskId: '7',
  stepId: String(7 * 65536 + 1),
  claimId: 'c',
  namedTaskId: 1,
  attempt: 1,
  retryLimit: 3,
  waitedSeconds: 0,
};
const inputs: StepInputs = {
  context: '{}',
  parents: null,
  bypassSteps: null,
  schedule: null,
  traceContext: null,
  identityHash: 'x',
  hasHistory: false,
  hasEarlierKey: false,
};

/** One attempt at a step with this handler. */
function attemptAt(handler: (context: StepContext) => unknown, startContext = new AsyncResource('TEST')) {
  const registry = new HandlerRegistry({ stepTimeoutSeconds: 60, backoffCapSeconds: 60 });
  registry.add(1, defineWorkflow({ name: 'attempted', input: z.unknown() }).step('a', handler as () => null));
  const ends: (Outcome | 'done')[] = [];
  const ended = Promise.withResolvers<void>();
  const running = new RunningAttempts(1000);
  const host: AttemptHost = {
    running,
    settings: { maxResultBytes: 1000, maxBackoffRequestSeconds: 60 },
    state: { installationId: '00000000-0000-4000-8000-000000000000' },
    membership: { extendStallDeadline: () => undefined },
    startContext,
    loggerFor: () => expect.fail('no handler uses its log'),
    traceFor: () => undefined,
    onUnresponsive: () => undefined,
    onEnded: (_, outcome) => ends.push(outcome),
  };
  const attempt = new Attempt(registry.find(1, 1) as StepType, claimed, inputs, host, () => {
    ends.push('done');
    ended.resolve();
  });
  return { attempt, running, ends, ended: ended.promise };
}

const complete = (result: string): Outcome => ({ kind: 'complete', result });

describe('an attempt', () => {
  it('whose handler returns no promise has ended when its run is over', () => {
    const { attempt, running, ends } = attemptAt(() => ({ answer: 42 }));
    attempt.run();
    expect(ends).toEqual([complete('{"answer":42}'), 'done']);
    expect(running.size).toBe(0);
  });

  it('ends with what a promise, a promise of another class, or any other thenable comes to', async () => {
    class Other<T> extends Promise<T> {}
    const odd = Object.assign(Promise.resolve('the promise'), {
      // oxlint-disable-next-line unicorn/no-thenable
      then: () => {
        throw new Error('a then of its own');
      },
    });
    const answers: [() => unknown, string][] = [
      [async () => 1, '1'],
      [() => Other.resolve(2), '2'],
      // oxlint-disable-next-line unicorn/no-thenable
      [() => ({ then: (resolve: (value: unknown) => void) => resolve(Promise.resolve(3)) }), '3'],
      [() => odd, '"the promise"'],
    ];
    for (const [handler, result] of answers) {
      const { attempt, running, ends, ended } = attemptAt(handler);
      attempt.run();
      expect([ends, running.size]).toEqual([[], 1]);
      await ended;
      expect([ends, running.size]).toEqual([[complete(result), 'done'], 0]);
    }
  });

  it('fails with whatever its handler throws, at once, later, or from a getter of its result', async () => {
    const handlers: (() => unknown)[] = [
      () => {
        throw new Error('boom');
      },
      async () => {
        throw new Error('boom');
      },
      () => ({
        // oxlint-disable-next-line unicorn/no-thenable
        get then() {
          throw new Error('boom');
        },
      }),
      () => ({
        // oxlint-disable-next-line unicorn/no-thenable
        then: () => {
          throw new Error('boom');
        },
      }),
    ];
    for (const handler of handlers) {
      const { attempt, ends, ended } = attemptAt(handler);
      attempt.run();
      await ended;
      expect(ends).toEqual([
        expect.objectContaining({ kind: 'fail', cause: 'fail', metadata: expect.stringContaining('boom') }),
        'done',
      ]);
    }
  });

  it('that crashes while its handler is being called ends once, and a later rejection does not count', async () => {
    const unhandled: unknown[] = [];
    const onUnhandled = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', onUnhandled);
    onTestFinished(() => void process.off('unhandledRejection', onUnhandled));
    const { attempt, ends } = attemptAt(async () => {
      currentStep.getStore()?.crash(new Error('the crash'));
      throw new Error('the rejection');
    });
    attempt.run();
    expect(ends).toEqual([
      expect.objectContaining({ kind: 'fail', metadata: expect.stringContaining('the crash') }),
      'done',
    ]);
    attempt.giveUp('drain');
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect([ends.length, unhandled]).toEqual([2, []]);
  });

  it('runs as its step where the worker started, and what follows does not', async () => {
    const callers = new AsyncLocalStorage<string>();
    const scope = callers.run('where the worker started', () => new AsyncResource('TEST'));
    const seen: [RunningAttempt | undefined, string | undefined][] = [];
    const note = (): void => void seen.push([currentStep.getStore(), callers.getStore()]);
    const { attempt, ended } = attemptAt(async () => {
      note();
      await new Promise((resolve) => setImmediate(resolve));
      note();
    }, scope);
    callers.run('who claimed it', () => {
      attempt.run();
      note();
    });
    await ended;
    note();
    expect(seen).toEqual([
      [attempt, 'where the worker started'],
      [undefined, 'who claimed it'],
      [attempt, 'where the worker started'],
      [undefined, undefined],
    ]);
  });
});

it('what runs is found again whatever ends in between', () => {
  const running = new RunningAttempts(1000);
  const attempts = Array.from({ length: 5 }, () => attemptAt(() => null).attempt);
  for (const attempt of attempts) running.add(attempt);
  const [first, second, third, fourth, last] = attempts as [Attempt, Attempt, Attempt, Attempt, Attempt];
  running.remove(second);
  running.remove(second);
  running.remove(last);
  expect(running.size).toBe(3);
  running.abortAll('drain');
  expect([first, second, third, fourth, last].map(({ abortedBy }) => abortedBy)).toEqual([
    'drain',
    undefined,
    'drain',
    'drain',
    undefined,
  ]);
  for (const attempt of [fourth, first, third]) running.remove(attempt);
  expect([running.size, running.claims()]).toEqual([0, []]);
});
