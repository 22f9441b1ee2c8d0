import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createClient } from '../../../src/client/client.ts';
import { examine } from '../../../src/db/doctor/examine.ts';
import { useApi } from '../../api/api-fixture.ts';
import { useProcesses } from '../../support/processes.ts';
import { scratchFolder } from '../../support/scratch-folder.ts';
import { waitFor } from '../../support/wait-for.ts';
import { SHORT_TIMES } from '../support/fleet.ts';
import { seriousProblems } from './axe.ts';
import { openChromium, openPage, untilShown, type Watched } from './chromium.ts';
import { checkout } from './shop-workflows.ts';

/** Orders that the closed bank refuses, and how many of them go first. */
const ORDERS = process.env['TASKER_TEST_LONG'] === '1' ? 10_000 : 40;
const CANARY = { share: '10%', tasks: ORDERS / 10 };
/** Tasks of the canary that were retried before it was stopped: they fail again. */
let retried = 0;
const count = (value: number): string => value.toLocaleString('en-US');

const fixture = await useApi({ apiAuth: 'none' });
const processes = useProcesses();
const bank = join(await scratchFolder(), 'closed');
const client = createClient({ url: fixture.test.url, notify: false });
afterAll(() => client.close());
let browser: Browser;
let watched: Watched;
let page: Page;

beforeAll(async () => {
  const env = { ...SHORT_TIMES, DATABASE_URL: fixture.test.url, BANK_CLOSED_FILE: bank };
  const workflows = ['--workflows', 'test/reliability/dashboard/shop-workflows.ts'];
  const fleet = [['scheduler'], ['worker', ...workflows, '--queues', 'default,shipping']].map((args) =>
    processes.start('src/cli/main.ts', { args, env }),
  );
  browser = await openChromium();
  watched = await openPage(browser, { base: fixture.api.apiUrl });
  page = watched.page;
  // The API keeps what was slow to read for twenty times as long.
  page.setDefaultTimeout(60_000);
  await Promise.all(fleet.map((each) => each.waitForLine(/(worker|scheduler) started/)));
}, 120_000);
afterAll(() => browser?.close());

async function open(path: string): Promise<void> {
  await page.goto(`${fixture.api.apiUrl}/ui/${path}`);
  await untilShown(page);
}

/** The page as it is now is no obstacle to anybody, and nothing unexpected has happened on the way to it. */
async function expectSound(expected: readonly RegExp[] = []): Promise<void> {
  expect(await seriousProblems(page), page.url()).toEqual([]);
  expect(watched.problems.filter((problem) => !expected.some((each) => each.test(problem)))).toEqual([]);
  watched.problems.length = 0;
}

async function tasksInError(): Promise<number> {
  const [row] = await fixture.test.query<{ tasks: number }>(
    `SELECT count(*)::integer AS tasks FROM tasker.tasker_tasks WHERE state = 'error'`,
  );
  return row?.tasks ?? 0;
}

const button = (name: string | RegExp) => page.getByRole('button', { name });
const dialog = () => page.getByRole('dialog');
const press = (name: string) => dialog().getByRole('button', { name, exact: true }).click();
const taskBadge = (label: string | RegExp) => page.locator('.task-head .badge', { hasText: label }).waitFor();
const verdict = (text: string | RegExp) => page.locator('.task-page > .verdict').getByText(text).first().waitFor();

/** Whatever the page shows until then it has asked for by itself. */
async function withoutReload(changes: () => Promise<unknown>): Promise<void> {
  await page.evaluate('window.stayed = true');
  await changes();
  expect(await page.evaluate('window.stayed')).toBe(true);
}

it('an order is submitted by the form, watched until it fails, explained, corrected and retried', async () => {
  await open('workflows/shop/checkout');
  await page.getByLabel('order').fill('A-1');
  await page.getByLabel('amount').fill('19.90');
  await page.getByLabel('card').selectOption('expired');
  await expectSound();
  await withoutReload(async () => {
    await button('Submit to').click();
    await page.waitForURL(/\/ui\/tasks\/\d+$/);
    // On a loaded machine it may have failed before the page shows it.
    await taskBadge(/Running|In error/);
    await taskBadge('In error');
  });
  await verdict('Blocked: charge');
  await verdict(/the card has expired/);
  await verdict('Who acts: an operator');
  await expectSound();

  await page.locator('.task-head').getByRole('button', { name: 'Edit and retry' }).click();
  const input = dialog().getByLabel('Input', { exact: true });
  const stored = await input.inputValue();
  expect(JSON.parse(stored)).toEqual({ order: 'A-1', amount: 19.9, card: 'expired' });
  await input.fill(stored.replace('expired', 'golden'));
  await dialog().getByText('INPUT_INVALID').waitFor();
  await dialog().getByText('/input/card').waitFor();
  await expectSound([/422/]);
  await input.fill(stored.replace('expired', 'good'));
  await dialog().getByLabel('Reason').fill('the customer has another card');
  await dialog()
    .getByText(/^Dry run: retried/)
    .waitFor();
  await withoutReload(async () => {
    await press('Retry with this input');
    await taskBadge('Complete');
  });
  await expectSound();
  await button('History')
    .or(page.getByRole('tab', { name: 'History' }))
    .click();
  await page.getByText('the customer has another card').first().waitFor();
  await expectSound();
});

it(
  `${count(ORDERS)} failures of one cause are retried in bulk: their canary fails again and stops it, and it goes on when the cause is mended`,
  async () => {
    writeFileSync(bank, '');
    const orders = Array.from({ length: ORDERS }, (_, index) => ({
      input: { order: `B-${index}`, amount: index + 1, card: 'good' as const },
    }));
    for await (const submitted of client.submitMany(checkout, orders)) void submitted;
    await waitFor(async () => (await tasksInError()) === ORDERS, {
      what: 'all of them to fail',
      timeoutMs: ORDERS * 20 + 20_000,
    });
    await open('');
    await page.getByText(`${count(ORDERS)} steps blocked: charge of shop/checkout`).waitFor();
    await expectSound();
    await page.getByRole('link', { name: 'Failures' }).click();
    await page.getByText('the bank is closed').waitFor();
    await button('Retry all').click();
    await dialog().getByLabel('Canary first').fill(CANARY.share);
    await dialog().getByLabel('Tasks a second').fill('1000');
    await dialog().getByLabel('Reason').fill('the bank should be open');
    await dialog()
      .getByText(`${count(CANARY.tasks)} tasks come first and are waited for.`)
      .waitFor();
    await expectSound();
    await press(`Retry ${count(ORDERS)} tasks`);
    await page.waitForURL(/\/ui\/operations\/\d+$/);
    await page.locator('.operation .badge', { hasText: 'Stopped' }).waitFor();
    await expectSound();
    const id = page.url().replace(/.*\//, '');
    const stopped = await client.operations.get(id);
    expect(stopped).toMatchObject({ state: 'stopped', total: ORDERS });
    // A fifth of the canary is enough: a large one is stopped before all of it is retried.
    expect(stopped?.came_back).toBeGreaterThanOrEqual(CANARY.tasks / 5);
    retried = stopped?.done ?? 0;
    expect(retried).toBeGreaterThanOrEqual(CANARY.tasks / 5);
    expect(retried).toBeLessThanOrEqual(CANARY.tasks);
    await waitFor(async () => (await tasksInError()) === ORDERS, {
      what: 'all of them to have failed again',
      timeoutMs: 60_000,
    });

    await page.getByRole('link', { name: 'Now', exact: true }).click();
    await page.getByText('A bulk retry has stopped by itself').click();
    rmSync(bank);
    await withoutReload(async () => {
      await button('Resume').click();
      await dialog().getByLabel('Reason').fill('now it is');
      await press('Resume');
      await page.locator('.operation .badge', { hasText: 'Done' }).waitFor({ timeout: ORDERS * 20 + 20_000 });
    });
    await expectSound();
  },
  ORDERS * 60 + 60_000,
);

it('the canary, which was retried while the bank was closed, is the failure that is left, and a second operation heals it', async () => {
  await page.getByRole('link', { name: 'Failures' }).click();
  await button('Retry all').click();
  await press(`Retry ${count(retried)} tasks`);
  await page.waitForURL(/\/ui\/operations\/\d+$/);
  await page.locator('.operation .badge', { hasText: 'Done' }).waitFor();
  await page.getByRole('link', { name: 'Failures' }).click();
  await page.getByText('Nothing is in error').waitFor();
  expect((await client.failures()).groups).toEqual([]);
  await expectSound();
  await page.getByRole('link', { name: 'Now', exact: true }).click();
  await page.getByText('Nothing needs you').waitFor();
  await expectSound();
});

it('a queue is paused: an order waits in it, and says why, until the queue is resumed', async () => {
  await open('queues/shipping');
  await button('Pause').click();
  await dialog().getByLabel('Reason').fill('the van is full');
  await dialog().getByText('Dry run: paused').waitFor();
  await press('Pause');
  await page.getByText('the van is full').waitFor();
  await expectSound();

  const order = await client.submit(checkout, { order: 'C-1', amount: 5, card: 'good' });
  await open(`tasks/${order.taskId}`);
  await verdict('Paused: ship');
  await verdict(/the van is full/);
  await expectSound();

  await open('queues/shipping');
  await button('Resume').click();
  await dialog().getByText('Dry run: resumed').waitFor();
  await press('Resume');
  await button('Pause').waitFor();
  expect(await client.pauses()).toEqual([]);
  await open(`tasks/${order.taskId}`);
  await taskBadge('Complete');
  await expectSound();
});

it('a run is found by its input', async () => {
  await page.getByRole('link', { name: 'Tasks', exact: true }).first().click();
  await page.getByLabel('Search tasks').fill('input.order:C-1');
  await page.getByRole('button', { name: 'Search', exact: true }).click();
  await page.waitForURL(/q=/);
  await page.locator('tbody tr').first().waitFor();
  expect(await page.locator('tbody tr').count()).toBe(1);
  await expectSound();
  await page.locator('tbody tr a').first().click();
  await page.getByText('"C-1"').first().waitFor();
  await expectSound();
});

it('everything is done, and the data keep every invariant', async () => {
  expect(
    await fixture.test.query('SELECT state, count(*)::integer AS tasks FROM tasker.tasker_tasks GROUP BY state'),
  ).toEqual([{ state: 'complete', tasks: ORDERS + 2 }]);
  expect(await examine(fixture.db)).toEqual([]);
});
