import type { Database, Executor } from '../../../src/db/connections/database.ts';
import { examine } from '../../../src/db/doctor/examine.ts';
import { runTiming, type RunTiming, stepResults, taskSummary } from './reports.ts';
import type { LedgerReport } from '../gateway/ledger.ts';
import { type Order, readOrders } from '../northwind.ts';
import { orderFulfillment } from '../workflow.ts';
import { type Findings, orderIdOf } from './checks.ts';

/**
 * The orders that a run is about: the first `count`, or as many more as an earlier run submitted. Decided by the highest
 * order that has a task, so that a lost task below it is noticed.
 */
export async function ordersOfRun(db: Executor, count: number): Promise<Order[]> {
  const submitted = await stepResults(db, orderFulfillment, 'validate');
  const highest = submitted.reduce((max, each) => Math.max(max, orderIdOf(each)), 0);
  return readOrders().filter((order, index) => index < count || order.order_id <= highest);
}

/**
 * The state of both sides: the database, and the gateway's ledger. `examined`: check every invariant of the data as well,
 * which reads all of it; for a database that holds this example and nothing else.
 */
export async function collectFindings(db: Database, gatewayUrl: string, examined: boolean): Promise<Findings> {
  const ledger = (await (await fetch(`${gatewayUrl}/ledger`)).json()) as LedgerReport;
  return {
    summary: await taskSummary(db, orderFulfillment),
    prices: await stepResults(db, orderFulfillment, 'price'),
    payments: await stepResults(db, orderFulfillment, 'payment'),
    shipments: await stepResults(db, orderFulfillment, 'shipment'),
    ledger,
    brokenInvariants: examined ? (await examine(db)).map((finding) => `${finding.id} (${finding.title})`) : undefined,
  };
}

/** How fast it went since `since`, a clock reading of the database; absent: ever. */
export async function timingOfRun(db: Executor, since: string | undefined): Promise<RunTiming> {
  return runTiming(db, orderFulfillment, since);
}
