/* oxlint-disable vitest/expect-expect -- the compiler makes the assertions: @ts-expect-error fails if there is no error */
import { describe, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import {
  type Client,
  defineWorkflow,
  type State,
  type StepContext,
  type StepContextOf,
  type StepError,
  type StoredError,
  type Submitted,
  type TaskResult,
} from '../../src/index.ts';

const input = z.object({ order: z.string(), express: z.boolean().default(false) });
const orders = defineWorkflow({ name: 'orders', input })
  .step('price', () => ({ cents: 1, at: new Date() }))
  .step('gift', { skippable: true }, () => 'ribbon')
  .step('mail', { dependsOn: ['price'] }, ({ parents }) => parents.price.cents);
declare const client: Client;

describe('the result of a task', () => {
  test('that is complete has the result of every step, as JSON', async () => {
    const result = await client.result(orders, '1');
    // @ts-expect-error a task may have ended otherwise: nothing has `errors` before the state is known
    expectTypeOf(result.errors).toBeArray();
    if (result.state !== 'complete') return;
    expectTypeOf(result.results.price).toEqualTypeOf<{ cents: number; at: string }>();
    expectTypeOf(result.results.gift).toEqualTypeOf<string | null>();
    expectTypeOf(result.results.mail).toEqualTypeOf<number>();
    // @ts-expect-error no such step
    expectTypeOf(result.results.charge).toBeString();
    // @ts-expect-error a complete task has no errors
    expectTypeOf(result.errors).toBeArray();
  });

  test('that is not complete has errors by step, and results that may be missing', async () => {
    const result = await client.submitAndWait(orders, { order: '1' }, { timeoutMs: 5 });
    expectTypeOf(result.submitted).toEqualTypeOf<Submitted>();
    if (result.state === 'complete') return;
    expectTypeOf(result.state).toEqualTypeOf<'error' | 'cancelled' | 'resolved_manually'>();
    expectTypeOf(result.errors).toEqualTypeOf<readonly StepError<'price' | 'gift' | 'mail'>[]>();
    expectTypeOf<StepError['error']>().toEqualTypeOf<StoredError>();
    expectTypeOf(result.results.mail).toEqualTypeOf<number | undefined>();
  });

  test('of a definition without types is a record of unknown results', () => {
    expectTypeOf<Extract<TaskResult, { state: 'complete' }>['results']>().toBeUnknown();
  });
});

test('the outcome of a submit decides what else there is', async () => {
  const submitted = await client.submit(orders, { order: '1' });
  if (submitted.outcome === 'existing') expectTypeOf(submitted.inputDiffers).toBeBoolean();
  else expectTypeOf(submitted.replaces).toEqualTypeOf<string | undefined>();
  // @ts-expect-error only of a task that was there
  expectTypeOf(submitted.inputDiffers).toBeBoolean();
});

test('states are a union', async () => {
  expectTypeOf((await client.waitForTask('1')).state).toEqualTypeOf<State>();
  await client.listTasks({ states: ['error'] });
  // @ts-expect-error no such state
  await client.listTasks({ states: ['failed'] });
});

describe('a handler in a file of its own', () => {
  const price = async ({ input: given }: StepContextOf<typeof input>) => ({ order: given.order, at: new Date() });
  const gift = () => ({ ribbon: true });
  const mail = ({ parents }: StepContextOf<typeof input, { price: typeof price; gift: typeof gift | null }>) =>
    parents.gift === null ? parents.price.at : 'gift';
  const begin = defineWorkflow({ name: 'orders', input }).step('price', price);

  test('sees the input of the schema, and results of its parents as JSON', () => {
    expectTypeOf<Parameters<typeof mail>[0]>().toEqualTypeOf<
      StepContext<
        { order: string; express: boolean },
        { readonly price: { order: string; at: string }; readonly gift: { ribbon: boolean } | null }
      >
    >();
  });

  test('fits a workflow that has its parents', () => {
    const whole = begin.step('gift', { skippable: true }, gift).step('mail', { dependsOn: ['price', 'gift'] }, mail);
    expectTypeOf<Extract<TaskResult<typeof whole>, { state: 'complete' }>['results']['mail']>().toEqualTypeOf<string>();
  });

  test('does not fit one without them, with other ones, or with another input', () => {
    // @ts-expect-error gift is not in dependsOn
    begin.step('gift', { skippable: true }, gift).step('mail', { dependsOn: ['price'] }, mail);
    const needsGift = ({ parents }: StepContextOf<typeof input, { gift: typeof gift }>) => parents.gift.ribbon;
    // @ts-expect-error a submit may bypass gift, and then its result is null
    begin.step('gift', { skippable: true }, gift).step('mail', { dependsOn: ['gift'] }, needsGift);
    // @ts-expect-error the input has no `order`
    defineWorkflow({ name: 'orders', input: z.object({ id: z.number() }) }).step('price', price);
  });
});
