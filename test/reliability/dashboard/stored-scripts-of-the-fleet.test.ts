import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { useApi } from '../../api/api-fixture.ts';
import { openChromium, openPage, untilShown } from './chromium.ts';
import { fillFleet, pathWith, type Shown } from './fleet.ts';
import { hostileStrings } from './hostile-strings.ts';
import { PAGES } from './pages.ts';

const TEXTS = hostileStrings(300);
/** What pages of the fleet, of failures, of operations and of the audit show. */
const TABLES = [
  'tasker_workers',
  'tasker_worker_workflows',
  'tasker_schedules',
  'tasker_pauses',
  'tasker_operations',
  'tasker_operation_items',
  'tasker_audit',
  'tasker_queue_samples',
  'tasker_workflow_steps',
  'tasker_named_tasks',
  'tasker_named_steps',
  'tasker_task_namespaces',
  'tasker_tasks',
  'tasker_workflow_step_transitions',
  'tasker_task_transitions',
];
/** These are words that the server itself must understand to answer at all. */
const UNDERSTOOD = new Set([
  'cron',
  'timezone',
  'state',
  'from_state',
  'to_state',
  'role',
  'definition_hash',
  'identity_hash',
  'trace_context',
  'hash',
  'previous_hash',
]);

const fixture = await useApi({ apiAuth: 'none' });
let browser: Browser;
let shown: Shown;
const planted: string[] = [];

/** Every column of text that takes it has a hostile text, a row at a time a text of its own. */
beforeAll(async () => {
  browser = await openChromium();
  shown = await fillFleet(fixture, TEXTS[0]);
  // The key and the cron of a schedule are checked when it is made; what became of it is text of others.
  await fixture.test.query(
    `INSERT INTO tasker.tasker_schedule_states (schedule_key, error, failed_at, paused_at, pause_reason)
     VALUES ('nightly', $1, clock_timestamp(), clock_timestamp(), $1)
     ON CONFLICT (schedule_key) DO UPDATE SET error = excluded.error, failed_at = excluded.failed_at, paused_at = excluded.paused_at,
       pause_reason = excluded.pause_reason`,
    [TEXTS[3]],
  );
  const columns = await fixture.test.query<{ table: string; column: string; type: string }>(
    `SELECT table_name AS table, column_name AS column, udt_name AS type FROM information_schema.columns
     WHERE table_schema = 'tasker' AND table_name = ANY ($1) AND udt_name IN ('text', '_text', 'varchar') AND is_generated = 'NEVER'
     ORDER BY 1, 2`,
    [TABLES],
  );
  for (const [index, { table, column, type }] of columns.entries()) {
    if (UNDERSTOOD.has(column)) continue;
    const text = [...(TEXTS[(index * 7 + 1) % TEXTS.length] as string)].slice(0, 100).join('');
    // A column of unique values needs the place of the row.
    const value = type === '_text' ? 'ARRAY[$1::text]' : `left($1::text || ' ' || ctid::text, 120)`;
    const done = await fixture.test
      .query(`UPDATE tasker.${table} SET ${column} = ${value} WHERE ${column} IS NOT NULL OR $2`, [
        text,
        !/_at$|until/.test(column),
      ])
      .then(
        () => true,
        // A check of the table refuses it: then it can be in no page either.
        () => false,
      );
    if (done) planted.push(`${table}.${column}`);
  }
}, 120_000);
afterAll(() => browser?.close());

it('no text of the fleet becomes code, on any page', async () => {
  console.log(`planted: ${planted.join(' ')}`);
  expect(planted).toEqual(
    expect.arrayContaining([
      'tasker_audit.reason',
      'tasker_operations.reason',
      'tasker_pauses.reason',
      'tasker_workers.name',
    ]),
  );
  const { page, problems } = await openPage(browser, { base: fixture.api.apiUrl });
  for (const path of PAGES) {
    await page.goto(`${fixture.api.apiUrl}/ui/${pathWith(shown, path)}`);
    await untilShown(page);
    // What is folded is shown, too.
    await page.evaluate(
      `for (const more of document.querySelectorAll('main summary, main [aria-expanded=false]')) more.click()`,
    );
    if (path === 'doctor') await page.click('main button', { timeout: 1000 }).catch(() => undefined);
    expect(
      problems.filter((problem) => !/^(4\d\d|console: Failed to load resource)/.test(problem)),
      path,
    ).toEqual([]);
  }
  await page.context().close();
}, 240_000);
