import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { useApi } from '../../api/api-fixture.ts';
import { openChromium, openPage, untilShown, type Watched } from './chromium.ts';
import { fillFleet } from './fleet.ts';

const fixture = await useApi({ apiAuth: 'none' });
let browser: Browser;
let watched: Watched;

beforeAll(async () => {
  browser = await openChromium();
  await fillFleet(fixture);
  watched = await openPage(browser, { base: fixture.api.apiUrl });
}, 120_000);
afterAll(() => browser?.close());

const open = async (path: string): Promise<Watched['page']> => {
  await watched.page.goto(`${fixture.api.apiUrl}/ui/${path}`);
  await untilShown(watched.page);
  return watched.page;
};

it('a task is submitted by the form of its schema, and a wrong field is shown at the field', async () => {
  const page = await open('workflows/shop/refund');
  await page.getByLabel('order').fill('A-1');
  await page.getByLabel('amount').fill('"nineteen"');
  await page.getByLabel('reason').selectOption('late');
  await page.getByRole('button', { name: 'Submit to' }).click();
  await page.getByText('INPUT_INVALID').waitFor();
  expect(await page.locator('#input-amount').getAttribute('aria-invalid')).toBe('true');
  await page.getByLabel('amount').fill('19.90');
  await page.getByRole('button', { name: 'Submit to' }).click();
  await page.waitForURL(/\/ui\/tasks\/\d+$/);
  const [task] = await fixture.test.query<{ context: string }>(
    'SELECT context::text FROM tasker.tasker_tasks ORDER BY task_id DESC LIMIT 1',
  );
  expect(JSON.parse(task?.context ?? '')).toEqual({ order: 'A-1', amount: 19.9, reason: 'late' });
});

it('all failures of one cause are retried as an operation, after its dry run', async () => {
  const page = await open('failures');
  await page.getByRole('button', { name: 'Members' }).click();
  await page.locator('.members a.mono').waitFor();
  await page.getByRole('button', { name: 'Retry all' }).click();
  await page.getByText('All of them can be retried now.').waitFor();
  await page.getByLabel('Tasks a second').fill('5');
  await page.getByLabel('Reason').fill('the bank is back');
  await page.getByRole('button', { name: 'Retry 1 task' }).click();
  await page.waitForURL(/\/ui\/operations\/\d+$/);
  await page.getByText('5 a second').waitFor();
  await page.getByRole('button', { name: 'Abort' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Abort' }).click();
  await page.locator('.operation .badge', { hasText: 'Aborted' }).waitFor();
  const [operation] = await fixture.test.query(
    'SELECT state, pace_per_second::float8 AS pace, by FROM tasker.tasker_operations ORDER BY operation_id DESC LIMIT 1',
  );
  expect(operation).toEqual({ state: 'aborted', pace: 5, by: 'local' });
});

it('a queue is resumed with a reason, and the audit has it', async () => {
  const page = await open('queues/default');
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.getByLabel('Reason').fill('all is well again');
  await page.getByText('Dry run: resumed').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Resume' }).click();
  await page.getByRole('button', { name: 'Pause' }).waitFor();
  await open('audit');
  await page.getByText('all is well again').waitFor();
  expect(await fixture.test.query('SELECT name FROM tasker.tasker_pauses')).toEqual([]);
});
