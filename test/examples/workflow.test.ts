import { describe, expect, test } from 'vitest';
import { readOrders } from '../../examples/order-fulfillment/northwind.ts';
import { orderFulfillment } from '../../examples/order-fulfillment/workflow.ts';
import { PermanentError, RetryableError } from '../../src/errors.ts';
import { inTurn, runWorkflow } from '../../src/testing/index.ts';
import type { InputOf } from '../../src/workflow/definition.ts';

const [input] = readOrders() as [InputOf<typeof orderFulfillment>];
const key = String(input.order_id);
const paid = {
  charge_id: 'ch_1',
  order_id: input.order_id,
  amount_cents: 44_000,
  currency: 'USD',
  replayed: false,
  terms: 'net_30' as const,
};

describe('an order, in memory', () => {
  test('is priced, paid, allocated and shipped', async () => {
    const run = await runWorkflow(orderFulfillment, { input, key, mocks: { payment: paid } });
    expect(run.state).toBe('complete');
    expect(run.results.price?.amount_cents).toBe(44_000);
    expect(run.results.notify?.text).toContain(String(input.order_id));
  });

  test('waits as long as the gateway asks, and no longer than the cap of the backoff otherwise', async () => {
    const down = new Error('connect ECONNREFUSED');
    const busy = new RetryableError('busy', { retryAfter: 600 });
    const payment = inTurn(busy, down, down, down, down, down, paid);
    const run = await runWorkflow(orderFulfillment, { input, key, mocks: { payment } });
    expect(run.steps.payment).toMatchObject({ state: 'complete', attempts: 7 });
    expect(run.elapsedMs / 1000).toBe(600 + 4 + 8 + 16 + 30 + 30);
  });

  test('whose payment is declined ends in error; what does not depend on it is done', async () => {
    const payment = new PermanentError('card declined');
    const run = await runWorkflow(orderFulfillment, { input, key, mocks: { payment } });
    expect(run.state).toBe('error');
    expect(run.steps).toMatchObject({
      payment: { state: 'error', attempts: 1 },
      allocation: { state: 'complete' },
      shipment: { state: 'pending', attempts: 0 },
    });
  });

  test('without a customer is refused before anything is paid', async () => {
    const run = await runWorkflow(orderFulfillment, { input: { ...input, customer_id: 'NOBODY' }, key });
    expect(run.steps).toMatchObject({ validate: { state: 'error', attempts: 1 }, payment: { attempts: 0 } });
  });
});
