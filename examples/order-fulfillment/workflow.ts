/** The order workflow as workers load it: `tasker worker --workflows examples/order-fulfillment/workflow.ts`. */
import { z } from 'zod';
import { defineWorkflow, PermanentError } from '../../src/index.ts';
import {
  allocate,
  checkCredit,
  checkStock,
  CURRENCY,
  notificationText,
  orderProblems,
  priceOf,
  ship,
} from './domain.ts';
import { readCatalogue } from './northwind.ts';
import { charge } from './payment.ts';

const decimal = z.string().regex(/^\d{1,10}(\.\d{1,2})?$/, 'use digits with at most two decimals, like 9.80');

export const orderSchema = z.object({
  order_id: z.number().int().positive(),
  customer_id: z.string().min(1),
  order_date: z.iso.date(),
  required_date: z.iso.date(),
  ship_via: z.number().int(),
  ship_name: z.string(),
  ship_country: z.string(),
  lines: z.array(
    z.object({
      product_id: z.number().int().positive(),
      unit_price: decimal,
      quantity: z.number().int(),
      discount: decimal,
    }),
  ),
});

const gatewayUrl = process.env['PAYMENT_GATEWAY_URL'] ?? 'http://127.0.0.1:8402';

/** Longer than any response of the gateway takes, and short enough to wait for. */
const paymentTimeoutMs = 1500;

/**
 * The gateway's own faults take two attempts at most. The others are for processes that are killed: an attempt that died with
 * its worker, or that found the gateway down, is spent, and such attempts must not cost an order.
 */
const retryLimit = 20;

/** Orders that have begun run before orders that have not: lower runs sooner, and the others have 0. */
const BEGUN = -10;
const NEARLY_DONE = -20;

const catalogue = readCatalogue();

export const orderFulfillment = defineWorkflow({
  namespace: 'northwind',
  name: 'order_fulfillment',
  version: '1.0.0',
  input: orderSchema,
  // One task per order, however often it is submitted: its key is the order id.
  identity: 'caller_key',
  defaults: { retryLimit },
})
  .step('validate', ({ input }) => {
    const problems = orderProblems(input, catalogue);
    if (problems.length > 0) {
      throw new PermanentError(`order ${input.order_id} cannot be fulfilled: ${problems.join('; ')}`);
    }
    return { order_id: input.order_id, lines: input.lines.length };
  })
  .step('price', { dependsOn: ['validate'] }, ({ input }) => priceOf(input))
  .step('stock_check', { dependsOn: ['validate'] }, ({ input }) => checkStock(input, catalogue))
  .step('credit_check', { dependsOn: ['validate'] }, ({ input }) => checkCredit(input))
  .step(
    'payment',
    { dependsOn: ['price', 'credit_check'], timeoutSeconds: 10, priority: BEGUN },
    async ({ input, parents, signal, idempotencyKey }) => {
      const paid = await charge({
        gatewayUrl,
        idempotencyKey,
        orderId: input.order_id,
        amountCents: parents.price.amount_cents,
        currency: CURRENCY,
        signal,
        timeoutMs: paymentTimeoutMs,
      });
      return { ...paid, terms: parents.credit_check.terms };
    },
  )
  .step('allocation', { dependsOn: ['stock_check'] }, ({ parents }) => allocate(parents.stock_check))
  .step('shipment', { dependsOn: ['payment', 'allocation'], priority: NEARLY_DONE }, ({ input, parents }) =>
    ship(input, parents.allocation),
  )
  .step('notify', { dependsOn: ['shipment'], priority: NEARLY_DONE }, ({ input, parents }) => ({
    channel: 'email',
    text: notificationText(input, parents.shipment),
  }));
