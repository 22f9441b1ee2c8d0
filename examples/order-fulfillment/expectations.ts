import { allocate, checkCredit, checkStock, priceOf } from './domain.ts';
import { type Fault, isRefused, plannedFaults } from './gateway/faults.ts';
import { type Cents, type HundredthsOfCent, parseExact, roundHalfUp } from './money.ts';
import type { Catalogue, Order } from './northwind.ts';

/** Revenue over all 830 orders before refusals, USD: known from the data set, not computed by this program. */
export const NORTHWIND_REVENUE_CENTS: Cents = 126_579_304;

/** Steps of an order that goes through: validate, price, stock_check, credit_check, payment, allocation, shipment, notify. */
const STEPS_OF_ORDER = 8;
/**
 * A refused payment blocks only the steps that need it: validate, price, stock_check, credit_check and allocation end
 * complete, payment in error, shipment and notify stay pending, and the task ends in error.
 */
const REFUSED_ORDER_STEPS = { complete: 5, error: 1, pending: 2 };

/** The expected result of a run, computed only from the data and the gateway's plan, without reading any database. */
export interface Expectations {
  tasks: { complete: number; error: number };
  steps: { complete: number; error: number; pending: number };
  /** All lines, exact. */
  total: HundredthsOfCent;
  /** All lines, rounded once. */
  revenue_cents: Cents;
  /** What rounding each order to whole cents adds to the exact total. */
  rounding: HundredthsOfCent;
  charged_cents: Cents;
  refused_cents: Cents;
  /** Order id -> the amount that must be charged, once. */
  charges: Map<number, Cents>;
  refused_order_ids: number[];
  /** How often the gateway must have misbehaved, by kind. */
  faults: Partial<Record<Fault, number>>;
  shipped_units: number;
  backordered_units: number;
  prepaid_orders: number;
}

export function expectationsOf(orders: readonly Order[], catalogue: Catalogue): Expectations {
  const expected: Expectations = {
    tasks: { complete: 0, error: 0 },
    steps: { complete: 0, error: 0, pending: 0 },
    total: 0,
    revenue_cents: 0,
    rounding: 0,
    charged_cents: 0,
    refused_cents: 0,
    charges: new Map(),
    refused_order_ids: [],
    faults: {},
    shipped_units: 0,
    backordered_units: 0,
    prepaid_orders: 0,
  };
  for (const order of orders) {
    const price = priceOf(order);
    const allocation = allocate(checkStock(order, catalogue));
    expected.total += parseExact(price.total);
    expected.rounding += price.amount_cents * 100 - parseExact(price.total);
    if (checkCredit(order).terms === 'prepaid') expected.prepaid_orders += 1;
    for (const fault of plannedFaults(order.order_id)) {
      expected.faults[fault] = (expected.faults[fault] ?? 0) + 1;
    }
    if (isRefused(order.order_id)) {
      expected.tasks.error += 1;
      expected.steps.complete += REFUSED_ORDER_STEPS.complete;
      expected.steps.error += REFUSED_ORDER_STEPS.error;
      expected.steps.pending += REFUSED_ORDER_STEPS.pending;
      expected.refused_cents += price.amount_cents;
      expected.refused_order_ids.push(order.order_id);
    } else {
      expected.tasks.complete += 1;
      expected.steps.complete += STEPS_OF_ORDER;
      expected.charged_cents += price.amount_cents;
      expected.charges.set(order.order_id, price.amount_cents);
      expected.shipped_units += allocation.allocated_units;
      expected.backordered_units += allocation.backordered_units;
    }
  }
  expected.revenue_cents = roundHalfUp(expected.total);
  return expected;
}
