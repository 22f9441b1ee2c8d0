import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ApiProcess } from '../../../src/api/start-api.ts';
import { useApi } from '../../api/api-fixture.ts';
import { diamond } from '../../engine/engine-fixture.ts';
import { openApi } from '../../support/open-api.ts';
import { seriousProblems } from './axe.ts';
import { openChromium, openPage, untilShown } from './chromium.ts';
import { fillFleet, pathWith, type Shown } from './fleet.ts';
import { PAGES } from './pages.ts';

const fixture = await useApi({ apiAuth: 'none' });
let browser: Browser;
let withKeys: ApiProcess;
beforeAll(async () => {
  browser = await openChromium();
  withKeys = await openApi(fixture.test.url, { apiAuth: 'keys' });
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await withKeys?.stop();
});

const isLong = process.env['TASKER_TEST_LONG'] === '1';
const LOOKS = [
  { dark: true, width: 400 },
  { dark: false, width: 1280 },
  { dark: false, width: 400 },
  { dark: true, width: 1280 },
].slice(0, isLong ? 4 : 1);

/** Something serious that axe found, a page that is wider than its window, or one without a heading that says where one is. */
async function faultsOf(page: Page): Promise<string[]> {
  const tooWide = (await page.evaluate('document.documentElement.scrollWidth - innerWidth')) as number;
  const headings = await page.locator('h1').count();
  return [
    ...(tooWide > 0 ? [`${tooWide} pixels wider than the window`] : []),
    ...(headings === 1 ? [] : [`${headings} headings`]),
    ...(await seriousProblems(page)),
  ];
}

/** A refused input is one of the states. */
const unexpected = (problems: readonly string[]): string[] => problems.filter((each) => !/\b422\b/.test(each));

async function inEveryLook(visit: (page: Page, problems: string[]) => Promise<void>, base = fixture.api.apiUrl) {
  for (const each of LOOKS) {
    const { page, problems } = await openPage(browser, { ...each, base });
    await visit(page, problems);
    await page.context().close();
  }
}

const open = async (page: Page, path: string): Promise<void> => {
  await page.goto(`${fixture.api.apiUrl}/ui/${path}`);
  await untilShown(page);
};

it('pages of a new fleet say that there is nothing yet, and what would change that', async () => {
  const pages = isLong ? PAGES.filter((path) => !path.includes('{') && !path.includes('shop/')) : ['', 'audit'];
  await inEveryLook(async (page, problems) => {
    for (const path of [...pages, 'nowhere']) {
      await open(page, path);
      expect(await faultsOf(page), `${path} of an empty database`).toEqual([]);
    }
    expect(unexpected(problems)).toEqual([]);
  });
}, 120_000);

it('a page that waits, and one whose API is down, say so', async () => {
  const pages = isLong
    ? ['', 'tasks', 'tasks/1', 'failures', 'operations/1', 'queues/default', 'audit']
    : ['', 'tasks/1'];
  await inEveryLook(async (page) => {
    for (const path of pages) {
      await page.route(/\/v1\/(?!me)/, () => undefined);
      await page.goto(`${fixture.api.apiUrl}/ui/${path}`);
      await page.locator('.loading, .bone-line').first().waitFor();
      expect(await faultsOf(page), `${path}, loading`).toEqual([]);
      await page.unrouteAll();
      await page.route(/\/v1\/(?!me)/, (route) =>
        route.fulfill({
          status: 503,
          contentType: 'application/problem+json',
          body: JSON.stringify({
            title: 'The database cannot be reached',
            status: 503,
            code: 'DATABASE_UNAVAILABLE',
            detail: 'No answer within 5 seconds. Nothing was changed.',
            request_id: '0b9f6c1e-7d1a-4c52-9a53-1f0d0c7bb0aa',
          }),
        }),
      );
      await page.goto(`${fixture.api.apiUrl}/ui/${path}`);
      await page.locator('.problem').first().waitFor();
      await page.getByText('0b9f6c1e-7d1a-4c52-9a53-1f0d0c7bb0aa').first().waitFor();
      expect(await faultsOf(page), `${path}, in error`).toEqual([]);
      await page.unrouteAll();
    }
  });
}, 120_000);

it('whoever is not signed in gets a page for it, also after a key that is none', async () => {
  await inEveryLook(async (page) => {
    await page.goto(`${withKeys.apiUrl}/ui/tasks`);
    await page.getByLabel('API key').fill('tsk_none');
    expect(await faultsOf(page), 'sign in').toEqual([]);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('#key-problem').waitFor();
    expect(await faultsOf(page), 'sign in, refused').toEqual([]);
  }, withKeys.apiUrl);
}, 120_000);

it('dialogs, menus and the drawer are no obstacle either', async () => {
  const shown: Shown = await fillFleet(fixture);
  await fixture.test.query(`UPDATE tasker.tasker_workers SET name = 'worker-7d9f6c5b8d-with-a-long-name'`);
  await inEveryLook(async (page, problems) => {
    await open(page, 'workflows');
    await page.locator('.matrix-worker').first().waitFor({ state: 'attached' });
    expect(await faultsOf(page), 'workflows with workers').toEqual([]);
    await page.keyboard.press('Control+k');
    await page.keyboard.type('work');
    await page.locator('[role=option]').first().waitFor();
    expect(await seriousProblems(page), 'palette').toEqual([]);
    await page.keyboard.press('Escape');
    await page.keyboard.press('?');
    await page.locator('dialog[open] .keys').waitFor();
    expect(await seriousProblems(page), 'keys').toEqual([]);
    for (const menu of ['Columns', 'Copy as']) {
      await open(page, 'tasks');
      await page.locator('summary', { hasText: menu }).click();
      const box = await page.getByRole('group', { name: menu }).boundingBox();
      expect(box?.x, `${menu} begins within the window`).toBeGreaterThanOrEqual(0);
      expect(await faultsOf(page), menu).toEqual([]);
    }
    await open(page, 'failures');
    await page.getByRole('button', { name: 'Tasks', exact: true }).click();
    await page.getByRole('button', { name: 'Retry all' }).click();
    await page.locator('.dry-run').waitFor();
    expect(await seriousProblems(page), 'retry all').toEqual([]);
    await open(page, pathWith(shown, 'tasks/{failed}?view=list'));
    await page.locator('.task-head').getByRole('button', { name: 'Edit and retry' }).click();
    // A number that no JavaScript holds: with its problem the dialog is at its longest.
    await page.locator('.act-form .problem').waitFor();
    expect(await seriousProblems(page), 'edit and retry').toEqual([]);
    await open(page, pathWith(shown, 'tasks/{failed}?view=history'));
    await page.locator('.history .phase-failed').first().waitFor();
    expect(await page.locator('.history .phase-backoff').count(), 'an error of the history as a backoff').toBe(0);
    expect(await faultsOf(page), 'history').toEqual([]);
    await open(page, 'settings');
    expect(await faultsOf(page), 'settings').toEqual([]);
    expect(unexpected(problems)).toEqual([]);
  });
}, 120_000);

it('what the API had kept from before it was asked for is read again soon, although no event comes', async () => {
  const { page } = await openPage(browser, { width: 1280, base: fixture.api.apiUrl });
  const began = Date.now();
  await page.route('**/v1/failures?*', (route) => {
    // Kept for three seconds: also the responses after the events of this time.
    if (Date.now() - began > 3000) return route.continue();
    return route.fulfill({ contentType: 'application/json', body: JSON.stringify({ items: [], complete: true }) });
  });
  await page.goto(`${fixture.api.apiUrl}/ui/failures`);
  await page.getByText('Nothing is in error').waitFor();
  await page.getByRole('button', { name: 'Tasks', exact: true }).waitFor({ timeout: 20_000 });
  expect(await page.getByText('Nothing is in error').count()).toBe(0);
  await page.context().close();
}, 60_000);

it('a graph that cannot be had for the moment is asked for again, and is not called missing', async () => {
  const task = await fixture.submitOne(await fixture.workflow(diamond));
  const { page } = await openPage(browser, { width: 1280, base: fixture.api.apiUrl });
  const whole: string[] = [];
  page.on('request', (request) => {
    if (/\/v1\/tasks\/\d+$/.test(request.url())) whole.push(request.url());
  });
  const refusals = [503, 429];
  await page.route('**/layout', (route) => {
    const status = refusals.shift();
    if (status === undefined) return route.continue();
    return route.fulfill({ status, contentType: 'application/problem+json', body: JSON.stringify({ status }) });
  });
  await page.goto(`${fixture.api.apiUrl}/ui/tasks/${task}`);
  await page.locator('.graph > canvas, .graph .empty').waitFor({ timeout: 30_000 });
  expect(await page.getByText('There is no graph').count()).toBe(0);
  expect(refusals).toEqual([]);
  expect(whole, 'the task with all of its steps').toEqual([]);
  await page.context().close();
}, 60_000);

it('what a task page reads later has its room from the start: its graph stays where it is', async () => {
  const task = await fixture.submitOne(await fixture.workflow(diamond));
  const { page } = await openPage(browser, { width: 1280, base: fixture.api.apiUrl });
  const held: (() => Promise<void>)[] = [];
  let isHeld = true;
  await page.route(/\/v1\/tasks\/\d+\/(states|explain)/, (route) =>
    isHeld ? void held.push(() => route.continue()) : route.continue(),
  );
  await page.goto(`${fixture.api.apiUrl}/ui/tasks/${task}`);
  await page.locator('.verdict.bone-line').waitFor();
  await expect.poll(() => held.length).toBeGreaterThanOrEqual(2);
  const placeOf = async (): Promise<number> => (await page.locator('.split').boundingBox())?.y ?? Number.NaN;
  const before = await placeOf();
  isHeld = false;
  for (const go of held) await go();
  await untilShown(page);
  await page.locator('.phase-bar span').first().waitFor();
  await page.locator('.graph > canvas').waitFor();
  // The explanation of an open task may have two lines more than one of a task that has ended.
  expect(Math.abs((await placeOf()) - before), 'pixels').toBeLessThanOrEqual(40);
  await page.context().close();
}, 60_000);
