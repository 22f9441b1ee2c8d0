/** In the place of the payment gateway of the example: charges once for each idempotency key, and records it. */
import { effects } from '../../../src/testing/index.ts';

globalThis.fetch = async (_url, init) => {
  const {
    order_id: orderId,
    amount_cents: amountCents,
    currency,
  } = JSON.parse(String(init?.body)) as Record<string, unknown>;
  const key = new Headers(init?.headers).get('idempotency-key') ?? '';
  effects.record('charge', { key, value: { orderId, amountCents, currency } });
  const charge = { charge_id: `ch_${key}`, order_id: orderId, amount_cents: amountCents, currency, replayed: false };
  return Response.json(charge, { status: 201 });
};
