import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { chargesBeforeFailing, isRefused, plannedFaults } from './faults.ts';
import type { Charge, Ledger, ReplyKind } from './ledger.ts';

export interface GatewayOptions {
  ledger: Ledger;
  /** Time between recording a charge and the response, drawn evenly from this range by order id. */
  latencyMs?: { from: number; to: number };
  /** Called if the ledger cannot be written: the gateway must end, because it no longer has a record of what it charged. */
  onLedgerFailure: (error: unknown) => void;
}

interface ChargeRequest {
  key: string;
  order_id: number;
  amount_cents: number;
  currency: string;
}

/** Enough for a charge; a larger body is none. */
const maxBodyBytes = 16 * 1024;

/**
 * A stand-in for a payment provider:
 *   POST /charges  Idempotency-Key: <key>  {order_id, amount_cents, currency}
 *                  201 charged, 200 the earlier charge of this key, 402 declined, 422 the key belongs to another charge,
 *                  503 with Retry-After, 500, a dropped connection, or no response at all (see faults.ts)
 *   GET /ledger    every charge, violations, replies by kind
 *   GET /health    {ok, pid}
 * The response to one key is decided in one synchronous step, so two requests with it in flight charge once.
 */
export function createGateway({ ledger, latencyMs, onLedgerFailure }: GatewayOptions): Server {
  const thinkingTime = (orderId: number): number =>
    latencyMs === undefined ? 0 : latencyMs.from + ((orderId * 37) % 100) * 0.01 * (latencyMs.to - latencyMs.from);

  async function charge(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = await readCharge(request);
    if (typeof asked === 'string') return reply(response, 400, { error: 'bad_request', message: asked });
    const { kind, made } = decide(ledger, asked);
    const { key, ...rest } = asked;
    try {
      await ledger.append({
        at: new Date().toISOString(),
        kind,
        key,
        ...rest,
        ...(made === undefined || kind === 'replayed' ? {} : { charge_id: made.charge_id }),
      });
    } catch (error) {
      onLedgerFailure(error);
      response.destroy();
      return;
    }
    // After recording: a client or gateway that dies in this time must find the charge again under its key.
    await sleep(thinkingTime(asked.order_id));
    answer(response, kind, made);
  }

  return createServer((request, response) => {
    const route = `${request.method} ${request.url?.split('?')[0]}`;
    if (route === 'POST /charges') {
      charge(request, response).catch((error: unknown) =>
        reply(response, 500, { error: 'internal', message: String(error) }),
      );
    } else if (route === 'GET /ledger') reply(response, 200, ledger.report());
    else if (route === 'GET /health') reply(response, 200, { ok: true, pid: process.pid });
    else reply(response, 404, { error: 'not_found', message: 'POST /charges, GET /ledger or GET /health' });
  });
}

function decide(
  ledger: Ledger,
  { key, order_id, amount_cents, currency }: ChargeRequest,
): { kind: ReplyKind; made?: Charge } {
  const earlier = ledger.chargeOf(key);
  if (earlier !== undefined) {
    const same =
      earlier.order_id === order_id && earlier.amount_cents === amount_cents && earlier.currency === currency;
    return same ? { kind: 'replayed', made: earlier } : { kind: 'mismatched_key' };
  }
  if (isRefused(order_id)) return { kind: 'refused' };
  const fault = plannedFaults(order_id)[ledger.faultsOf(key)];
  if (fault !== undefined && !chargesBeforeFailing(fault)) return { kind: fault };
  const suffix = createHash('sha256').update(key).digest('hex').slice(0, 8);
  const made = { charge_id: `ch_${order_id}_${suffix}`, key, order_id, amount_cents, currency };
  return { kind: fault ?? 'charged', made };
}

function answer(response: ServerResponse, kind: ReplyKind, made: Charge | undefined): void {
  switch (kind) {
    case 'charged':
      return reply(response, 201, { ...made, replayed: false });
    case 'replayed':
      return reply(response, 200, { ...made, replayed: true });
    case 'refused':
      return reply(response, 402, { error: 'card_declined', message: 'the card was declined' });
    case 'mismatched_key':
      return reply(response, 422, { error: 'idempotency_key_reused', message: 'this key belongs to another charge' });
    case 'unavailable':
      return reply(response, 503, { error: 'unavailable', message: 'try again in a second' }, { 'retry-after': '1' });
    case 'failed':
      return reply(response, 500, { error: 'internal', message: 'something went wrong here' });
    case 'charged_then_reset':
      response.destroy();
      return;
    case 'hung':
    case 'charged_then_hung':
    // The connection stays open and silent until the client gives up.
  }
}

function reply(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** The requested charge, or the problem of the request. */
async function readCharge(request: IncomingMessage): Promise<ChargeRequest | string> {
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string' || key === '' || key.length > 255) {
    return 'the header Idempotency-Key is missing: send 1 to 255 characters that stay the same when you try again';
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) return `the body is larger than ${maxBodyBytes} bytes`;
    chunks.push(chunk);
  }
  let body: Partial<Record<keyof ChargeRequest, unknown>> | null;
  try {
    body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as typeof body;
  } catch {
    return 'the body is not JSON';
  }
  const { order_id, amount_cents, currency } = body ?? {};
  if (!Number.isSafeInteger(order_id)) return 'order_id is not an integer';
  if (!Number.isSafeInteger(amount_cents) || (amount_cents as number) <= 0)
    return 'amount_cents is not an integer above 0';
  if (typeof currency !== 'string' || !/^[A-Z]{3}$/.test(currency)) return 'currency is not a code of three capitals';
  return { key, order_id: order_id as number, amount_cents: amount_cents as number, currency };
}
