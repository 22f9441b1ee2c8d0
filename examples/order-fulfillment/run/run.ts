import { join } from 'node:path';
import { taskSummary, workflowOrigin } from './reports.ts';
import { type Client, createClient, migrateToLatest } from '../../../src/index.ts';
import { expectationsOf } from '../expectations.ts';
import { readCatalogue } from '../northwind.ts';
import { orderFulfillment } from '../workflow.ts';
import { businessResult, checkRun } from './checks.ts';
import { openRunDatabase, type RunDatabase } from './database.ts';
import { collectFindings, ordersOfRun, timingOfRun } from './findings.ts';
import { Fleet } from './fleet.ts';
import { aborted, catchInterrupts, type Interrupts } from './interrupts.ts';
import type { RunOptions } from './options.ts';
import { OutageRetry } from './outage-retry.ts';
import { createDisplay, type Display, Progress } from './progress.ts';
import { submitOrders } from './submit.ts';
import { summaryLines } from './summary.ts';
import { stalledAfterMs, watch } from './watch.ts';

const INTERRUPTED = 130;

/** What has been opened so far and must be closed again, even if the run ended early. */
interface Opened {
  database?: RunDatabase;
  client?: Client;
  fleet?: Fleet;
}

/** Runs the example from an empty folder to the end of the fleet; returns the exit status. */
export async function run(options: RunOptions): Promise<number> {
  const interrupts = catchInterrupts();
  const display = createDisplay(process.stdout);
  const opened: Opened = {};
  let status: number;
  try {
    status = await runOpened(options, interrupts, display, opened);
  } catch (error) {
    display.clear();
    display.note(`failed: ${error instanceof Error ? error.message : String(error)}`);
    status = 1;
  }
  display.clear();
  if (opened.fleet !== undefined) display.note('stopping: workers finish what they hold (Ctrl-C again: stop at once)');
  const drained = (await opened.fleet?.stop(interrupts.stopNow)) ?? true;
  if (!drained) display.note('stopped without waiting: what was running will run again');
  await opened.client?.close();
  await opened.database?.close();
  interrupts.release();
  return status;
}

async function runOpened(
  options: RunOptions,
  interrupts: Interrupts,
  display: Display,
  opened: Opened,
): Promise<number> {
  const log = (line: string): void => display.note(line);
  const database = (opened.database = await openRunDatabase({ ...options, log, interrupted: interrupts.stop }));
  await migrateToLatest(database.directUrl ?? database.url);
  const client = (opened.client = createClient({
    url: database.url,
    applicationName: 'order example',
    // As in the processes of the fleet: a transaction pooler may not support them.
    preparedStatements: process.env['TASKER_POOLED'] !== 'true',
  }));
  await client.register(orderFulfillment);
  const { db } = client;
  const orders = await ordersOfRun(db, options.tasks);

  const fatal = new AbortController();
  const over = AbortSignal.any([interrupts.stop, fatal.signal]);
  const fleet = (opened.fleet = new Fleet(
    {
      databaseUrl: database.url,
      directUrl: database.directUrl,
      workers: options.workers,
      port: options.port,
      logDir: join(options.dataDir, 'logs'),
      // Whoever does not stay has nobody to look at it.
      dashboard: !options.exit,
      // Named after the database: a ledger belongs to the tasks of one database.
      ledgerPath: join(options.dataDir, 'payments', `ledger-${await workflowOrigin(db, orderFulfillment)}.jsonl`),
    },
    { restarting: log, givenUp: (error) => fatal.abort(error) },
  ));
  try {
    await unlessOver(fleet.start(), over);
    // First of all lines: everything can be seen there.
    if (fleet.dashboardUrl !== undefined) log(`dashboard: ${fleet.dashboardUrl}`);
  } finally {
    // Also of a fleet that could not be started: which database is the first question then.
    log(`database: ${database.description}`);
  }
  fatal.signal.throwIfAborted();
  if (interrupts.stop.aborted) return INTERRUPTED;
  log(`fleet: ${fleet.pids.map(({ name, pid }) => `${name} (pid ${pid})`).join(', ')}`);
  log(`logs: ${fleet.logDir}`);

  const outageRetry = new OutageRetry(database, log, over);
  const before = await outageRetry.run(() => taskSummary(db, orderFulfillment));
  const expected = expectationsOf(orders, readCatalogue());
  const progress = new Progress({ tasks: orders.length, steps: expected.steps.complete }, performance.now());
  const wasFinished = progress.isFinished(before);
  const created = await outageRetry.run(() => submitOrders(client, orders));
  log(`submitted: ${plural(created, 'task')}${known(orders.length - created)}`);

  const end = await watch(db, outageRetry, progress, display, over);
  display.clear();
  fatal.signal.throwIfAborted();
  if (end === 'interrupted') {
    const ended = await taskSummary(db, orderFulfillment).then(Progress.endedTasks, () => 'an unknown number');
    log(`interrupted: ${ended} of ${plural(orders.length, 'task')} ended. The next start goes on with the rest`);
    return INTERRUPTED;
  }
  if (end === 'stalled') log(`nothing has moved for ${stalledAfterMs / 1000} s: look into the logs`);

  const findings = await outageRetry.run(() => collectFindings(db, fleet.gatewayUrl, database.embedded));
  const checks = checkRun(expected, orders, findings);
  const lines = summaryLines({
    findings,
    timing: await outageRetry.run(() => timingOfRun(db, wasFinished ? undefined : before.clock)),
    business: businessResult(findings),
    checks,
    restarts: fleet.restarts,
    wasFinished,
  });
  for (const line of ['', ...lines, '']) log(line);
  if (wasFinished) log('There was nothing left to do. To begin anew: npm start -- --fresh');
  if (!options.exit) {
    if (fleet.dashboardUrl !== undefined) log(`dashboard: ${fleet.dashboardUrl}`);
    for (const { name, url } of fleet.metricsUrls) log(`metrics of ${name}: ${url}`);
    if (database.embedded) log(`for other terminals: export DATABASE_URL="$(cat ${database.urlFile})"`);
    log('The fleet stays up. Ctrl-C stops it');
    await aborted(over);
    fatal.signal.throwIfAborted();
  }
  return checks.every((each) => each.ok) ? 0 : 1;
}

/** Waits for the work, at most until `over` is aborted; the outcome of the work is then ignored. */
async function unlessOver(work: Promise<void>, over: AbortSignal): Promise<void> {
  work.catch(() => {});
  await Promise.race([work, aborted(over)]);
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function known(count: number): string {
  return count === 0 ? '' : `; ${plural(count, 'task')} known from an earlier run`;
}
