import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { useApi } from '../../api/api-fixture.ts';
import { openApi } from '../../support/open-api.ts';
import { openChromium, openPage, untilShown } from './chromium.ts';
import { fillFleet, pathWith, type Shown } from './fleet.ts';
import { PAGES } from './pages.ts';
import { openTlsProxy, type ProxyOptions } from './tls-proxy.ts';

const LONG = process.env['TASKER_TEST_LONG'] === '1';
/** A proxy cuts what is idle for this long. */
const IDLE_MS = LONG ? 60_000 : 25_000;
/** An event stream is open for this long in which nothing happens. */
const WATCHED_MS = LONG ? 600_000 : 30_000;

const fixture = await useApi({ apiAuth: 'keys' });
let browser: Browser;
let shown: Shown;
beforeAll(async () => {
  browser = await openChromium();
  shown = await fillFleet(fixture);
}, 120_000);
afterAll(() => browser?.close());

type Way = Pick<ProxyOptions, 'prefix' | 'passes'> & { settings: object };
const WAYS: readonly (readonly [string, Way])[] = [
  ['at the root', { prefix: '/', passes: 'kept', settings: {} }],
  [
    'below a prefix that the proxy takes away and names',
    { prefix: '/ops/tasker/', passes: 'stripped', settings: { apiTrustedProxies: '127.0.0.1' } },
  ],
  [
    'below a prefix that the proxy takes away, and that is configured',
    { prefix: '/ops/tasker/', passes: 'stripped', settings: { apiBasePath: '/ops/tasker/' } },
  ],
  [
    'below a prefix that the proxy keeps',
    { prefix: '/ops/tasker/', passes: 'kept', settings: { apiBasePath: '/ops/tasker/' } },
  ],
];

/** The dashboard below a prefix that is kept is in the other test of the pages, without TLS. */
it.each(LONG ? WAYS : WAYS.slice(1, 2))(
  'TLS ends at a proxy, %s: sign in, go through the pages, act; nothing leaves the prefix',
  async (_name, { settings, ...way }) => {
    const api = await openApi(fixture.test.url, { apiAuth: 'keys', ...settings });
    const proxy = await openTlsProxy(api.apiUrl, { ...way, idleMs: IDLE_MS });
    const { page, problems } = await openPage(browser, { base: proxy.url });
    try {
      await page.goto(`${proxy.url}ui/tasks/${shown.open}`);
      await page.fill('#key', await fixture.key({ name: 'ada' }));
      await page.click('button[type=submit]');
      await page.waitForSelector('.frame');
      // Before the sign-in the page has asked who it is, and was refused.
      expect(problems.splice(0).filter((problem) => !problem.includes('401'))).toEqual([]);
      const [cookie] = await page.context().cookies();
      expect(cookie).toMatchObject({ name: '__Host-tasker', secure: true, httpOnly: true, sameSite: 'Strict' });
      expect(page.url()).toBe(`${proxy.url}ui/tasks/${shown.open}`);
      for (const link of await page.locator('#navigation a').all()) {
        await link.click();
        await untilShown(page);
        expect(page.url().startsWith(`${proxy.url}ui/`), page.url()).toBe(true);
      }
      if (LONG) {
        for (const path of PAGES) {
          await page.goto(`${proxy.url}ui/${pathWith(shown, path)}`);
          await untilShown(page);
        }
      }
      // What changes something comes from the same origin, whatever Host the API gets.
      await page.goto(`${proxy.url}ui/queues/default`);
      await untilShown(page);
      for (const [act, next] of [
        ['Resume', 'Pause'],
        ['Pause', 'Resume'],
      ]) {
        await page.click(`main button:has-text("${act}")`);
        await page.click('dialog[open] button[type=submit]');
        await page.waitForSelector('dialog[open]', { state: 'detached' });
        await page.waitForSelector(`main button:has-text("${next}")`, { timeout: 15_000 }).catch(() => {
          throw new Error(`after ${act}: ${JSON.stringify(problems)}`);
        });
      }
      expect([problems, proxy.outside]).toEqual([[], []]);
    } finally {
      await page.context().close();
      await proxy.close();
      await api.stop();
    }
  },
  120_000,
);

it(
  'an event stream in which nothing happens outlives the idle time-out of a proxy, and has the next event',
  async () => {
    const proxy = await openTlsProxy(fixture.api.apiUrl, { prefix: '/', passes: 'kept', idleMs: IDLE_MS });
    const key = await fixture.key();
    const { page, problems } = await openPage(browser, { base: proxy.url });
    let streams = 0;
    const failed: string[] = [];
    page.on('request', (request) => void (streams += request.url().includes('/v1/events') ? 1 : 0));
    page.on('requestfailed', (request) => failed.push(`${request.url()} ${request.failure()?.errorText}`));
    try {
      await page.setExtraHTTPHeaders({ authorization: `Bearer ${key}` });
      await page.goto(`${proxy.url}ui/tasks/${shown.open}`);
      await untilShown(page);
      await sleep(WATCHED_MS);
      // A request that the page itself has given up is none that the proxy has cut.
      const cut = failed.filter((each) => !each.endsWith('ERR_ABORTED'));
      expect({ streams, cut, problems }).toEqual({ streams: 1, cut: [], problems: [] });
      await fixture.call('POST', `/v1/tasks/${shown.open}:cancel`, { key });
      await page.waitForSelector('main :text("cancelled")', { timeout: 10_000 });
    } finally {
      await page.context().close();
      await proxy.close();
    }
  },
  WATCHED_MS + 60_000,
);
