import { z } from 'zod';
import { PermanentError, RetryableError } from '../../src/index.ts';

export interface PaymentRequest {
  gatewayUrl: string;
  /** The same for every attempt at this payment: the gateway charges once per key. */
  idempotencyKey: string;
  orderId: number;
  amountCents: number;
  currency: string;
  /** Ends the request when the worker aborts the step. */
  signal: AbortSignal;
  timeoutMs: number;
}

const chargeSchema = z.object({
  charge_id: z.string(),
  order_id: z.number().int(),
  amount_cents: z.number().int(),
  currency: z.string(),
  replayed: z.boolean(),
});
export type PaymentResult = z.infer<typeof chargeSchema>;

/** Used if the gateway requests a pause without its length. */
const defaultRetryAfterSeconds = 1;

/**
 * Charges an order, or finds the charge of an earlier attempt that got no response. Throws RetryableError if another attempt
 * can help (no response, an error of the gateway, a request to wait), PermanentError if it cannot (declined, or an invalid
 * request).
 */
export async function charge(request: PaymentRequest): Promise<PaymentResult> {
  const response = await send(request);
  if (response.status === 200 || response.status === 201) {
    const parsed = chargeSchema.safeParse(await readJson(response));
    if (!parsed.success)
      throw new RetryableError(`the gateway answered ${response.status} with something that is no charge`);
    return parsed.data;
  }
  const message = `order ${request.orderId}: the gateway answered ${response.status} ${await readMessage(response)}`;
  if (response.status === 429 || response.status === 503) {
    throw new RetryableError(message, {
      retryAfter: retryAfterSeconds(response.headers.get('retry-after'), Date.now()),
    });
  }
  if (response.status >= 500 || response.status === 408) throw new RetryableError(message);
  throw new PermanentError(message);
}

async function send(request: PaymentRequest): Promise<Response> {
  try {
    return await fetch(`${request.gatewayUrl}/charges`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': request.idempotencyKey },
      body: JSON.stringify({
        order_id: request.orderId,
        amount_cents: request.amountCents,
        currency: request.currency,
      }),
      signal: AbortSignal.any([request.signal, AbortSignal.timeout(request.timeoutMs)]),
    });
  } catch (cause) {
    // An abort by the worker is no failure of the payment: the worker decides what happens to the step.
    if (request.signal.aborted) throw cause;
    const what =
      (cause as Error).name === 'TimeoutError' ? `no answer within ${request.timeoutMs} ms` : 'no connection';
    throw new RetryableError(
      `order ${request.orderId}: ${what} from the gateway, the charge may or may not have been made`,
      {
        cause,
      },
    );
  }
}

async function readJson(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch (cause) {
    throw new RetryableError(`the gateway's answer (${response.status}) broke off`, { cause });
  }
}

async function readMessage(response: Response): Promise<string> {
  return (await response.text().catch(() => '')).slice(0, 200);
}

/** `Retry-After` in seconds: a number of them, or a date (RFC 9110, 10.2.3). */
export function retryAfterSeconds(header: string | null, nowMs: number): number {
  if (header === null || header.trim() === '') return defaultRetryAfterSeconds;
  if (/^\d+$/.test(header.trim())) return Number(header);
  const date = Date.parse(header);
  return Number.isNaN(date) ? defaultRetryAfterSeconds : Math.max(0, (date - nowMs) / 1000);
}
