import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { useApi } from '../../api/api-fixture.ts';
import { diamond } from '../../engine/engine-fixture.ts';
import { seriousProblems } from './axe.ts';
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

it('failures of one workflow are chosen on its page or by its name, and kept in the address', async () => {
  const page = await open('failures');
  const all = page.locator('.group');
  await all.first().waitFor();
  const name = (await page.locator('.group a').first().textContent()) ?? '';
  await open(`workflows/${name}`);
  await page.getByRole('link', { name: 'Its failures' }).click();
  await page.waitForURL(`**/ui/failures?workflow=${encodeURIComponent(name)}`);
  await all.first().waitFor();
  const field = page.getByLabel('Of which workflow');
  expect(await field.inputValue()).toBe(name);
  await field.fill('shop/nothing');
  await field.press('Enter');
  await page.getByText('Nothing of shop/nothing is in error').waitFor();
  expect(new URL(page.url()).searchParams.get('workflow')).toBe('shop/nothing');
});

it('all failures of one cause are retried as an operation, after its dry run', async () => {
  const page = await open('failures');
  await page.getByRole('button', { name: 'Tasks', exact: true }).click();
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

it('columns of Tasks are chosen with the keyboard and kept in the address, whose link shows the same to somebody else', async () => {
  const page = await open('tasks');
  const lists = new Set<string>();
  page.on('request', (request) => void (request.url().includes('/v1/tasks') && lists.add(request.url())));
  const headsOf = (shown: Watched['page']) => shown.locator('thead th[scope=col]').allTextContents();
  const usual = ['State', 'Id', 'Workflow', 'Version', 'Tags', 'By', 'Requested', 'Took'];
  const chosen = ['Id', 'Workflow', 'Priority', 'Tags', 'By', 'Reason', 'Requested', 'Took'];
  await expect.poll(() => headsOf(page)).toEqual(usual);
  const button = page.locator('summary', { hasText: 'Columns' });
  const menu = page.getByRole('group', { name: 'Columns' });
  await button.press('Enter');
  await menu.waitFor();
  await page.keyboard.press('Tab');
  expect(await menu.getByLabel('State').evaluate((box) => box === box.ownerDocument.activeElement)).toBe(true);
  for (const name of ['State', 'Version', 'Priority', 'Reason']) {
    await menu.getByRole('checkbox', { name }).press('Space');
  }
  await expect.poll(() => headsOf(page)).toEqual(chosen);
  await page.keyboard.press('Escape');
  await menu.waitFor({ state: 'hidden' });
  expect(await button.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true);
  // The same tasks are shown by other columns: nothing else was asked for.
  expect([...lists].filter((url) => !url.endsWith('/v1/tasks?limit=50'))).toEqual([]);

  await page.getByRole('button', { name: 'Last day' }).click();
  await page.waitForURL(/age/);
  expect(new URL(page.url()).search).toContain('columns=workflow.priority.tags.initiator.reason.requested.took');
  // After the list of this search has been read.
  await expect.poll(() => headsOf(page)).toEqual(chosen);
  const other = await openPage(browser, { base: fixture.api.apiUrl });
  await other.page.goto(page.url().replace('priority', 'priority.constructor.colour'));
  await untilShown(other.page);
  await expect.poll(() => headsOf(other.page)).toEqual(chosen);
  expect(other.problems).toEqual([]);
  await other.page.context().close();

  // Back leads to the search before, and takes nothing from the table.
  await button.click();
  await menu.getByRole('checkbox', { name: 'Priority' }).press('Space');
  await page.keyboard.press('Escape');
  await page.goBack();
  await page.waitForURL((url) => !url.search.includes('age'));
  await expect.poll(() => headsOf(page)).toEqual(chosen.filter((name) => name !== 'Priority'));
  expect(new URL(page.url()).search).toBe('?columns=workflow.tags.initiator.reason.requested.took');

  await button.click();
  await menu.getByRole('button', { name: 'The usual ones' }).click();
  await expect.poll(() => headsOf(page)).toEqual(usual);
  expect(page.url()).not.toContain('columns');
  await page.locator('h1').click();
  await menu.waitFor({ state: 'hidden' });
});

it('what somebody reads in the list of tasks stays where it is: newer ones are counted until they are asked for', async () => {
  const id = await fixture.workflow(diamond);
  for (let task = 0; task < 20; task += 1) await fixture.submitOne(id);
  const page = await open('tasks');
  const top = page.locator('tbody tr').first();
  const idOf = (row: typeof top) => row.locator('a.mono').textContent();
  // The newest: whoever is at the top sees what comes.
  const first = await fixture.submitOne(id);
  await expect.poll(() => idOf(top), { timeout: 20_000 }).toBe(first);
  await page.mouse.wheel(0, 300);
  await expect.poll(() => page.evaluate('scrollY')).toBe(300);
  const place = await page.locator('tbody tr').nth(8).boundingBox();
  const [read, second] = [await idOf(page.locator('tbody tr').nth(8)), await fixture.submitOne(id)];
  const newer = page.getByRole('button', { name: '1 new task' });
  await newer.waitFor({ timeout: 20_000 });
  expect(await idOf(top)).toBe(first);
  expect(await idOf(page.locator('tbody tr').nth(8))).toBe(read);
  expect(await page.locator('tbody tr').nth(8).boundingBox()).toEqual(place);
  expect(await seriousProblems(page)).toEqual([]);
  await newer.click();
  await expect.poll(() => idOf(top)).toBe(second);
  expect(await newer.count()).toBe(0);
  // Also while tasks are chosen, wherever one has scrolled to.
  await page.getByLabel(`Choose ${second}`).check();
  const third = await fixture.submitOne(id);
  await newer.waitFor({ timeout: 20_000 });
  expect(await idOf(top)).toBe(second);
  await page.getByRole('button', { name: 'Clear the choice' }).click();
  await expect.poll(() => idOf(top)).toBe(third);
});

/** Tasks whose first step has failed for good with this error, as an earlier version wrote it. */
async function failOld(workflow: number, errors: readonly object[]): Promise<string[]> {
  const worker = await fixture.worker();
  const ids: string[] = [];
  for (const error of errors) {
    const id = await fixture.submitOne(workflow);
    const step = (await worker.claim(50)).find(({ taskId }) => taskId === id);
    if (step === undefined) throw new Error('its step was not ready');
    await worker.fail(step, { permanent: true });
    await fixture.test.query(
      `UPDATE tasker.tasker_workflow_step_transitions SET metadata = jsonb_build_object('error', $2::jsonb)
       WHERE task_id = $1 AND to_state = 'error'`,
      [id, JSON.stringify(error)],
    );
    ids.push(id);
  }
  return ids;
}

it('failures without a fingerprint are retried by the words of their error: the tasks that are shown, and no others', async () => {
  const old = { name: 'LegacyTimeout', message: 'the ledger took 30 s' };
  const id = await fixture.workflow(diamond);
  const chosen = await failOld(id, [old, old, old]);
  // Of another cause, of another workflow, and with nothing that could choose it.
  await failOld(id, [{ name: 'Refused', message: 'no' }, {}]);
  const [other] = await fixture.test.query<{ id: number }>(
    `SELECT named_task_id AS id FROM tasker.tasker_named_tasks WHERE name = 'checkout'`,
  );
  await failOld(other?.id ?? 0, [old]);

  const page = await open('failures');
  const group = (text: string) => page.locator('.group', { hasText: text });
  const nameless = group('An error that is not recorded');
  await nameless.getByText('Choose their tasks in the list').waitFor();
  expect(await nameless.getByRole('button', { name: 'Retry all' }).count()).toBe(0);
  const ours = group('LegacyTimeout').filter({ hasText: 'diamond' });
  expect(await ours.locator('.group-numbers dd').allTextContents()).toEqual(['3', '0']);
  await ours.getByRole('button', { name: 'Tasks', exact: true }).click();
  await ours.locator('.members a.mono').first().waitFor();
  expect((await ours.locator('.members a.mono').allTextContents()).toSorted()).toEqual(chosen.toSorted());
  await ours.getByRole('button', { name: 'Retry all' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('“LegacyTimeout”').waitFor();
  await dialog.getByText('3 tasks chosen').waitFor();
  await dialog.getByText('All of them can be retried now.').waitFor();
  await dialog.getByLabel('Reason').fill('the ledger is fast again');
  await dialog.getByRole('button', { name: 'Retry 3 tasks' }).click();
  await page.waitForURL(/\/ui\/operations\/\d+$/);
  await page.locator('tbody tr').nth(2).waitFor();
  const operation = page.url().split('/').at(-1);
  const items = await fixture.test.query<{ id: string }>(
    'SELECT task_id::text AS id FROM tasker.tasker_operation_items WHERE operation_id = $1 ORDER BY task_id',
    [operation],
  );
  expect(items.map((item) => item.id)).toEqual(chosen.toSorted());
  const [stored] = await fixture.test.query(
    'SELECT state, total, selection FROM tasker.tasker_operations WHERE operation_id = $1',
    [operation],
  );
  expect(stored).toMatchObject({
    state: 'running',
    total: 3,
    selection: { filter: { error: 'LegacyTimeout', namespace: 'default', workflow: 'diamond' } },
  });
});

it('a path of inputs is tried out once somebody has written one', async () => {
  const page = await open('workflows/shop/refund');
  const asked: string[] = [];
  page.on('request', (request) => void (request.url().endsWith(':search') && asked.push(request.postData() ?? '')));
  await page.getByRole('button', { name: 'Add a path' }).click();
  const dialog = page.getByRole('dialog');
  const field = dialog.getByLabel('Path');
  await field.press('End');
  await page.keyboard.type('o');
  await dialog.getByText('Dry run:').waitFor();
  expect(asked.map((body) => (JSON.parse(body) as { path: string }).path)).toEqual(['input.o']);
  await field.fill('order');
  await dialog.getByRole('alert').waitFor();
  await page.keyboard.press('Escape');
});
