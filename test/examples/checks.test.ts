import { describe, expect, test } from 'vitest';
import { allocate, checkStock, priceOf, ship } from '../../examples/order-fulfillment/domain.ts';
import { expectationsOf } from '../../examples/order-fulfillment/expectations.ts';
import { isRefused, plannedFaults } from '../../examples/order-fulfillment/gateway/faults.ts';
import { readCatalogue, readOrders } from '../../examples/order-fulfillment/northwind.ts';
import { businessResult, checkRun, type Findings } from '../../examples/order-fulfillment/run/checks.ts';
import { Progress } from '../../examples/order-fulfillment/run/progress.ts';
import { summaryLines } from '../../examples/order-fulfillment/run/summary.ts';

const catalogue = readCatalogue();
const orders = readOrders();

/** What a run without any mishap finds: every step result that the workflow would have stored. */
function perfectRun(): Findings {
  const rows = orders.map((order, index) => {
    const refused = isRefused(order.order_id);
    const price = priceOf(order);
    const base = {
      task_id: String(index + 1),
      task_state: refused ? 'error' : 'complete',
      context: order,
      error: null,
    };
    const chargeId = `ch_${order.order_id}`;
    return {
      price: { ...base, state: 'complete', attempts: 1, results: price },
      payment: {
        ...base,
        state: refused ? 'error' : 'complete',
        attempts: 1 + plannedFaults(order.order_id).length,
        results: refused ? null : { charge_id: chargeId, amount_cents: price.amount_cents },
        error: refused ? 'declined' : null,
      },
      shipment: {
        ...base,
        state: refused ? 'pending' : 'complete',
        attempts: refused ? 0 : 1,
        results: refused ? null : ship(order, allocate(checkStock(order, catalogue))),
      },
      charge: refused
        ? []
        : [
            {
              charge_id: chargeId,
              key: `${index + 1}:payment`,
              order_id: order.order_id,
              amount_cents: price.amount_cents,
              currency: 'USD',
            },
          ],
    };
  });
  return {
    summary: {
      tasks: { complete: 823, error: 7 },
      steps: { complete: 6619, error: 7, pending: 14 },
      attempts: 6852,
      retries: 226,
      blocked_steps: 7,
      clock: '',
    },
    prices: rows.map((row) => row.price),
    payments: rows.map((row) => row.payment),
    shipments: rows.map((row) => row.shipment),
    ledger: {
      charges: rows.flatMap((row) => row.charge),
      violations: [],
      replies: { unavailable: 104, failed: 74, hung: 21, charged_then_hung: 14, charged_then_reset: 13 },
      torn_bytes: 0,
    },
    brokenInvariants: [],
  };
}

function failedChecks(findings: Findings): string[] {
  return checkRun(expectationsOf(orders, catalogue), orders, findings)
    .filter((check) => !check.ok)
    .map((check) => `${check.name}: ${check.expected} / ${check.actual}`);
}

describe('the checks after a run', () => {
  test('all pass after a run without mishap', () => {
    expect(failedChecks(perfectRun())).toEqual([]);
  });

  test('an order that was lost is named', () => {
    const run = perfectRun();
    expect(
      failedChecks({
        ...run,
        summary: {
          ...run.summary,
          tasks: { complete: 822, error: 7 },
          steps: { complete: 6611, error: 7, pending: 14 },
        },
        prices: run.prices.slice(1),
        payments: run.payments.slice(1),
        shipments: run.shipments.slice(1),
        ledger: { ...run.ledger, charges: run.ledger.charges.slice(1) },
      }),
    ).toEqual([
      'tasks: complete 823, error 7 / complete 822, error 7',
      'steps: complete 6619, error 7, pending 14 / complete 6611, error 7, pending 14',
      'orders without a task, or with two: none / 10248',
      'revenue of all order lines: 1265793.04 / 1265353.04',
      'revenue of the data set: 1265793.04 / 1265353.04',
      'charged, by the database: 1227135.91 / 1226695.91',
      'charged, by the gateway: 1227135.91 / 1226695.91',
      'charges: 823 / 822',
      'units shipped: 34313 / 34286',
    ]);
  });

  test('an order with two tasks is named', () => {
    const run = perfectRun();
    const [first] = run.prices;
    expect(failedChecks({ ...run, prices: [...run.prices, { ...first!, task_id: '831' }] })).toContain(
      'orders without a task, or with two: none / 10248',
    );
  });

  test('a charge that the database does not have is found', () => {
    const run = perfectRun();
    const payments = run.payments.map((each, index) =>
      index === 0 ? { ...each, state: 'error', results: null, error: 'no answer' } : each,
    );
    expect(failedChecks({ ...run, payments })).toEqual([
      'orders refused by the gateway: 10255 10296 10417 10555 10698 10847 11030 / 10248 10255 10296 10417 10555 10698 10847 11030',
      'payment of order 10248: charged / no answer',
      'charged, by the database: 1227135.91 / 1226695.91',
      'refused: 38657.31 / 39097.31',
      'orders that ledger and database see differently: none / 10248',
    ]);
  });

  test('a charge that the gateway does not have is found', () => {
    const run = perfectRun();
    const charges = run.ledger.charges.slice(0, -1);
    expect(failedChecks({ ...run, ledger: { ...run.ledger, charges } })).toEqual([
      'charged, by the gateway: 1227135.91 / 1225880.19',
      'charges: 823 / 822',
      'orders that ledger and database see differently: none / 11077',
    ]);
  });

  test('an order that was charged twice is named', () => {
    const run = perfectRun();
    const violations = [{ violation: 'double_charge' as const, order_id: 10_248, keys: ['a', 'b'] }];
    expect(failedChecks({ ...run, ledger: { ...run.ledger, violations } })).toEqual([
      'orders charged twice: none / 10248',
    ]);
  });

  test('a refusal that was charged is found', () => {
    const run = perfectRun();
    const charges = [
      ...run.ledger.charges,
      { charge_id: 'ch_10255', key: '8:payment', order_id: 10_255, amount_cents: 100, currency: 'USD' },
    ];
    expect(failedChecks({ ...run, ledger: { ...run.ledger, charges } })).toEqual([
      'charged, by the gateway: 1227135.91 / 1227136.91',
      'charges: 823 / 824',
      'orders that ledger and database see differently: none / 10255',
    ]);
  });

  test('faults that did not happen are missed, more of them are no failure', () => {
    const run = perfectRun();
    const replies = { ...run.ledger.replies, hung: 20, failed: 75 };
    expect(failedChecks({ ...run, ledger: { ...run.ledger, replies } })).toEqual([
      'gateway replies: hung: 21 or more / 20',
    ]);
  });

  test('a broken invariant of the database is named', () => {
    expect(failedChecks({ ...perfectRun(), brokenInvariants: ['X1 (a title)', 'X2 (another)'] })).toEqual([
      'broken invariants of the database: none / X1 (a title); X2 (another)',
    ]);
  });

  test('nothing at all fails nearly everything, and breaks nothing', () => {
    const nothing: Findings = {
      summary: { tasks: {}, steps: {}, attempts: 0, retries: 0, blocked_steps: 0, clock: '' },
      prices: [],
      payments: [],
      shipments: [],
      ledger: { charges: [], violations: [], replies: {}, torn_bytes: 0 },
      brokenInvariants: undefined,
    };
    expect(failedChecks(nothing)).toContain(
      'orders without a task, or with two: none / 10248 10249 10250 10251 10252 10253 10254 10255 10256 10257 and 820 more',
    );
  });
});

test('the summary shows the business result and every check', () => {
  const findings = perfectRun();
  const checks = checkRun(expectationsOf(orders, catalogue), orders, findings);
  const lines = summaryLines({
    findings,
    timing: {
      completed_steps: 6619,
      seconds: 8.25,
      ready_to_start: { steps: 6626, p50: 0.0004, p95: 0.25, p99: 1.5, max: 2 },
    },
    business: businessResult(findings),
    checks,
    restarts: 1,
    wasFinished: false,
  });
  expect(lines.slice(0, 15).join('\n')).toMatchInlineSnapshot(`
    "Summary
      tasks           complete 823, error 7
      steps           complete 6619, error 7, pending 14
      attempts        6,852, of which retries 226
      speed           802 steps/s (6,619 in 8.3 s)
      ready to start  p50 0.4 ms, p95 250 ms, p99 1.50 s, longest 2.00 s
      restarts        1 of processes that died

    Business result
      revenue         1,265,793.04 USD over 830 orders, before refusals
      charged         1,227,135.91 USD
      refused         38,657.31 USD
      rounding        0.1805 USD: each order is charged in whole cents
      shipped         34,313 units, 15,845 to follow
    "
  `);
  expect(lines).toContain('  ok      revenue of the data set: 1265793.04');
});

describe('progress', () => {
  const summary = {
    tasks: { complete: 410, error: 5, in_progress: 15 },
    steps: { complete: 3300, in_progress: 12, error: 8, pending: 3320 },
    attempts: 3400,
    retries: 61,
    blocked_steps: 5,
    clock: '',
  };

  test('shows how far, how fast and what went wrong', () => {
    const progress = new Progress({ tasks: 830, steps: 6619 }, 1000);
    progress.line({ ...summary, steps: { complete: 3000 } }, 2000);
    expect(progress.line(summary, 2500)).toBe(
      '[#####.....] 415/830 tasks  3,300/6,619 steps  600/s  retries 61  failed 5  2 s  running 12  waiting to retry 3',
    );
  });

  test('is finished when every task has ended, well or not', () => {
    const progress = new Progress({ tasks: 830, steps: 6619 }, 0);
    expect(progress.isFinished(summary)).toBe(false);
    expect(progress.isFinished({ ...summary, tasks: { complete: 822, error: 7, in_progress: 1 } })).toBe(false);
    expect(progress.isFinished({ ...summary, tasks: { complete: 823, error: 7 } })).toBe(true);
    expect(progress.isFinished({ ...summary, tasks: {} })).toBe(false);
  });
});
