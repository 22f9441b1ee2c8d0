import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineWorkflow } from '../../../src/workflow/define-workflow.ts';
import type { WorkflowDefinition } from '../../../src/workflow/definition.ts';
import { useApi } from '../../api/api-fixture.ts';
import { openChromium, openPage } from './chromium.ts';

const fixture = await useApi({ apiAuth: 'none' });
let browser: Browser;
beforeAll(async () => {
  browser = await openChromium();
  await fetch(`${fixture.api.apiUrl}/ui/`);
}, 120_000);
afterAll(() => browser?.close());

/** Of parts every fifth has a queue of its own. */
const PARTS = Array.from({ length: 200 }, (_, n) => `part_${n}`);

async function submitFanOut(): Promise<string> {
  let flow = defineWorkflow({ name: 'fan_out', input: z.unknown() }).step('split', () => 1) as unknown as {
    step(...of: unknown[]): typeof flow;
  };
  for (const [n, name] of PARTS.entries())
    flow = flow.step(name, { dependsOn: ['split'], queue: n % 5 === 0 ? 'slow' : 'default' }, () => 1);
  flow = flow.step('join', { dependsOn: PARTS }, () => 1);
  return fixture.submitOne(await fixture.workflow(flow as unknown as WorkflowDefinition));
}

/** What is on the canvas: texts with where they are in the plane, and bars of histograms by their colours. */
interface Drawn {
  readonly texts: Readonly<Record<string, { x: number; y: number; alpha: number }>>;
  readonly bars: Readonly<Record<string, number>>;
  readonly label: string;
}

/** Everything drawn since the canvas was last drawn as a whole. */
const RECORDER = `
  window.drawnTexts = {};
  window.drawnBars = {};
  const { fillText, fillRect, clearRect } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
    window.drawnTexts[text] = { x, y, alpha: this.globalAlpha };
    return fillText.call(this, text, x, y);
  };
  CanvasRenderingContext2D.prototype.fillRect = function (x, y, width, height) {
    if (height === 6) window.drawnBars[this.fillStyle] = width;
    return fillRect.call(this, x, y, width, height);
  };
`;

/** Draws the whole graph anew, and says what that was. */
async function drawn(page: Page): Promise<Drawn> {
  await page.waitForTimeout(200);
  return (await page.evaluate(`(async () => {
    const canvas = document.querySelector('.graph > canvas');
    const { left, top } = canvas.getBoundingClientRect();
    window.drawnTexts = {};
    window.drawnBars = {};
    for (const deltaY of [1, -1]) {
      canvas.dispatchEvent(new WheelEvent('wheel', { ctrlKey: true, cancelable: true, deltaY, clientX: left, clientY: top }));
      await new Promise(requestAnimationFrame);
    }
    await new Promise((resolve) => setTimeout(resolve, 400));
    return { texts: window.drawnTexts, bars: window.drawnBars, label: canvas.getAttribute('aria-label') };
  })()`)) as Drawn;
}

/** How many of the steps of a fold a bar stands for, by its length. */
const shares = ({ bars }: Drawn): number[] => {
  const widths = Object.values(bars).map((width) => width + 1);
  const total = widths.reduce((sum, width) => sum + width, 0);
  return widths.map((width) => Math.round((width / total) * 199));
};
const namesOf = ({ texts }: Drawn): string[] => Object.keys(texts).filter((text) => /split|part|join/.test(text));

it('1 -> 200 -> 1 draws 3 nodes before the first claim; one failure unfolds itself; parents are centred over their children', async () => {
  const task = await submitFanOut();
  const { page, problems } = await openPage(browser, { width: 1400, base: fixture.api.apiUrl });
  await page.addInitScript(RECORDER);
  await page.goto(`${fixture.api.apiUrl}/ui/tasks/${task}`);
  await page.waitForSelector('.graph > canvas');

  // Nobody has claimed anything: all of it is there.
  const before = await drawn(page);
  expect(before.label).toContain('202 steps in 3 nodes');
  expect(namesOf(before).toSorted()).toEqual(['200 × part', 'join', 'split']);
  expect(before.texts['Ready']).toBeDefined();
  expect(before.texts['Waiting']).toBeDefined();
  expect(new Set(namesOf(before).map((name) => before.texts[name]?.y)).size, 'all in one row').toBe(1);

  // Of 200 parts 120 are done, one is blocked, ten run.
  const worker = await fixture.worker(600, 400);
  await worker.complete(await worker.claim());
  const parts = await worker.claim(131);
  const [failing, ...others] = parts;
  if (failing === undefined) throw new Error('no part was claimed');
  await worker.complete(others.slice(0, 120));
  await worker.fail(failing, { permanent: true });
  await page.waitForSelector('.chip.phase-blocked .count:text-is("1")');
  await page.waitForSelector('.chip.phase-complete .count:text-is("121")');
  const unfolded = await drawn(page);
  expect(unfolded.label).toContain('202 steps in 4 nodes');
  const failed = namesOf(unfolded).find((name) => /^part_\d+$/.test(name)) ?? '';
  expect(namesOf(unfolded).toSorted()).toEqual(['199 × part', 'join', failed, 'split'].toSorted());
  expect(unfolded.texts['Blocked']).toBeDefined();
  // The bars of the fold are as long as there are steps of a state: 10 run, 69 are ready, 120 are done.
  expect(shares(unfolded)).toHaveLength(3);
  for (const [index, count] of [10, 69, 120].entries())
    expect(Math.abs((shares(unfolded)[index] ?? 0) - count), `bar ${index}`).toBeLessThan(6);
  // The failure first, and parents and children in the middle of the two.
  const y = (name: string): number => unfolded.texts[name]?.y ?? Number.NaN;
  expect(y(failed)).toBeLessThan(y('199 × part'));
  expect(y('split')).toBeCloseTo((y(failed) + y('199 × part')) / 2, 1);
  expect(y('join')).toBeCloseTo(y('split'), 1);

  // It is pointed at by itself, and folds when it goes on.
  await page.goto(`${fixture.api.apiUrl}/ui/tasks/${task}?step=${failed}`);
  await page.waitForSelector('.drawer .error-text');
  expect(await page.getAttribute('.graph > canvas', 'aria-label')).toContain(`Chosen: ${failed}, Blocked`);
  expect(
    (await fixture.call('POST', `/v1/tasks/${task}/steps/${failed}:resolve`, { body: { reason: 'test' } })).status,
  ).toBe(200);
  await page.waitForSelector('.chip.phase-resolved .count:text-is("1")');
  expect((await drawn(page)).label).toContain('202 steps in 3 nodes');
  await fixture.call('POST', `/v1/tasks/${task}:cancel`, { body: { reason: 'test' } });
  expect(problems).toEqual([]);
  await page.context().close();
});

it('filters by state, queue, duration and name are in the address, live, and the same in graph, timeline and list', async () => {
  const task = await submitFanOut();
  const worker = await fixture.worker(600, 400);
  await worker.complete(await worker.claim());
  const running = await worker.claim(5);
  const slow = await worker.claim(3, 'slow');
  // As if they had begun earlier.
  await fixture.test.query(
    `UPDATE tasker.tasker_workflow_steps SET last_attempted_at = last_attempted_at - interval '2 minutes'
     WHERE workflow_step_id = ANY ($1::bigint[])`,
    [[running[0]?.stepId, slow[0]?.stepId]],
  );
  const { page, problems } = await openPage(browser, { width: 1400, base: fixture.api.apiUrl });
  await page.addInitScript(RECORDER);
  const listed = async (query: string): Promise<number> => {
    await page.goto(`${fixture.api.apiUrl}/ui/tasks/${task}?view=list&${query}`);
    await page.waitForSelector('.table tbody tr, .empty');
    const rows = await page.locator('.table').count();
    return rows === 0 ? 0 : Number(await page.getAttribute('.table', 'aria-rowcount')) - 1;
  };
  // A claim may find fewer than it asks for.
  const all = running.length + slow.length;
  expect(await listed('phase=running')).toBe(all);
  expect(await listed('phase=running&queue=slow')).toBe(slow.length);
  expect(await listed('longer=60')).toBe(2);
  expect(await listed('longer=60&queue=slow')).toBe(1);
  expect(await listed('name=PART_11')).toBe(11);
  expect(await listed('hide=done')).toBe(201);
  expect(await listed('phase=running&longer=99999')).toBe(0);

  // The same in the timeline, and in the graph those that do not pass are pale.
  expect(await listed('phase=running&queue=slow')).toBe(slow.length);
  await page.click('.tabs [role=tab]:has-text("Timeline")');
  await page.waitForSelector('.timeline-row');
  expect(await page.locator('.timeline-row').count()).toBe(slow.length);
  await page.selectOption('[aria-label="Steps of a queue"]', 'default');
  await page.waitForSelector(`.timeline-row:nth-child(${running.length})`);
  expect(await page.locator('.timeline-row').count()).toBe(running.length);
  expect(page.url()).toContain('queue=default');
  await page.selectOption('[aria-label="Steps whose last attempt took longer"]', '60');
  await page.waitForSelector('.timeline-row:nth-child(2)', { state: 'detached' });
  expect(page.url()).toContain('longer=60');
  await page.click('.tabs [role=tab]:has-text("Graph")');
  await page.waitForSelector('.graph > canvas');
  const { texts } = await drawn(page);
  expect(texts['split']?.alpha).toBeLessThan(0.5);
  expect(texts['200 × part']?.alpha).toBe(1);

  // Live: what is done passes no longer, and what begins passes.
  await page.goto(`${fixture.api.apiUrl}/ui/tasks/${task}?view=list&phase=running`);
  const untilRows = (rows: number) => page.waitForSelector(`.table[aria-rowcount="${rows + 1}"]`);
  await untilRows(all);
  await worker.complete(running.slice(0, 1));
  await untilRows(all - 1);
  const { length: more } = await worker.claim(4);
  await untilRows(all - 1 + more);
  expect(problems).toEqual([]);
  await page.context().close();
});
