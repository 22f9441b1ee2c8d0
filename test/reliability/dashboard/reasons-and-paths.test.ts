import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { enterDirectoryOnce } from '../../../src/engine/enter-directory.ts';
import { useApi } from '../../api/api-fixture.ts';
import { openApi } from '../../support/open-api.ts';
import { seriousProblems } from './axe.ts';
import { openChromium, openPage, untilShown } from './chromium.ts';
import { fillFleet, pathWith, type Shown } from './fleet.ts';

const fixture = await useApi({ apiAuth: 'none', requireReason: true });
let browser: Browser;
let shown: Shown;
beforeAll(async () => {
  browser = await openChromium();
  shown = await fillFleet(fixture);
}, 120_000);
afterAll(() => browser?.close());

const open = async (page: Page, path: string): Promise<void> => {
  await page.goto(`${fixture.api.apiUrl}/ui/${pathWith(shown, path)}`);
  await untilShown(page);
};

const button = (within: Page | Locator, name: string | RegExp): Locator =>
  within.getByRole('button', { name, exact: typeof name === 'string' });

/** Who did it and why, as the audit has it. */
const reasonsOf = async (act: string): Promise<(string | null)[]> => {
  const { body } = await fixture.call('GET', `/v1/audit?act=${act}`);
  return (body.items as unknown as { reason: string | null }[]).map(({ reason }) => reason);
};

describe('where acts have to say why', () => {
  /** Every kind of dialog that acts: how it is opened, what its button says, and what the audit calls it. */
  const DIALOGS: readonly (readonly [string, (page: Page) => Promise<void>, string | RegExp, string])[] = [
    [
      'an act',
      async (page) => {
        await open(page, 'queues/default');
        await button(page, 'Resume…').click();
      },
      'Resume',
      'queue.resume',
    ],
    [
      'an act on several tasks',
      async (page) => {
        await open(page, 'tasks?q=state%3Aerror');
        await page
          .getByRole('checkbox', { name: /^Choose \d/ })
          .first()
          .check();
        await button(page.locator('.selection-bar'), 'Retry').click();
      },
      'Retry 1 task',
      'task.retry',
    ],
    [
      'an operation on all failures of a cause',
      async (page) => {
        const worker = await fixture.worker();
        for (const step of await worker.claim(50))
          if (step.taskId === shown.failed) await worker.fail(step, { permanent: true });
        await open(page, 'failures');
        await button(page, 'Retry all…').first().click();
      },
      'Retry 1 task',
      'operation.start',
    ],
    [
      'a running operation',
      async (page) => {
        await page.goto(`${fixture.api.apiUrl}/ui/operations`);
        await page.locator('tbody a').first().click();
        await page.waitForURL(/operations\/\d+$/);
        await button(page, /^Abort/).click();
      },
      'Abort',
      'operation.abort',
    ],
    [
      'a schedule',
      async (page) => {
        await open(page, 'schedules?new=yes');
        const dialog = page.getByRole('dialog');
        await dialog.getByLabel('Name').fill('weekly');
        await dialog.getByLabel('When').fill('0 4 * * 1');
        await dialog.getByLabel('Workflow').selectOption({ label: 'shop/refund' });
        await dialog.getByLabel('Input', { exact: true }).fill('{"order": "all", "amount": 1, "reason": "late"}');
      },
      'Make the schedule',
      'schedule.put',
    ],
  ];

  it.each(DIALOGS)(
    '%s asks for it, is not sent without it, and is done with it',
    async (name, openDialog, verb, act) => {
      const { page, problems } = await openPage(browser, { base: fixture.api.apiUrl });
      const written: string[] = [];
      page.on('request', (request) => {
        // An operation is made as a preview, of which nothing comes until it is started.
        const isDryRun = /"dry_run":true|dry_run=true/.test(request.postData() ?? request.url());
        if (request.method() !== 'GET' && !isDryRun && !request.url().endsWith('/v1/operations'))
          written.push(request.url());
      });
      await openDialog(page);
      const dialog = page.getByRole('dialog');
      const reason = dialog.getByLabel('Reason (required)');
      await reason.waitFor();
      expect(await reason.getAttribute('required')).not.toBeNull();
      const submit = button(dialog, verb);
      // Everything but the reason is there: what it would do has been answered.
      await dialog.locator('.loading, [role=status]:has-text("Checking")').waitFor({ state: 'detached' });
      for (const nothing of ['', '   ']) {
        await reason.fill(nothing);
        expect(await submit.isDisabled(), `“${nothing}” as a reason`).toBe(true);
        await reason.press('Enter');
      }
      expect(await seriousProblems(page)).toEqual([]);
      expect(written, 'sent without a reason').toEqual([]);
      await reason.fill(`because of ${name}`);
      await submit.click();
      await expect.poll(() => reasonsOf(act), { timeout: 15_000 }).toContain(`because of ${name}`);
      expect(written).toHaveLength(1);
      expect(problems).toEqual([]);
      await page.context().close();
    },
  );

  it('a page from before the setting has the refusal of the API, and sends the act with a reason', async () => {
    const { page } = await openPage(browser, { base: fixture.api.apiUrl });
    await page.route('**/v1/me', async (route) => {
      const answer = await route.fetch();
      const me = (await answer.json()) as object;
      await route.fulfill({ response: answer, json: { ...me, reason_required: false } });
    });
    await open(page, 'queues/default');
    await button(page, 'Pause…').click();
    const dialog = page.getByRole('dialog');
    expect(await dialog.getByLabel('Reason').getAttribute('required')).toBeNull();
    await button(dialog, 'Pause').click();
    await dialog.getByText('reason is missing').first().waitFor();
    expect(await fixture.test.query('SELECT name FROM tasker.tasker_pauses')).toEqual([]);
    await dialog.getByLabel('Reason').fill('the bank is down');
    await button(dialog, 'Pause').click();
    await button(page, 'Resume…').waitFor();
    expect(await fixture.test.query('SELECT name, reason FROM tasker.tasker_pauses')).toEqual([
      { name: 'default', reason: 'the bank is down' },
    ]);
    await page.context().close();
  });

  it('no reason is asked for if none is required', async () => {
    const api = await openApi(fixture.test.url, { apiAuth: 'none' });
    const { page } = await openPage(browser, { base: api.apiUrl });
    await page.goto(`${api.apiUrl}/ui/workflows/shop/refund`);
    await untilShown(page);
    await button(page, 'Pause…').click();
    const dialog = page.getByRole('dialog');
    await expect.poll(() => button(dialog, 'Pause').isEnabled()).toBe(true);
    expect(await dialog.getByText('(required)').count()).toBe(0);
    await page.context().close();
    await api.stop();
  });
});

describe('searchable inputs of a workflow', () => {
  it('a path is added with a reason, entered, found by, and removed; one that is none is refused before anybody presses', async () => {
    const { page, problems } = await openPage(browser, { base: fixture.api.apiUrl });
    await open(page, 'workflows/shop/checkout');
    const card = page.getByRole('region', { name: 'Searchable inputs' });
    await card.getByText('No path is enabled.').waitFor();
    await button(card, 'Add a path…').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Path').fill('input..order');
    await dialog.locator('.problem').waitFor();
    expect(await button(dialog, 'Enable').isDisabled()).toBe(true);
    await dialog.getByLabel('Path').fill('input.amount');
    await dialog.getByLabel('Reason').fill('support asks for it');
    await dialog.getByText('Dry run: enabled').waitFor();
    expect(await seriousProblems(page)).toEqual([]);
    await button(dialog, 'Enable').click();
    await card.getByText('input.amount', { exact: true }).waitFor();
    await card.getByText('by local').waitFor();
    expect(await reasonsOf('search.enable')).toEqual(['support asks for it']);

    // What schedulers do.
    while ((await enterDirectoryOnce(fixture.db, { youngSeconds: 0 })).more) continue;
    await page.reload();
    await card.getByText('found at once').waitFor();
    await open(page, 'tasks?q=workflow%3Ashop%2Fcheckout%20input.amount%3A9007199254740993');
    await expect.poll(() => page.locator('tbody tr').count()).toBe(3);

    await open(page, 'workflows/shop/checkout');
    await button(card, 'Remove input.amount').click();
    await dialog.getByLabel('Reason').fill('nobody does any more');
    await button(dialog, 'Remove the path').click();
    await card.getByText('No path is enabled.').waitFor();
    expect(await reasonsOf('search.disable')).toEqual(['nobody does any more']);
    expect((await fixture.call('GET', '/v1/search-paths')).body.items).toEqual([]);
    // The browser reports the dry run that was refused when it likes.
    expect(problems.filter((each) => !/422.*\/v1\/workflows\/shop\/checkout:search$/.test(each))).toEqual([]);
    await page.context().close();
  });

  it('whoever may only look has no buttons; whoever sees one namespace has no list of the fleet', async () => {
    const api = await openApi(fixture.test.url, { apiAuth: 'keys' });
    for (const [options, buttons] of [
      [{ role: 'viewer' }, 0],
      [{ role: 'admin', namespaces: ['shop'] }, undefined],
      [{ role: 'admin' }, 1],
    ] as const) {
      const { page, problems } = await openPage(browser, { base: api.apiUrl });
      await page.setExtraHTTPHeaders({ authorization: `Bearer ${await fixture.key(options)}` });
      await page.goto(`${api.apiUrl}/ui/workflows/shop/checkout`);
      await untilShown(page);
      const card = page.getByRole('region', { name: 'Searchable inputs' });
      await page.waitForLoadState('networkidle');
      expect(await card.count(), JSON.stringify(options)).toBe(buttons === undefined ? 0 : 1);
      expect(await button(card, 'Add a path…').count(), JSON.stringify(options)).toBe(buttons ?? 0);
      expect(problems, JSON.stringify(options)).toEqual([]);
      await page.context().close();
    }
    await api.stop();
  });
});
