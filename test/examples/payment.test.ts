import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { charge, type PaymentRequest, retryAfterSeconds } from '../../examples/order-fulfillment/payment.ts';
import { PermanentError, RetryableError } from '../../src/errors.ts';

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  if (server !== undefined) await new Promise((closed) => server?.close(closed));
  server = undefined;
});

async function answering(listener: RequestListener): Promise<string> {
  server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function pay(gatewayUrl: string, options: Partial<PaymentRequest> = {}): Promise<unknown> {
  return charge({
    gatewayUrl,
    idempotencyKey: '7:payment',
    orderId: 10_248,
    amountCents: 44_000,
    currency: 'USD',
    signal: new AbortController().signal,
    timeoutMs: 2000,
    ...options,
  });
}

/** What the promise rejects with. */
async function failureOf(attempt: Promise<unknown>): Promise<Error> {
  return attempt.then(
    (value) => Promise.reject(new Error(`succeeded with ${JSON.stringify(value)}`)),
    (error: Error) => error,
  );
}

describe('paying', () => {
  test('sends the amount under the idempotency key and returns the charge', async () => {
    const made = { charge_id: 'ch_1', order_id: 10_248, amount_cents: 44_000, currency: 'USD', replayed: false };
    let seen: unknown;
    const url = await answering(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      seen = [request.headers['idempotency-key'], JSON.parse(Buffer.concat(chunks).toString())];
      response.writeHead(201).end(JSON.stringify(made));
    });
    expect(await pay(url)).toEqual(made);
    expect(seen).toEqual(['7:payment', { order_id: 10_248, amount_cents: 44_000, currency: 'USD' }]);
  });

  test.each([
    [503, { 'retry-after': '7' }, 7],
    [503, {}, 1],
    [429, { 'retry-after': '2' }, 2],
    [500, {}, undefined],
    [502, { 'retry-after': '9' }, undefined],
    [408, {}, undefined],
  ])('%i with %j can be tried again, after %s seconds', async (status, headers, seconds) => {
    const error = await failureOf(
      pay(await answering((_, response) => response.writeHead(status, headers).end('busy'))),
    );
    expect(error).toBeInstanceOf(RetryableError);
    expect((error as RetryableError).retryAfterSeconds).toBe(seconds);
    expect(error.message).toBe(`order 10248: the gateway answered ${status} busy`);
  });

  test.each([400, 402, 404, 422])('%i will not change', async (status) => {
    const error = await failureOf(pay(await answering((_, response) => response.writeHead(status).end('no'))));
    expect(error).toBeInstanceOf(PermanentError);
  });

  test('no response in time can be tried again', async () => {
    const error = await failureOf(pay(await answering(() => {}), { timeoutMs: 50 }));
    expect(error).toBeInstanceOf(RetryableError);
    expect(error.message).toMatch(/no answer within 50 ms/);
  });

  test('a gateway that is not there, or breaks off, can be tried again', async () => {
    const dropped = await answering((_, response) => response.destroy());
    expect(await failureOf(pay(dropped))).toBeInstanceOf(RetryableError);
    server?.close();
    expect(await failureOf(pay(dropped))).toBeInstanceOf(RetryableError);
  });

  test.each(['{"charge_id":', '{"charge_id":"x"}'])(
    '201 with %s instead of a charge can be tried again',
    async (body) => {
      const error = await failureOf(pay(await answering((_, response) => response.writeHead(201).end(body))));
      expect(error).toBeInstanceOf(RetryableError);
    },
  );

  test('a request that the worker aborts ends with the reason of the worker', async () => {
    const controller = new AbortController();
    const url = await answering(() => controller.abort(new Error('the worker is stopping')));
    expect((await failureOf(pay(url, { signal: controller.signal }))).message).toBe('the worker is stopping');
  });
});

describe('Retry-After', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  test.each([
    ['0', 0],
    [' 30 ', 30],
    ['Thu, 01 Jan 2026 00:00:10 GMT', 10],
    ['Wed, 31 Dec 2025 23:59:00 GMT', 0],
    ['soon', 1],
    ['', 1],
    [null, 1],
  ])('%j means %d seconds', (header, seconds) => {
    expect(retryAfterSeconds(header, now)).toBe(seconds);
  });
});
