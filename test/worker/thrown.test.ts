import vm from 'node:vm';
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { PermanentError, RetryableError, taskerErrorCode } from '../../src/errors.ts';
import { thrownOutcome } from '../../src/worker/running/outcome.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { revoked, throwingMessage, trapped } from '../workflow/hostile-values.ts';
import { useWorkers } from './worker-fixture.ts';

const fleet = await useWorkers();
vi.resetModules();
/** The same modules once more, as a bundle of workflows or a second installation has them. */
const copy = await import('../../src/errors.ts');
const copyOfWorkflows = await import('../../src/workflow/define-workflow.ts');

interface Failure {
  permanent: boolean;
  requestedBackoffSeconds: number | undefined;
  error: Record<string, unknown>;
}
function failureOf(thrown: unknown): Failure {
  const outcome = thrownOutcome(thrown, 60);
  if (outcome.kind !== 'fail') throw new Error('it did not fail');
  const { error } = JSON.parse(outcome.metadata) as { error: Record<string, unknown> };
  return { permanent: outcome.permanent, requestedBackoffSeconds: outcome.requestedBackoffSeconds, error };
}

describe('errors of this package', () => {
  it('are recognised from another copy of it', () => {
    expect(copy.PermanentError).not.toBe(PermanentError);
    class Declined extends copy.PermanentError {}
    expect(failureOf(new Declined('card declined'))).toMatchObject({
      permanent: true,
      error: { code: 'PERMANENT', name: 'Declined' },
    });
    expect(failureOf(new copy.RetryableError('busy', { retryAfter: 6 }))).toMatchObject({
      permanent: false,
      requestedBackoffSeconds: 6,
    });
    expect(taskerErrorCode(new copy.ConfigError('x'))).toBe('CONFIG_INVALID');
  });

  it('are recognised from a copy that is older, and from another realm', () => {
    const old = (code: string, fields: string) =>
      vm.runInNewContext(`Object.assign(new Error('old'), { code: '${code}', details: {}, ${fields} })`) as Error;
    expect(failureOf(old('PERMANENT', '')).permanent).toBe(true);
    expect(failureOf(old('RETRYABLE', 'retryAfterSeconds: 6')).requestedBackoffSeconds).toBe(6);
    expect(failureOf(old('RETRYABLE', 'retryAfterSeconds: 1e15')).requestedBackoffSeconds).toBe(60);
    expect(failureOf(old('RETRYABLE', 'retryAfterSeconds: "soon"'))).toMatchObject({
      requestedBackoffSeconds: undefined,
      error: { note: expect.stringContaining('"soon"') },
    });
  });

  it('are not values that only have their code, or that cannot be read', () => {
    expect(failureOf(Object.assign(new Error('x'), { code: 'PERMANENT' })).permanent).toBe(false);
    for (const value of [revoked(), trapped('get'), throwingMessage(), null, undefined, Symbol('s'), () => 1]) {
      expect(failureOf(value)).toMatchObject({ permanent: false, requestedBackoffSeconds: undefined });
    }
  });

  it('keep their message if their retryAfter cannot be read', () => {
    expect(failureOf(new RetryableError('busy', { retryAfter: 'soon' }))).toEqual({
      permanent: false,
      requestedBackoffSeconds: undefined,
      error: expect.objectContaining({
        name: 'RetryableError',
        message: 'busy',
        note: expect.stringContaining('retryAfter is "soon"'),
      }),
    });
    expect(failureOf(new RetryableError('busy', { retryAfter: null })).error).not.toHaveProperty('note');
  });

  it('hold for definitions that another copy made, in a worker', async () => {
    const workflow = copyOfWorkflows
      .defineWorkflow({ name: 'copied', input: z.unknown() })
      .step('permanent', () => {
        throw new copy.PermanentError('card declined');
      })
      .step('later', ({ attempt }) => {
        if (attempt === 1) throw new copy.RetryableError('busy', { retryAfter: new Date(Date.now() + 1500) });
        return 'done';
      });
    await fleet.start([workflow], { retryBackoffDisabled: false });
    const started = Date.now();
    const taskId = await fleet.submit(workflow);
    await fleet.taskIn(taskId, ['error']);
    expect(Date.now() - started).toBeGreaterThan(1400);
    expect(fleet.finished.map(({ step, outcome, attempt }) => `${step} ${outcome} ${attempt}`).toSorted()).toEqual([
      'later complete 2',
      'later error 1',
      'permanent error 1',
    ]);
  });
});

it('whatever is thrown fails its own attempt only, and its message is kept', async () => {
  const frozen = Object.freeze(Object.assign(new Error('frozen'), { code: 'E_FROZEN' }));
  const inner = new AggregateError([new Error('first'), Object.assign(new Error('second'), { code: 'E2' })], 'both');
  const unreadable = {
    get message() {
      throw new Error('no');
    },
    get stack() {
      throw new Error('no');
    },
    get name() {
      throw new Error('no');
    },
  };
  const thrown: [string, unknown, object][] = [
    ['proxy', trapped('get'), {}],
    ['prototype', trapped('getPrototypeOf'), {}],
    ['revoked', revoked(), { name: 'NotAnError' }],
    ['unreadable', unreadable, {}],
    ['nothing', undefined, { message: 'undefined' }],
    ['null', null, { message: 'null' }],
    ['symbol', Symbol('s'), {}],
    ['frozen', frozen, { message: 'frozen', code: 'E_FROZEN' }],
    ['inner', inner, { message: 'both', errors: [{ message: 'first' }, { message: 'second', code: 'E2' }] }],
    ['realm', vm.runInNewContext('new RangeError("elsewhere")'), { name: 'RangeError', message: 'elsewhere' }],
    ['dom', new DOMException('aborted', 'AbortError'), { name: 'AbortError', message: 'aborted' }],
    [
      'json',
      Object.assign(new Error('has a toJSON'), {
        toJSON: () => {
          throw new Error('no');
        },
      }),
      { message: 'has a toJSON' },
    ],
    ['halves', new Error('a\u0000b\ud800c'), { message: 'a\uFFFDb\uFFFDc' }],
    [
      'megabytes',
      new Error('é'.repeat(5_000_000)),
      { message: expect.stringMatching(/^é{2048}\.\.\. \(\d+ more characters\)$/) },
    ],
  ];
  let workflow: ReturnType<typeof build> = build();
  function build() {
    return defineWorkflow({ name: 'thrown', input: z.unknown() }).step('neighbour', () => 'fine');
  }
  for (const [name, value] of thrown) {
    workflow = workflow.step(name, { retryLimit: 1 }, (): string => {
      throw value;
    }) as typeof workflow;
  }
  await fleet.start([workflow], { slots: 20 });
  const taskId = await fleet.submit(workflow);
  await fleet.taskIn(taskId, ['error']);
  expect(await fleet.results(taskId)).toMatchObject({ neighbour: 'fine' });
  for (const [name, , error] of thrown)
    expect({ [name]: await fleet.lastError(taskId, name) }).toMatchObject({ [name]: error });
});
