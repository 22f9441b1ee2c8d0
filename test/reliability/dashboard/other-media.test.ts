import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { useApi } from '../../api/api-fixture.ts';
import { openApi } from '../../support/open-api.ts';
import { seriousProblems } from './axe.ts';
import { openChromium, openPage, untilShown } from './chromium.ts';
import { fillFleet, pathWith, type Shown } from './fleet.ts';
import { fillWith } from './hostile-fleet.ts';

const fixture = await useApi({ apiAuth: 'none' });
let browser: Browser;
let shown: Shown;
beforeAll(async () => {
  browser = await openChromium();
  shown = await fillFleet(fixture);
}, 120_000);
afterAll(() => browser?.close());

const open = async (page: Page, path: string, base = fixture.api.apiUrl): Promise<void> => {
  await page.goto(`${base}/ui/${pathWith(shown, path)}`);
  await untilShown(page);
};

it('with the few colours that somebody has chosen for all programs, bars and samples of a legend keep theirs', async () => {
  const { page } = await openPage(browser, { base: fixture.api.apiUrl });
  await page.emulateMedia({ forcedColors: 'active' });
  const groundOf = (selector: string): Promise<string> =>
    page
      .locator(selector)
      .first()
      .evaluate((element) => getComputedStyle(element).backgroundColor);
  await open(page, 'tasks/{done}?view=timeline');
  const shapes = ['.track .segment.run', '.legend .segment.run', '.phase-bar span', '.live-dot'];
  for (const shape of shapes) {
    await page.locator(shape).first().waitFor();
    expect(await groundOf(shape), `${shape} on its ground`).not.toBe(await groundOf('.timeline'));
  }
  const underlineOf = (chosen: boolean): Promise<string> =>
    page
      .locator(`.tabs [aria-selected=${chosen}]`)
      .first()
      .evaluate((element) => getComputedStyle(element).borderBottomColor);
  expect(await underlineOf(false), 'the line below a tab that is not chosen').not.toBe(await underlineOf(true));
  await page.context().close();
}, 60_000);

it('what is printed in the dark is dark on white, with the tags and without what can only be pressed', async () => {
  const { page } = await openPage(browser, { base: fixture.api.apiUrl, dark: true });
  await page.emulateMedia({ media: 'print' });
  for (const path of ['', 'tasks', 'tasks/{failed}?view=list&step=reserve_0', 'failures', 'queues/default']) {
    await open(page, path);
    expect(await seriousProblems(page), `${path}, printed`).toEqual([]);
    expect(await page.locator('.button:visible, .icon-button:visible').count(), `${path}: buttons`).toBe(0);
  }
  await open(page, 'tasks');
  expect(await page.locator('td .tag:visible').count()).toBe(3);
  await page.context().close();
}, 60_000);

it('an API that only reads offers nothing that it would refuse', async () => {
  const api = await openApi(fixture.test.url, { apiAuth: 'none', apiReadOnly: true });
  try {
    const { page, problems } = await openPage(browser, { base: api.apiUrl });
    const writes =
      /^(Retry|Resolve|Cancel|Pause|Resume|Abort|Start|Submit|New schedule|Edit|Trigger|Remove|Add a path)\b/;
    for (const path of [
      'tasks',
      'tasks/{failed}?step=reserve_0',
      'failures',
      'operations/{operation}',
      'workflows/shop/refund',
      'queues/default',
      'schedules?new=yes',
    ]) {
      await open(page, path, api.apiUrl);
      await page.getByText('read only', { exact: true }).waitFor();
      expect(await page.getByRole('button', { name: writes }).count(), path).toBe(0);
      expect(await page.locator('td input').count(), `${path}: rows that can be chosen`).toBe(0);
    }
    await open(page, 'settings', api.apiUrl);
    expect(await page.locator('dd .tag').allTextContents()).toEqual([
      'tasks:read',
      'fleet:read',
      'payload:read',
      'admin',
    ]);
    expect(problems).toEqual([]);
    await page.context().close();
  } finally {
    await api.stop();
  }
}, 60_000);

it('a text of any length makes no page wider, and no row of a narrow list', async () => {
  const texts = [`Überweisung/${'x'.repeat(5000)}`, 'a word '.repeat(700), 'مرحبا بالعالم فشل الدفع '.repeat(200)];
  const paths = await fillWith(fixture, texts);
  const wide = `tasks?columns=state.workflow.version.priority.tags.schedule.initiator.source.reason.requested.ended.took`;
  const pages = {
    400: [...paths, wide, 'tasks/{failed}?view=list'],
    1280: ['schedules', 'workflows/hostile/described'],
  };
  for (const [width, looked] of Object.entries(pages).map(([text, each]) => [Number(text), each] as const)) {
    const { page } = await openPage(browser, { base: fixture.api.apiUrl, width });
    for (const path of looked) {
      await open(page, path);
      const beyond = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
      expect(beyond, `${path}: pixels beyond ${width}`).toBe(0);
      if (width > 640) continue;
      const lists = page.locator(':is(.table-wrap, .table-scroll):has(> .cards)');
      for (const list of await lists.all()) {
        const hidden = await list.evaluate((element) => element.scrollWidth - element.clientWidth);
        expect(hidden, `${path}: pixels beyond the list`).toBe(0);
      }
    }
    await page.context().close();
  }
}, 120_000);
