import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Order } from '../../../examples/order-fulfillment/northwind.ts';
import { orderFulfillment } from '../../../examples/order-fulfillment/workflow.ts';
import { RECORDING_RULES } from '../../../scripts/support/monitoring/rules.ts';
import { ruleGroups } from '../../../scripts/support/monitoring/rule-file.ts';
import { createClient } from '../../../src/client/client.ts';
import { examine } from '../../../src/db/doctor/examine.ts';
import type { WorkflowDefinition } from '../../../src/workflow/definition.ts';
import { useApi } from '../../api/api-fixture.ts';
import { runTasker } from '../../cli/in-process.ts';
import { whyMissing } from '../../support/debian-tool.ts';
import { useProcesses } from '../../support/processes.ts';
import { waitFor } from '../../support/wait-for.ts';
import { openChromium, openPage, untilShown } from '../dashboard/chromium.ts';
import { type PrometheusServer, startPrometheus } from '../monitoring/prometheus-server.ts';
import { SHORT_TIMES } from '../support/fleet.ts';
import { GOOD, IncidentFleet } from './fleet.ts';
import { expectCommand, expectPrinted, expectRequest, picture } from './guide.ts';
import { Orders } from './orders.ts';
import { unitByUnit } from './releases/unit-by-unit.ts';

/*
 * The incidents of docs/guides/operating.md, each from its alert to green: what a page, a command or an alert shows there is what they
 * show here. TASKER_WRITE_GUIDE=1 puts the outputs and the pictures of this run into the guide.
 */

const TIMEOUT_MS = 240_000;
/** Somewhat more than Prometheus waits between two scrapes. */
const SCRAPE_MS = 1100;
const HEARTBEAT_MS = Number(SHORT_TIMES.TASKER_HEARTBEAT_INTERVAL_MS);
const RELEASES = 'test/reliability/incidents/releases';
const WORKFLOW = 'northwind/order_fulfillment';

const fixture = await useApi({ apiAuth: 'none' });
const processes = useProcesses();
const client = createClient({ url: fixture.test.url, notify: false });
afterAll(() => client.close());
const orders = new Orders();
let fleet: IncidentFleet;
let prometheus: PrometheusServer | undefined;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  fleet = await IncidentFleet.start(processes, fixture.test.url);
  if (whyMissing('prometheus', 'prometheus') === undefined) {
    prometheus = await startPrometheus({ targets: fleet.targets, rules: ruleGroups({ shorten: '1s' }) });
  }
  browser = await openChromium();
  ({ page } = await openPage(browser, { base: fixture.api.apiUrl }));
  // The API keeps what was slow to read for twenty times as long.
  page.setDefaultTimeout(TIMEOUT_MS / 4);
}, TIMEOUT_MS);
afterAll(async () => {
  await browser?.close();
  await prometheus?.stop();
  await fleet?.stop();
});

/** Submits orders, each under its number; returns the ids of their tasks. */
async function submit(
  list: readonly Order[],
  workflow: WorkflowDefinition = orderFulfillment as WorkflowDefinition,
): Promise<string[]> {
  const ids: string[] = [];
  const requests = list.map((input) => ({ input, key: String(input.order_id) }));
  for await (const { taskId } of client.submitMany(workflow, requests)) ids.push(taskId);
  return ids;
}

const until = (what: string, holds: () => Promise<unknown>): Promise<unknown> =>
  waitFor(holds, { what, timeoutMs: TIMEOUT_MS / 4, intervalMs: 100 });

const count = async (state: string): Promise<number> => {
  const rows = await fixture.test.query('SELECT 1 FROM tasker.tasker_tasks WHERE state = $1', [state]);
  return rows.length;
};

/** What fails now, as `tasker failures` has it. */
async function failures(): Promise<{ step: string; steps: number; blocked: number; fingerprint: string }[]> {
  return (await fixture.call('GET', '/v1/failures')).body.items as never;
}

async function alertFires(...names: string[]): Promise<void> {
  if (prometheus === undefined) return;
  for (const name of names) await until(`${name} to fire`, async () => (await prometheus?.firing())?.includes(name));
}

async function alertEnds(name: string): Promise<void> {
  if (prometheus === undefined) return;
  await until(`${name} to end`, async () => (await prometheus?.firing())?.includes(name) === false);
}

/** What the ratio of failures is once the window of the rule, five minutes, has only seen the last seconds. */
async function failureRatioFalls(step: string): Promise<void> {
  if (prometheus === undefined) return;
  const rule = RECORDING_RULES.find(({ record }) => record === 'tasker:failure_ratio:5m')?.expr ?? '';
  const ratio = rule.replaceAll('[5m]', '[8s]');
  await until(`the failures of ${step} to end`, async () => {
    const samples = (await prometheus?.query(ratio)) ?? [];
    return samples.every(({ metric, value }) => metric['step'] !== step || !(Number(value[1]) > 0.2));
  });
}

/** A command of the guide. `printed`: the guide shows what it prints under this name. */
async function tasker(args: readonly string[], printed?: string, about?: RegExp): Promise<string> {
  expectCommand(args);
  const { output } = await runTasker(args, { DATABASE_URL: fixture.test.url });
  if (printed !== undefined) expectPrinted(printed, output, about);
  return output;
}

/** A request of the guide, there with curl. */
async function post(path: string, body?: unknown): Promise<Record<string, unknown>> {
  expectRequest(path, body);
  const reply = await fixture.call('POST', path, { body });
  expect(reply.status, reply.text).toBeLessThan(300);
  return reply.body;
}

async function open(path: string): Promise<void> {
  await page.goto(`${fixture.api.apiUrl}/ui/${path}`);
  await untilShown(page);
}

/** The page Now says this. */
async function nowSays(...texts: (string | RegExp)[]): Promise<void> {
  await open('');
  for (const text of texts) await page.getByText(text).first().waitFor();
}

const operationIs = (state: string): Promise<void> => page.locator('.operation .badge', { hasText: state }).waitFor();

/** What "green" is in the guide. */
async function expectGreen(tasks: number): Promise<void> {
  await until('every task to be complete', async () => (await count('complete')) === tasks);
  // What was slow to read may be some seconds old.
  await until('nothing to fail', async () => (await failures()).length === 0);
  await nowSays('Nothing needs you');
  await alertEnds('TaskerStepsBlocked');
  await tasker(['failures'], 'failures-green');
  expect(await examine(fixture.db)).toEqual([]);
}

let tasks = 0;

describe('operating.md', () => {
  it(
    'begins with a healthy fleet',
    async () => {
      tasks += (await submit(orders.take(20))).length;
      await expectGreen(tasks);
      expect(await count('complete')).toBe(20);
      await picture(page, 'green');
    },
    TIMEOUT_MS,
  );

  it(
    'a bad deploy of one handler: a retry that comes too early stops by itself; after the roll-back it heals',
    async () => {
      await fleet.deploy(`${RELEASES}/lost-carrier.ts`);
      const ids: string[] = [];
      // A counter that appears with its first event counts from the second scrape on: orders come as they do, over some seconds.
      for (let portion = 0; portion < 5; portion += 1) {
        ids.push(...(await submit(orders.take(12, 6))));
        await sleep(SCRAPE_MS);
      }
      tasks += ids.length;
      await until('30 orders to be blocked and the others done', async () => {
        const [group] = await failures();
        return group?.blocked === 30 && (await count('complete')) === tasks - 30;
      });
      await alertFires('TaskerStepFailureRatioHigh', 'TaskerStepsBlocked');
      await nowSays(`30 steps blocked: validate of ${WORKFLOW}`, 'ship_via');
      await picture(page, 'bad-deploy-now');
      await tasker(['failures'], 'bad-deploy-failures');
      await tasker(['explain', ids[0] as string], 'bad-deploy-explain');
      await tasker(['workers'], 'bad-deploy-workers');

      const fingerprint = (await failures())[0]?.fingerprint as string;
      const retry = ['bulk', 'retry', '--fingerprint', fingerprint, '--canary', '5', '--pace', '10'];
      const preview = await tasker([...retry, '--reason', 'rolled back', '--dry-run'], 'bad-deploy-preview');
      const token = /tasker bulk start (\S+)/.exec(preview)?.[1] as string;
      await tasker(['bulk', 'start', token], 'bad-deploy-start');
      await open('operations/1');
      await operationIs('Stopped');
      await alertFires('TaskerOperationStopped');
      await nowSays('A bulk retry has stopped by itself', 'of the canary failed again');
      await open('operations/1');
      await picture(page, 'bad-deploy-stopped');
      await tasker(['bulk', 'show', '1'], 'bad-deploy-stopped');
      await tasker(['bulk', 'abort', '1', '--reason', 'the roll-back had not ended'], 'bad-deploy-abort');
      expect((await failures())[0]?.blocked).toBe(30);

      await fleet.deploy(GOOD);
      await open('failures');
      await page.getByRole('button', { name: 'Retry all' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Canary first').fill('5');
      await dialog.getByLabel('Reason').fill('rolled back to the release of yesterday');
      await dialog.getByText('5 tasks come first and are waited for.').waitFor();
      await picture(page, 'bad-deploy-retry');
      await dialog.getByRole('button', { name: 'Retry 30 tasks' }).click();
      await page.waitForURL(/\/operations\/\d+$/);
      const id = page.url().replace(/.*\//, '');
      await operationIs('Done');
      await expectGreen(tasks);
      await tasker(['bulk', 'show', id], 'bad-deploy-done');
      await failureRatioFalls('validate');
    },
    TIMEOUT_MS,
  );

  it(
    'a dependency that is down: its workflow is paused, what waits heals by itself, and what is blocked is retried at a pace',
    async () => {
      // Ten minutes in seconds: the early orders spend their attempts without waiting between them.
      await fleet.killGateway();
      await fleet.deploy(GOOD, { TASKER_RETRY_BACKOFF_DISABLED: 'true' });
      const early = await submit(orders.take(12, 4));
      await until('the early orders to be blocked', async () => (await failures())[0]?.blocked === early.length);
      await fleet.deploy(GOOD);
      const late = await submit(orders.take(24, 8));
      await until('the late orders to be in backoff', async () => {
        const [group] = await failures();
        return group?.blocked === early.length && group.steps === early.length + late.length;
      });
      await alertFires('TaskerStepFailureRatioHigh', 'TaskerStepsBlocked');
      // Those that are at it at this moment are not in backoff.
      await nowSays(/12 steps blocked(, \d+ in backoff)?: payment of /, 'no connection from the gateway');
      await tasker(['failures'], 'outage-failures');
      await until('the end of a backoff to be far enough away', async () => {
        const explained = await client.explain(late[0] as string);
        return explained?.verdict === 'BACKOFF' && Number(explained.until) - Date.now() > 1500;
      });
      await tasker(['explain', late[0] as string], 'outage-backoff');
      await tasker(['explain', early[0] as string], 'outage-blocked');

      const by = { reason: 'the payment gateway is down, INC-71' };
      await post(`/v1/workflows/${WORKFLOW}:pause`, { for_seconds: 1800, ...by });
      // Workers learn of it with their next heartbeat.
      await sleep(3 * HEARTBEAT_MS);
      const [waiting] = await submit(orders.take(1));
      await until('the pause to be seen', async () => (await client.explain(waiting as string))?.verdict === 'PAUSED');
      await tasker(['explain', waiting as string], 'outage-paused');
      await tasker(['pauses'], 'outage-pauses');
      await nowSays(`The workflow ${WORKFLOW} is paused`, 'INC-71');
      await picture(page, 'outage-paused');

      await fleet.startGateway();
      await post(`/v1/workflows/${WORKFLOW}:resume`, { reason: 'the payment gateway is back' });
      tasks += early.length + late.length + 1;
      await until('what waited to be done', async () => (await count('complete')) === tasks - early.length);
      const [group] = await failures();
      const body = {
        action: 'retry',
        filter: { fingerprint: group?.fingerprint },
        canary: 2,
        pace_per_second: 2,
      };
      const preview = await post('/v1/operations', body);
      expect(preview).toMatchObject({ total: early.length, canary: 2 });
      const id = String(preview['operation_id']);
      await post(`/v1/operations/${id}:start`, { token: preview['token'], reason: 'the payment gateway is back' });
      await open(`operations/${id}`);
      await page.getByText('2 tasks, passed').waitFor();
      await picture(page, 'outage-healing');
      await operationIs('Done');
      await expectGreen(tasks);
      const ledger = await fleet.ledger();
      expect([ledger.charges.length, ledger.violations]).toEqual([tasks, []]);
      await failureRatioFalls('payment');
    },
    TIMEOUT_MS,
  );

  it(
    'a poison order: it is found among those that die with it, and corrected',
    async () => {
      await client.register(unitByUnit);
      await fleet.deploy(`${RELEASES}/unit-by-unit.ts`, { NODE_OPTIONS: '--max-old-space-size=96' });
      const [typo, ...others] = orders.take(7);
      if (typo === undefined) throw new Error('there are no orders left');
      const [line] = typo.lines;
      const poison = { ...typo, lines: [{ ...line, quantity: 20_000_000 } as Order['lines'][number]] };
      const [id = '', ...neighbours] = await submit([poison, ...others], unitByUnit);
      tasks += 1 + neighbours.length;
      let wasQuarantined = false;
      await until('the poison order to be blocked', async () => {
        const { stdout } = await runTasker(['explain', id], { DATABASE_URL: fixture.test.url });
        if (!wasQuarantined && stdout.includes('\nQUARANTINED')) {
          wasQuarantined = true;
          expectPrinted('poison-quarantined', stdout);
        }
        return stdout.includes('\nBLOCKED');
      });
      expect(wasQuarantined).toBe(true);
      await alertFires('TaskerStepsRecovered', 'TaskerStepsKillWorkers');
      await until('its neighbours to be done', async () => (await count('complete')) === tasks - 1);
      await nowSays(`1 step blocked: validate of ${WORKFLOW}`, 'WorkerDied');
      await tasker(['failures'], 'poison-failures');
      await tasker(['explain', id], 'poison-explain');
      await open(`tasks/${id}?view=list`);
      const quantity = page.getByText('20000000').first();
      await quantity.waitFor();
      await picture(page, 'poison-task', { height: 900, show: quantity });

      await page.locator('.task-head').getByRole('button', { name: 'Edit and retry' }).click();
      const dialog = page.getByRole('dialog');
      const input = dialog.getByLabel('Input', { exact: true });
      await input.fill((await input.inputValue()).replace('20000000', '20'));
      await dialog.getByLabel('Reason').fill('the customer meant 20, says Ada of sales');
      await dialog.getByText(/^Dry run: retried/).waitFor();
      await picture(page, 'poison-edit', { height: 800 });
      await dialog.getByRole('button', { name: 'Retry with this input' }).click();
      await page.locator('.task-head .badge', { hasText: 'Complete' }).waitFor();
      await expectGreen(tasks);
      await tasker(['audit', 'list', '--task', id], 'poison-audit', /task\.retry/);
    },
    TIMEOUT_MS,
  );
});
