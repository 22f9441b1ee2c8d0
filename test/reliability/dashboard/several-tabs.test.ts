import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { diamond } from '../../engine/engine-fixture.ts';
import { useApi } from '../../api/api-fixture.ts';
import { openChromium, untilShown } from './chromium.ts';

const fixture = await useApi({ apiAuth: 'none' });
let browser: Browser;
let context: BrowserContext;
beforeAll(async () => {
  browser = await openChromium();
  context = await browser.newContext();
}, 60_000);
afterAll(() => browser?.close());

interface Tab {
  readonly page: Page;
  /** Topics of each connection that was opened, the newest last. */
  readonly connections: string[];
}

async function openTab(path: string): Promise<Tab> {
  const page = await context.newPage();
  const connections: string[] = [];
  page.on('request', (request) => {
    if (request.url().includes('/v1/events'))
      connections.push(decodeURIComponent(request.url().split('topics=')[1] ?? ''));
  });
  await page.goto(`${fixture.api.apiUrl}/ui/${path}`);
  await untilShown(page);
  return { page, connections };
}

const untilLive = ({ page }: Tab) => page.waitForSelector('.live:has-text("Live")');

it('tabs share one connection for events; when its tab is closed, another one takes over', async () => {
  const id = await fixture.workflow(diamond);
  const one = await fixture.submitOne(id);
  const other = await fixture.submitOne(id);
  const worker = await fixture.worker();
  const leader = await openTab(`tasks/${one}?view=list`);
  await untilLive(leader);
  const follower = await openTab(`tasks/${other}?view=list`);
  await untilLive(follower);
  expect(follower.connections).toEqual([]);
  await expect.poll(() => leader.connections.at(-1)).toContain(`task:${other}`);
  expect(leader.connections.at(-1)).toContain(`task:${one}`);

  // What happens is seen in both, by one connection.
  const claimed = await worker.claim(10);
  for (const { page } of [leader, follower]) await page.waitForSelector('tr:has-text("Running")', { timeout: 15_000 });
  expect(follower.connections).toEqual([]);

  await leader.page.close();
  await expect.poll(() => follower.connections.length, { timeout: 15_000 }).toBe(1);
  await untilLive(follower);
  await worker.complete(claimed);
  await follower.page.waitForSelector('tr:has-text("Complete")', { timeout: 15_000 });

  // Whoever pauses gives the connection away.
  const third = await openTab('tasks');
  await untilLive(third);
  expect(third.connections).toEqual([]);
  await follower.page.keyboard.press('p');
  await expect.poll(() => third.connections.length, { timeout: 15_000 }).toBe(1);
  expect(third.connections[0]).not.toContain(`task:${other}`);
}, 60_000);
