import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { fail } from '../../../src/engine/fail.ts';
import { defineWorkflow } from '../../../src/workflow/define-workflow.ts';
import { useApi } from '../../api/api-fixture.ts';
import { openApi } from '../../support/open-api.ts';
import { openChromium, openPage, untilShown, type Watched } from './chromium.ts';
import { fillWith } from './hostile-fleet.ts';
import { hostileStrings } from './hostile-strings.ts';

/** The long form: 5,000 texts. */
const TEXTS = hostileStrings(Number(process.env['TASKER_HOSTILE_STRINGS'] ?? 300));
const STEPS = 100;
/** Of the texts that the pages of the fleet show at once. */
const AT_ONCE = 44;
/** The long form visits fifty tasks, each in every view. */
const TIMEOUT_MS = Math.max(600_000, TEXTS.length * 1000);

const fixture = await useApi({ apiAuth: 'none' });
let browser: Browser;
const tasks: string[] = [];

/** Each step fails with a text of its own, which is also its name, and in input and result; each task has one in what lists show. */
beforeAll(async () => {
  browser = await openChromium();
  for (let first = 0; first < TEXTS.length; first += STEPS)
    tasks.push(await hostileTask(TEXTS.slice(first, first + STEPS), first));
}, TIMEOUT_MS);
afterAll(() => browser?.close());

async function hostileTask(texts: readonly string[], first: number): Promise<string> {
  const workflow = texts.slice(1).reduce(
    (flow, _text, index) =>
      flow.step(`step_${first}_${index + 1}`, { retryLimit: 1 }, () => 1) as unknown as typeof flow,
    defineWorkflow({ name: `hostile_${first}`, input: z.unknown() }).step(
      `step_${first}_0`,
      { retryLimit: 1 },
      () => 1,
    ),
  );
  const id = await fixture.workflow(workflow);
  const [text = ''] = texts;
  const task = await fixture.submitOne(id, {
    context: JSON.stringify(Object.fromEntries(texts.map((each) => [each, { [each]: each }]))),
    tags: texts.slice(0, 20).map((each) => each.slice(0, 200)),
    initiator: text,
    sourceSystem: text,
    reason: text,
  });
  for (let index = 0; index < texts.length; index += 1) {
    // Names of steps have letters alone; those of an import may be anything of 128 characters.
    await fixture.test.query('UPDATE tasker.tasker_named_steps SET name = $2 WHERE name = $1', [
      `step_${first}_${index}`,
      nameOf(texts[index] as string, first + index),
    ]);
  }
  const worker = await fixture.worker(60, 200);
  const steps = await worker.claim(STEPS);
  await worker.complete(steps.slice(0, 10), { result: JSON.stringify(texts) });
  await fail(fixture.db, {
    workerId: worker.id,
    failures: steps.slice(10).map((step, index) => ({
      ...step,
      permanent: index % 2 === 0,
      requestedBackoffSeconds: 3600,
      backoffCapSeconds: 3600,
      cause: 'fail',
      metadata: JSON.stringify({
        error: { name: texts[index], message: texts[index], code: texts[index]?.slice(0, 50) },
      }),
    })),
  });
  return task;
}

const nameOf = (text: string, index: number): string => `${[...text].slice(0, 110).join('').slice(0, 120)} ${index}`;

async function visit({ page, problems }: Watched, path: string, url = fixture.api.apiUrl): Promise<void> {
  await page.goto(`${url}/ui/${path}`);
  await untilShown(page);
  expect(problems, path).toEqual([]);
}

it(
  'no text of a task becomes code, on any page',
  async () => {
    const watched = await openPage(browser, { base: fixture.api.apiUrl });
    await visit(watched, '');
    await visit(watched, 'tasks');
    for (const task of tasks) {
      for (const view of ['graph', 'timeline', 'list', 'history']) {
        await visit(watched, `tasks/${task}?view=${view}`);
        // All texts are in the page as text: the last of the names, too.
        if (view === 'list') expect(await watched.page.locator('.table tbody tr').count()).toBeGreaterThan(40);
      }
      const first = tasks.indexOf(task) * STEPS;
      const last = Math.min(first + STEPS, TEXTS.length) - 1;
      for (const index of [first, first + 5, first + 20, last]) {
        const name = nameOf(TEXTS[index] as string, index);
        await visit(watched, `tasks/${task}?step=${encodeURIComponent(name)}`);
        for (const tab of ['Input', 'Result', 'History'])
          await watched.page.click(`.drawer [role=tab]:has-text("${tab}")`);
      }
    }
    expect(watched.problems).toEqual([]);
    await watched.page.context().close();
  },
  TIMEOUT_MS,
);

it(
  'nor does one of an operator, a queue, a process or a schedule, on any page of the fleet',
  async () => {
    const watched = await openPage(browser, { base: fixture.api.apiUrl });
    const texts = TEXTS.length > 300 ? TEXTS : TEXTS.slice(0, AT_ONCE);
    for (let first = 0; first < texts.length; first += AT_ONCE) {
      const paths = await fillWith(fixture, texts.slice(first, first + AT_ONCE));
      for (const path of paths) {
        await visit(watched, path);
        if (path === 'schedules') expect(await watched.page.textContent('main')).toContain(texts[first]);
      }
    }
    expect(watched.problems).toEqual([]);
    await watched.page.context().close();
  },
  TIMEOUT_MS,
);

it(
  'nor does the name of an API key, which every page has',
  async () => {
    const api = await openApi(fixture.test.url, { apiAuth: 'keys' });
    try {
      for (let first = 0; first < TEXTS.length; first += 1000) {
        const name = TEXTS.slice(first, first + 1000).join(' ');
        const watched = await openPage(browser, { base: api.apiUrl });
        await watched.page.setExtraHTTPHeaders({ authorization: `Bearer ${await fixture.key({ name })}` });
        await visit(watched, 'settings', api.apiUrl);
        expect(await watched.page.textContent('main')).toContain(TEXTS[first]);
        await watched.page.context().close();
      }
    } finally {
      await api.stop();
    }
  },
  TIMEOUT_MS,
);

it('nor does a text of the address', async () => {
  const watched = await openPage(browser, { base: fixture.api.apiUrl });
  for (const [index, text] of TEXTS.slice(0, 44).entries()) {
    const encoded = encodeURIComponent(text);
    const places = [`tasks?q=${encoded}#${encoded}`, `nowhere/${encoded}?view=${encoded}`];
    if (index % 6 === 0) await watched.page.goto(`${fixture.api.apiUrl}/ui/${places[0]}`);
    // Without loading the page anew, as a link of the page itself does it.
    for (const place of places) {
      await watched.page.evaluate(
        `history.pushState(null, '', ${JSON.stringify(place)}); dispatchEvent(new Event('popstate'))`,
      );
    }
    await watched.page.waitForSelector('h1, .empty-title');
  }
  expect(watched.problems.filter((problem) => !/^(4\d\d|console: Failed to load resource)/.test(problem))).toEqual([]);
  await watched.page.context().close();
});
