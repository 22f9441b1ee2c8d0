import type { StepResult, TaskSummary } from './reports.ts';
import { type Expectations, NORTHWIND_REVENUE_CENTS } from '../expectations.ts';
import type { Fault } from '../gateway/faults.ts';
import type { LedgerReport } from '../gateway/ledger.ts';
import { centsText, exactText, parseExact, roundHalfUp } from '../money.ts';
import type { Order } from '../northwind.ts';
import { ORDER_COUNT } from './options.ts';

/** What the database and the gateway contain after a run. */
export interface Findings {
  summary: TaskSummary;
  prices: readonly StepResult[];
  payments: readonly StepResult[];
  shipments: readonly StepResult[];
  ledger: LedgerReport;
  /** The violations that `tasker doctor` would report; undefined if the invariants were not checked. */
  brokenInvariants: readonly string[] | undefined;
}

export interface Check {
  name: string;
  expected: string;
  actual: string;
  ok: boolean;
}

export interface BusinessResult {
  orders: number;
  revenue: string;
  charged: string;
  refused: string;
  rounding: string;
  shipped_units: number;
  backordered_units: number;
}

interface Paid {
  charge_id: string;
  amount_cents: number;
}

const FAULTS: readonly Fault[] = ['unavailable', 'failed', 'hung', 'charged_then_hung', 'charged_then_reset'];

export function orderIdOf(result: StepResult): number {
  return (result.context as Pick<Order, 'order_id'>).order_id;
}

/** The business result as the database has it. */
export function businessResult(findings: Findings): BusinessResult {
  const { total, charged, refused, rounding } = amounts(findings);
  const shipped = unitsOf(findings.shipments);
  return {
    orders: findings.prices.length,
    revenue: centsText(roundHalfUp(total)),
    charged: centsText(charged),
    refused: centsText(refused),
    rounding: exactText(rounding),
    shipped_units: shipped.shipped,
    backordered_units: shipped.backordered,
  };
}

/** Compares a run with the result that follows from the data: every difference is one failed check. */
export function checkRun(expected: Expectations, orders: readonly Order[], findings: Findings): Check[] {
  const { summary, prices, payments, ledger } = findings;
  const { total, charged, refused } = amounts(findings);
  const units = unitsOf(findings.shipments);
  const declined = payments.filter((payment) => payment.state === 'error');
  const ledgerTotal = ledger.charges.reduce((sum, { amount_cents }) => sum + amount_cents, 0);
  const unplanned = declined.filter((payment) => !expected.refused_order_ids.includes(orderIdOf(payment)));
  return [
    check('tasks', counts({ ...expected.tasks }), counts(summary.tasks)),
    check('steps', counts({ ...expected.steps }), counts(summary.steps)),
    check('orders without a task, or with two', 'none', list(misfits(orders, prices))),
    check('orders refused by the gateway', list(expected.refused_order_ids), list(declined.map(orderIdOf))),
    ...unplanned.map((payment) =>
      check(`payment of order ${orderIdOf(payment)}`, 'charged', payment.error ?? 'in error'),
    ),
    check('revenue of all order lines', centsText(expected.revenue_cents), centsText(roundHalfUp(total))),
    ...(orders.length === ORDER_COUNT
      ? [check('revenue of the data set', centsText(NORTHWIND_REVENUE_CENTS), centsText(roundHalfUp(total)))]
      : []),
    check('charged, by the database', centsText(expected.charged_cents), centsText(charged)),
    check('charged, by the gateway', centsText(expected.charged_cents), centsText(ledgerTotal)),
    check('refused', centsText(expected.refused_cents), centsText(refused)),
    check('charges', String(expected.charges.size), String(ledger.charges.length)),
    check('orders charged twice', 'none', list(ledger.violations.map((violation) => violation.order_id))),
    check('orders that ledger and database see differently', 'none', list(disagreements(payments, ledger))),
    check('units shipped', String(expected.shipped_units), String(units.shipped)),
    check('units backordered', String(expected.backordered_units), String(units.backordered)),
    ...(findings.brokenInvariants === undefined
      ? []
      : [check('broken invariants of the database', 'none', findings.brokenInvariants.join('; ') || 'none')]),
    // A killed process can make a fault happen once more, never once less. Retries are not checked: an attempt that was
    // released because its worker stopped is not counted, whatever the gateway's response was.
    ...FAULTS.filter((fault) => (expected.faults[fault] ?? 0) > 0).map((fault) =>
      atLeast(
        `gateway replies: ${fault.replaceAll('_', ' ')}`,
        expected.faults[fault] ?? 0,
        ledger.replies[fault] ?? 0,
      ),
    ),
  ];
}

function amounts({ prices, payments }: Findings): {
  total: number;
  charged: number;
  refused: number;
  rounding: number;
} {
  const priced = prices.filter((price) => price.state === 'complete');
  const totals = new Map(
    priced.map((price) => [orderIdOf(price), price.results as { total: string; amount_cents: number }]),
  );
  const total = [...totals.values()].reduce((sum, price) => sum + parseExact(price.total), 0);
  const asked = [...totals.values()].reduce((sum, price) => sum + price.amount_cents, 0);
  const paid = payments.filter((payment) => payment.state === 'complete');
  const declined = payments.filter((payment) => payment.state === 'error');
  return {
    total,
    charged: paid.reduce((sum, payment) => sum + (payment.results as Paid).amount_cents, 0),
    refused: declined.reduce((sum, payment) => sum + (totals.get(orderIdOf(payment))?.amount_cents ?? 0), 0),
    rounding: asked * 100 - total,
  };
}

function unitsOf(shipments: readonly StepResult[]): { shipped: number; backordered: number } {
  const units = { shipped: 0, backordered: 0 };
  for (const { state, results } of shipments) {
    if (state !== 'complete') continue;
    const { shipped_units, backordered_units } = results as { shipped_units: number; backordered_units: number };
    units.shipped += shipped_units;
    units.backordered += backordered_units;
  }
  return units;
}

/** Orders that do not have exactly one task, and tasks of orders that were not asked for. */
function misfits(orders: readonly Order[], prices: readonly StepResult[]): number[] {
  const tasks = new Map<number, number>(orders.map((order) => [order.order_id, 0]));
  for (const price of prices) tasks.set(orderIdOf(price), (tasks.get(orderIdOf(price)) ?? 1) + 1);
  return [...tasks].filter(([, count]) => count !== 1).map(([orderId]) => orderId);
}

/** Orders whose charge is not the same on both sides: missing on one, or with another id or amount. */
function disagreements(payments: readonly StepResult[], ledger: LedgerReport): number[] {
  const charged = new Map(ledger.charges.map((made) => [made.order_id, `${made.charge_id} ${made.amount_cents}`]));
  const differing: number[] = [];
  for (const payment of payments) {
    const orderId = orderIdOf(payment);
    const paid = payment.state === 'complete' ? (payment.results as Paid) : undefined;
    if (charged.get(orderId) !== (paid && `${paid.charge_id} ${paid.amount_cents}`)) differing.push(orderId);
    charged.delete(orderId);
  }
  return [...differing, ...charged.keys()];
}

function check(name: string, expected: string, actual: string): Check {
  return { name, expected, actual, ok: expected === actual };
}

function atLeast(name: string, least: number, actual: number): Check {
  return { name, expected: `${least} or more`, actual: String(actual), ok: actual >= least };
}

/** { error: 7, complete: 823, pending: 0 } -> 'complete 823, error 7' */
export function counts(byState: Readonly<Record<string, number>>): string {
  const parts = Object.entries(byState)
    .filter(([, count]) => count > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([state, count]) => `${state} ${count}`);
  return parts.length === 0 ? 'none' : parts.join(', ');
}

function list(orderIds: readonly number[]): string {
  if (orderIds.length === 0) return 'none';
  const shown = orderIds.toSorted((a, b) => a - b).slice(0, 10);
  return `${shown.join(' ')}${orderIds.length > shown.length ? ` and ${orderIds.length - shown.length} more` : ''}`;
}
