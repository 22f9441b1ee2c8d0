import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineWorkflow } from '../../../src/workflow/define-workflow.ts';
import { useApi } from '../../api/api-fixture.ts';
import { openChromium, openPage, untilShown } from './chromium.ts';

const LAYERS = 20;
const PER_LAYER = 50;

const fixture = await useApi({ apiAuth: 'none' });
let browser: Browser;
let task: string;

/** 20 layers of 50 steps, each with three parents: no two of them are equal siblings. */
beforeAll(async () => {
  browser = await openChromium();
  let flow = defineWorkflow({ name: 'large', input: z.unknown() }).step('step_0_0', () => 1);
  const add = (name: string, dependsOn: string[]): void => {
    flow = flow.step(name, { dependsOn } as never, () => 1) as unknown as typeof flow;
  };
  for (let layer = 0; layer < LAYERS; layer += 1) {
    for (let row = 0; row < PER_LAYER; row += 1) {
      if (layer + row === 0) continue;
      const parents = [0, 1, 7].map((shift) => `step_${layer - 1}_${(row * 3 + shift) % PER_LAYER}`);
      add(`step_${layer}_${row}`, layer === 0 ? [] : parents);
    }
  }
  task = await fixture.submitOne(await fixture.workflow(flow));
  const worker = await fixture.worker(60, 400);
  // From sources the dashboard is built for the first who asks.
  await fetch(`${fixture.api.apiUrl}/ui/`);
  for (let round = 0; round < 6; round += 1) await worker.complete(await worker.claim(100));
}, 120_000);
afterAll(() => browser?.close());

it('a task of 1,000 steps is shown, moved and read without waiting', async () => {
  const { page, problems } = await openPage(browser, { width: 1400, base: fixture.api.apiUrl });
  let received = 0;
  let requests = 0;
  page.on('response', (response) => {
    requests += 1;
    if (/\/(states|layout)/.test(response.url()))
      void response
        .request()
        .sizes()
        .then(({ responseBodySize }) => (received += responseBodySize));
  });
  const began = performance.now();
  await page.goto(`${fixture.api.apiUrl}/ui/tasks/${task}`);
  await untilShown(page);
  await page.waitForSelector('.graph canvas');
  const shownMs = performance.now() - began;
  // Dragged for a while: a frame takes no longer than a screen shows it.
  const frames = (await page.evaluate(`(async () => {
    const canvas = document.querySelector('.graph canvas');
    const at = (type, x) => canvas.dispatchEvent(new PointerEvent(type, { pointerId: 1, bubbles: true, clientX: 300 + x, clientY: 500 }));
    canvas.setPointerCapture = () => {};
    at('pointerdown', 0);
    const times = [];
    let last = performance.now();
    for (let frame = 0; frame < 60; frame += 1) {
      at('pointermove', (frame % 20) * 10 + 5);
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      times.push(now - last);
      last = now;
    }
    at('pointerup', 0);
    return times.toSorted((one, other) => one - other);
  })()`)) as number[];
  await page.click('.tabs [role=tab]:has-text("List")');
  await page.waitForSelector('.table tbody tr');
  requests = 0;
  const clicked = performance.now();
  await page.click('.table tbody tr:nth-child(3) .link-button');
  await page.waitForSelector('.drawer');
  const drawerMs = performance.now() - clicked;
  const median = frames[Math.floor(frames.length / 2)] ?? Infinity;
  console.log(
    `shown after ${Math.round(shownMs)} ms, a frame in ${median.toFixed(1)} ms, layout and states ${received} bytes, drawer after ${Math.round(drawerMs)} ms`,
  );
  expect(problems).toEqual([]);
  expect(received).toBeLessThanOrEqual(40 * 1024);
  // The budgets are 1 s and 16 ms on a machine of its own; here others work, too.
  expect(shownMs).toBeLessThan(8000);
  expect(median).toBeLessThan(50);
  expect(drawerMs).toBeLessThan(3000);
  await page.context().close();
});
