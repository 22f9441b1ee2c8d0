/**
 * The pictures of docs/guides/dashboard.md, of a fleet that runs: `npm start`, then `npm run screenshots`.
 * `node scripts/screenshots.ts [url] [folder]`
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const url = process.argv[2] ?? 'http://127.0.0.1:8280/ui/';
const folder = process.argv[3] ?? 'docs/guides/dashboard';

interface Picture {
  readonly name: string;
  readonly path: string;
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
}

/** The newest task in this state. */
async function taskIn(state: string): Promise<string> {
  const response = await fetch(new URL(`../v1/tasks?state=${state}&namespace=northwind&limit=1`, url));
  const { items } = (await response.json()) as { items: { task_id: string }[] };
  const id = items[0]?.task_id;
  if (id === undefined) throw new Error(`no task is in state ${state}: let npm start run to its end first`);
  return id;
}

async function take(
  browser: Browser,
  { name, path, width = 1200, height = 760, dark = false }: Picture,
): Promise<void> {
  const page = await browser.newPage({
    viewport: { width, height },
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
    timezoneId: 'UTC',
  });
  await page.goto(new URL(path, url).href);
  await page.waitForSelector('h1');
  await page.waitForSelector('.loading, .bone-line', { state: 'detached' });
  // The graph is drawn and events are connected.
  await page.waitForTimeout(800);
  await page.screenshot({ path: join(folder, `${name}.png`) });
  await page.close();
}

mkdirSync(folder, { recursive: true });
const failed = await taskIn('error');
const done = await taskIn('complete');
const pictures: readonly Picture[] = [
  { name: 'now', path: '.' },
  { name: 'tasks', path: 'tasks', dark: true },
  { name: 'task-graph', path: `tasks/${failed}?step=payment`, height: 900 },
  { name: 'task-timeline', path: `tasks/${done}?view=timeline&path=yes`, dark: true },
  { name: 'failures', path: 'failures', height: 460 },
  { name: 'workflow', path: 'workflows/northwind/order_fulfillment' },
  { name: 'queue', path: 'queues/default', dark: true },
  { name: 'task-narrow', path: `tasks/${failed}`, width: 400, height: 860 },
];
const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
for (const picture of pictures) await take(browser, picture);
await browser.close();
