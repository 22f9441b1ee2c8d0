/* oxlint-disable vitest/expect-expect -- the compiler makes the assertions: @ts-expect-error fails if there is no error */
import { expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { crashAtEveryBoundary, fakeContext, inTurn, runWorkflow } from '../../src/testing/index.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import type { StepContext } from '../../src/workflow/definition.ts';

const workflow = defineWorkflow({ name: 'orders', input: z.object({ id: z.string().transform(Number) }) })
  .step('price', ({ input }) => ({ total: input.id, at: new Date(0) }))
  .step('gift', { skippable: true }, () => 'wrapped');

test('results and steps of a run have the types of the handlers, as JSON', async () => {
  const run = await runWorkflow(workflow, { input: { id: '1' } });
  expectTypeOf(run.results.price).toEqualTypeOf<{ total: number; at: string } | undefined>();
  expectTypeOf(run.steps.gift.result).toEqualTypeOf<string | null | undefined>();
  // @ts-expect-error says: Property 'gitf' does not exist
  void run.results.gitf;
});

test('the input is what a submit takes, and mocks see what handlers see', async () => {
  await runWorkflow(workflow, {
    input: { id: '1' },
    mocks: {
      price: ({ input }) => {
        expectTypeOf(input).toEqualTypeOf<{ id: number }>();
        return { total: input.id, at: '' };
      },
      gift: inTurn(new Error('busy'), 'paper'),
    },
  });
  // @ts-expect-error says: Type 'number' is not assignable to type 'string'
  await runWorkflow(workflow, { input: { id: 1 } });
  // @ts-expect-error says: 'prize' does not exist in type 'Mocks<...>'
  await runWorkflow(workflow, { input: { id: '1' }, mocks: { prize: null } });
  // @ts-expect-error says: Type 'string' is not assignable to type 'number'
  await runWorkflow(workflow, { input: { id: '1' }, mocks: { price: { total: '1', at: '' } } });
  // @ts-expect-error says: 'module' is missing
  await crashAtEveryBoundary(workflow, { input: { id: '1' } });
});

test('a context has the types that it is made with, or fits any handler', () => {
  const handler = (context: StepContext<{ id: number }, { price: number }>) => context.parents.price;
  expectTypeOf(handler(fakeContext({ input: { id: 1 }, parents: { price: 2 } }))).toEqualTypeOf<number>();
  expectTypeOf(handler(fakeContext())).toEqualTypeOf<number>();
  // @ts-expect-error says: Type 'string' is not assignable to type 'number'
  handler(fakeContext({ input: { id: '1' }, parents: { price: 2 } }));
});
