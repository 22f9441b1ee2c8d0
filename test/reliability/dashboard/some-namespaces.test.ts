import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { useApi } from '../../api/api-fixture.ts';
import { openChromium, openPage, untilShown } from './chromium.ts';
import { fillFleet, pathWith, type Shown } from './fleet.ts';

const fixture = await useApi({ apiAuth: 'keys' });
let browser: Browser;
let shown: Shown;
beforeAll(async () => {
  browser = await openChromium();
  shown = await fillFleet(fixture);
}, 120_000);
afterAll(() => browser?.close());

it.each(['viewer', 'operator', 'admin'] as const)(
  'a %s of some namespaces is offered pages that are theirs, and these ask for nothing that is refused',
  async (role) => {
    const { page, problems } = await openPage(browser, { base: fixture.api.apiUrl });
    const key = await fixture.key({ role, namespaces: ['shop'] });
    await page.setExtraHTTPHeaders({ authorization: `Bearer ${key}` });
    const streams: number[] = [];
    page.on('response', (response) => {
      if (response.url().includes('/v1/events')) streams.push(response.status());
    });
    await page.goto(`${fixture.api.apiUrl}/ui/`);
    await untilShown(page);
    await page.waitForSelector('#navigation a[href=schedules]');
    const offered = await page.evaluate(
      "[...document.querySelectorAll('#navigation a')].map((link) => link.getAttribute('href'))",
    );
    expect(offered).toEqual(['.', 'tasks', 'failures', 'operations', 'workflows', 'schedules', 'settings']);
    for (const path of [
      ...(offered as string[]),
      'tasks/{failed}?step=reserve_0',
      'tasks/{open}?view=timeline',
      'workflows/shop/checkout',
    ]) {
      await page.goto(`${fixture.api.apiUrl}/ui/${pathWith(shown, path)}`);
      await untilShown(page);
      await page.waitForLoadState('networkidle');
      expect(problems, path).toEqual([]);
    }
    // What is offered by its name or by a key is the same.
    await page.keyboard.press('Control+k');
    await page.keyboard.type('wor');
    await page.getByRole('option', { name: /^Workflows/ }).waitFor();
    expect(await page.getByRole('option', { name: /^Workers/ }).count()).toBe(0);
    await page.keyboard.press('Escape');
    await page.keyboard.press('?');
    await page.locator('dialog[open] .keys').waitFor();
    expect(await page.locator('.keys dd').allTextContents()).not.toContain('Workers');
    expect(streams.length).toBeGreaterThan(0);
    expect(streams.every((status) => status === 200)).toBe(true);
    expect(problems).toEqual([]);
    await page.context().close();
  },
  120_000,
);
