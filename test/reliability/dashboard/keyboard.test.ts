import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { useApi } from '../../api/api-fixture.ts';
import { openChromium, openPage, untilShown } from './chromium.ts';
import { fillFleet, pathWith, type Shown } from './fleet.ts';
import { PAGES } from './pages.ts';

const fixture = await useApi({ apiAuth: 'none' });
let browser: Browser;
let shown: Shown;
beforeAll(async () => {
  browser = await openChromium();
  shown = await fillFleet(fixture);
}, 120_000);
afterAll(() => browser?.close());

/** What has the focus, whether it can be seen that it has it, and whether it is in the window. */
const FOCUSED = `(() => {
  const element = document.activeElement;
  if (element === null || element === document.body) return null;
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  const inSight = box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight;
  const marked = style.outlineStyle !== 'none' || style.boxShadow !== 'none';
  const name = element.getAttribute('aria-label') ?? element.textContent?.trim() ?? '';
  return { what: element.tagName + ' ' + (name || element.id || element.outerHTML).slice(0, 60), inSight, marked };
})()`;

/** Every control of the page, or of the dialog over it, as the browser has it: what can be clicked can be reached. */
const CONTROLS = `(() => {
  const shown = (element) => element.checkVisibility() && !element.closest('[aria-hidden=true]') && !element.disabled;
  const radios = new Set();
  return [...(document.querySelector('dialog[open]') ?? document).querySelectorAll('a[href], button, input, select, textarea, summary, canvas[tabindex]')]
    .filter(shown)
    .filter(({ type, name, tabIndex }) => tabIndex >= 0 && !(type === 'radio' && radios.has(name)) && (type !== 'radio' || radios.add(name)))
    .length;
})()`;

async function walk(page: Page, path: string): Promise<void> {
  const controls = (await page.evaluate(CONTROLS)) as number;
  const seen = new Set<string>();
  let steps = 0;
  // A dialog begins in its first field: what is before that comes after its end.
  let beyond = (await page.locator('dialog[open]').count()) > 0 ? 1 : 0;
  for (; steps < Math.min(controls + 5, 70); steps += 1) {
    await page.keyboard.press('Tab');
    const focused = (await page.evaluate(FOCUSED)) as { what: string; inSight: boolean; marked: boolean } | null;
    // Beyond the last one the browser itself has the focus.
    if (focused === null && beyond > 0) {
      beyond -= 1;
      steps -= 1;
      continue;
    }
    if (focused === null) break;
    seen.add(focused.what);
    expect(focused, `${path}: what has the focus is seen, and that it has it`).toMatchObject({
      inSight: true,
      marked: true,
    });
  }
  expect(seen.size, `${path}: Tab goes on`).toBeGreaterThan(Math.min(steps, 8));
  expect(steps, `${path}: Tab reaches all of ${controls} controls`).toBeGreaterThanOrEqual(Math.min(controls, 70));
}

it('Tab reaches every control of every page, and one sees where one is', async () => {
  const { page, problems } = await openPage(browser, { base: fixture.api.apiUrl });
  const all = process.env['TASKER_TEST_LONG'] === '1';
  for (const path of all ? PAGES : PAGES.filter((each) => ['', 'tasks/{failed}', 'settings'].includes(each))) {
    await page.goto(`${fixture.api.apiUrl}/ui/${pathWith(shown, path)}`);
    await untilShown(page);
    await walk(page, path);
  }
  expect(problems).toEqual([]);
  await page.context().close();
}, 240_000);

it('keys lead everywhere: pages, rows, views, steps, the list of keys', async () => {
  const { page, problems } = await openPage(browser, { base: fixture.api.apiUrl });
  await page.goto(`${fixture.api.apiUrl}/ui/`);
  await untilShown(page);
  const press = async (...keys: string[]): Promise<void> => {
    for (const key of keys) await page.keyboard.press(key);
  };
  await press('?');
  await page.waitForSelector('dialog[open] .keys');
  // Nothing else happens while it is open, and Escape gives the focus back.
  await press('g', 't');
  expect(page.url()).toMatch(/\/ui\/$/);
  await press('Escape');
  await page.waitForSelector('dialog[open]', { state: 'detached' });
  for (const [key, path] of [
    ['f', 'failures'],
    [',', 'settings'],
    ['q', 'queues'],
    ['t', 'tasks'],
  ] as const) {
    // The two keys have to come within a moment, which a machine with too much to do may miss.
    for (let tries = 0; !page.url().endsWith(`/ui/${path}`) && tries < 5; tries += 1) {
      await press('g', key);
      await page.waitForURL(`**/ui/${path}`, { timeout: 3000 }).catch(() => undefined);
    }
    expect(page.url()).toContain(`/ui/${path}`);
  }
  await page.waitForSelector('tbody tr a');
  const [, second] = await page
    .locator('tbody tr')
    .evaluateAll((rows) => rows.map((row) => row.querySelector('a')?.href));
  // At once, as somebody types who knows the keys: the page renders none of them before the next.
  await Promise.all(['j', 'j', 'j', 'k', 'Enter'].map((key) => page.keyboard.press(key)));
  await page.waitForURL(second as string);
  await page.waitForSelector('.graph > canvas');
  await page.focus('.graph > canvas');
  await press('ArrowRight', 'ArrowRight');
  await page.waitForSelector('.drawer');
  expect(page.url()).toContain('step=');
  await press('Escape');
  await page.waitForSelector('.drawer', { state: 'detached' });
  await press('3');
  await page.waitForSelector('.table tbody tr');
  await press('Control+k');
  await page.waitForSelector('dialog[open] [role=combobox]');
  await page.keyboard.type('work');
  await press('ArrowDown', 'Enter');
  await page.waitForURL(/\/ui\/work(ers|flows)/);
  await page.goto(`${fixture.api.apiUrl}/ui/settings`);
  await untilShown(page);
  await page.focus('input[value=dark]');
  await press('Space');
  expect(await page.getAttribute('html', 'data-theme')).toBe('dark');
  await page.focus('input[value=compact]');
  await press('Space');
  await page.selectOption('#zone', 'Asia/Tokyo');
  await page.reload();
  await untilShown(page);
  expect(await page.getAttribute('html', 'data-theme')).toBe('dark');
  expect(await page.getAttribute('html', 'data-density')).toBe('compact');
  expect(await page.textContent('main')).toContain('Asia/Tokyo');
  expect(problems).toEqual([]);
  await page.context().close();
}, 120_000);

it('the navigation that lies over a narrow page closes with Escape and gives the focus back, and closes when somebody presses beside it', async () => {
  const { page, problems } = await openPage(browser, { base: fixture.api.apiUrl, width: 400 });
  await page.goto(`${fixture.api.apiUrl}/ui/tasks`);
  await untilShown(page);
  const button = page.getByRole('button', { name: 'Navigation' });
  const link = page.locator('.nav').getByRole('link', { name: 'Failures' });
  await button.press('Enter');
  await link.waitFor();
  await page.keyboard.press('Escape');
  await link.waitFor({ state: 'hidden' });
  expect(await button.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true);
  await button.click();
  await link.waitFor();
  await page.mouse.click(390, 500);
  await link.waitFor({ state: 'hidden' });
  await button.click();
  await link.click();
  await page.waitForURL('**/ui/failures');
  await link.waitFor({ state: 'hidden' });
  expect(problems).toEqual([]);
  await page.context().close();
}, 60_000);
