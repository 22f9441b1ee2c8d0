import { expect, test } from 'vitest';
import { z } from 'zod';
import { fakeContext } from '../../src/testing/index.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import type { StepContext } from '../../src/workflow/definition.ts';

const charge = async ({ input, parents, signal, log, attempt }: StepContext<{ order: string }, { price: number }>) => {
  signal.throwIfAborted();
  log.info({ attempt }, 'charging');
  return `${input.order} ${parents.price}`;
};

test('a handler is called with what it takes, and its lines are kept', async () => {
  const context = fakeContext({ input: { order: 'a' }, parents: { price: 3 }, attempt: 2, stepName: 'charge' });
  expect(await charge(context)).toBe('a 3');
  expect(context.logged).toEqual([
    { level: 'info', step: 'charge', attempt: 2, message: 'charging', fields: { attempt: 2 } },
  ]);
});

test('the signal is aborted as a worker does it', async () => {
  const context = fakeContext({ input: { order: 'a' }, parents: { price: 3 } });
  context.abort('drain');
  await expect(charge(context)).rejects.toMatchObject({ name: 'StepAborted', abortCause: 'drain' });
});

test('input and parents are JSON, with the texts that the database has', () => {
  const context = fakeContext({ input: { bb: 1, a: [1.5] }, parents: { one: { x: null } } });
  expect(context.raw).toEqual({ input: '{"a": [1.5], "bb": 1}', parents: { one: '{"x": null}' } });
  expect(() => fakeContext({ input: { at: new Date() } })).toThrow('input.at');
  expect(() => fakeContext({ attempt: 4 })).toThrow('retryLimit, which is 3');
  expect(() => fakeContext({ attempt: 0 })).toThrow('attempt is 0: use a whole number from 1 on');
});

test('it fits the handler of a definition', async () => {
  const workflow = defineWorkflow({ name: 'w', input: z.object({ n: z.number() }) }).step(
    'double',
    ({ input }) => input.n * 2,
  );
  expect(await workflow.steps[0]?.handler(fakeContext({ input: { n: 4 } }))).toBe(8);
});
