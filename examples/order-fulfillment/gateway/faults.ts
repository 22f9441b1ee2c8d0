/**
 * The faults of the stub gateway, which depend only on the order id: they are known before the run and can be checked after
 * it.
 */
export type Fault =
  /** 503 with `Retry-After: 1`. */
  | 'unavailable'
  /** 500. */
  | 'failed'
  /** Never responds, and charges nothing. */
  | 'hung'
  /** Charges, then never responds: only the idempotency key keeps the client's next attempt from charging again. */
  | 'charged_then_hung'
  /** Charges, then drops the connection. */
  | 'charged_then_reset';

/** Declined every time, with 402: two of them among the first 60 orders, and one of the largest orders (11030). */
export const REFUSED_ORDER_IDS: readonly number[] = [10255, 10296, 10417, 10555, 10698, 10847, 11030];

export function isRefused(orderId: number): boolean {
  return REFUSED_ORDER_IDS.includes(orderId);
}

/** What goes wrong with the first attempts at charging an order, in order; the attempt after the last one succeeds. */
export function plannedFaults(orderId: number): readonly Fault[] {
  if (isRefused(orderId)) return [];
  if (orderId % 24 === 5) return ['unavailable', 'unavailable'];
  if (orderId % 24 === 17) return ['unavailable'];
  if (orderId % 45 === 7) return ['failed', 'failed'];
  if (orderId % 15 === 7) return ['failed'];
  if (orderId % 40 === 11) return ['hung'];
  if (orderId % 40 === 33) return ['charged_then_hung'];
  if (orderId % 60 === 44) return ['charged_then_reset'];
  return [];
}

export function chargesBeforeFailing(fault: Fault): boolean {
  return fault === 'charged_then_hung' || fault === 'charged_then_reset';
}
