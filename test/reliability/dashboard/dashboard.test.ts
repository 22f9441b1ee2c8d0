import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiProcess } from '../../../src/api/start-api.ts';
import { useApi } from '../../api/api-fixture.ts';
import { openApi } from '../../support/open-api.ts';
import { seriousProblems } from './axe.ts';
import { openChromium, openPage, untilShown } from './chromium.ts';
import { fillFleet, pathWith, type Shown } from './fleet.ts';
import { PAGES } from './pages.ts';

const fixture = await useApi({ apiAuth: 'none' });
let browser: Browser;
let below: ApiProcess;
let shown: Shown;

beforeAll(async () => {
  browser = await openChromium();
  below = await openApi(fixture.test.url, { apiAuth: 'none', apiBasePath: '/ops/tasker/' });
  shown = await fillFleet(fixture);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await below?.stop();
});

const pathOf = (path: string): string => pathWith(shown, path);

describe.each([
  ['light', { dark: false, width: 1280, prefixed: false }],
  ['dark, narrow', { dark: true, width: 400, prefixed: false }],
  ['light, narrow, below a prefix', { dark: false, width: 400, prefixed: true }],
  ['dark, below a prefix', { dark: true, width: 1280, prefixed: true }],
])('%s', (_name, { dark, width, prefixed }) => {
  it('every page loads, fits, breaks no policy, and axe finds nothing serious (at the root)', async () => {
    const base = prefixed ? `${below.apiUrl}/ops/tasker/` : `${fixture.api.apiUrl}/`;
    const { page, problems } = await openPage(browser, { dark, width, base });
    const titles = new Set<string>();
    for (const path of PAGES) {
      await page.goto(`${base}ui/${pathOf(path)}`);
      await untilShown(page);
      expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), path).toBeLessThanOrEqual(0);
      if (!prefixed) expect(await seriousProblems(page), path).toEqual([]);
      expect(problems, path).toEqual([]);
      expect(await page.title(), path).toMatch(/. · Tasker Fleet$/);
      titles.add(await page.title());
    }
    // A search is still the page of tasks; otherwise one finds a tab by its name.
    expect(titles.size).toBe(new Set(PAGES.map((path) => path.split('?')[0])).size);
    await page.context().close();
  });
});

it('sizes are within their budgets: 60 KB of JavaScript at first, 140 KB in all, 12 KB of CSS, compressed', async () => {
  const { page } = await openPage(browser, { base: fixture.api.apiUrl });
  const sizes: Record<string, number> = { js: 0, css: 0 };
  const read: Promise<void>[] = [];
  page.on('response', (response) => {
    const kind = /assets\/.*\.(js|css)$/.exec(response.url())?.[1];
    if (kind === undefined) return;
    read.push(
      response
        .request()
        .sizes()
        .then(({ responseBodySize }) => void (sizes[kind] = (sizes[kind] ?? 0) + responseBodySize)),
    );
  });
  await page.goto(`${fixture.api.apiUrl}/ui/`);
  await untilShown(page);
  await Promise.all(read);
  const first = { ...sizes };
  for (const path of PAGES) {
    await page.evaluate(`(() => {
      const link = document.createElement('a');
      link.href = ${JSON.stringify(pathOf(path))};
      document.querySelector('main').append(link);
      link.click();
    })()`);
    await untilShown(page);
  }
  await Promise.all(read);
  await page.context().close();
  console.log(`JavaScript ${first['js']} bytes at first, ${sizes['js']} in all; CSS ${sizes['css']}`);
  expect(first['js']).toBeGreaterThan(5000);
  expect(first['js']).toBeLessThanOrEqual(60 * 1024);
  expect(sizes['js']).toBeLessThanOrEqual(140 * 1024);
  expect(sizes['css']).toBeLessThanOrEqual(12 * 1024);
});
