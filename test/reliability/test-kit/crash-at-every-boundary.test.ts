import { describe, expect, inject, test } from 'vitest';
import { defineWorkflow } from '../../../src/workflow/define-workflow.ts';
import { crashAtEveryBoundary } from '../../../src/testing/index.ts';
import type { InputOf } from '../../../src/workflow/definition.ts';
import { readOrders } from '../../../examples/order-fulfillment/northwind.ts';
import { orderFulfillment } from '../../../examples/order-fulfillment/workflow.ts';
import { checkout, onlyOnce } from './crash-workflows.ts';

const module = new URL('crash-workflows.ts', import.meta.url);
const { adminUrl: url } = inject('testRun');

describe('crashAtEveryBoundary', () => {
  test('finds the step whose effect happens twice, at the boundaries between the effect and its record', async () => {
    const report = await crashAtEveryBoundary(checkout, { module, url, input: { order: 'a' } });
    expect(report.steps.map(({ name, verdict }) => [name, verdict])).toEqual([
      ['charge', 'idempotent'],
      ['mail', 'not idempotent'],
    ]);
    // Before the first claim, and for each step after its claim, its effect, its handler and its record.
    expect(report).toMatchObject({ ok: false, crashes: 9, untried: 0 });
    expect(report.problems.map(({ kind, step, boundary }) => [kind, step, boundary.kind, boundary.step])).toEqual([
      ['repeated', 'mail', 'effect', 'mail'],
      ['repeated', 'mail', 'returned', 'mail'],
    ]);
    expect(String(report)).toContain(
      'killed after the handler of "mail" ended, before its outcome was written: "send mail" happened twice, and once without a crash',
    );
    expect(() => report.assertOk()).toThrow('step "mail" is not idempotent');
  });

  test('reports that a step that may run once does not survive the crash of its worker', async () => {
    const report = await crashAtEveryBoundary(onlyOnce, { module, url, input: null });
    expect(report.steps).toMatchObject([{ name: 'print', verdict: 'idempotent' }]);
    expect(report.problems.map(({ kind, boundary }) => [kind, boundary.kind])).toEqual([
      ['not complete', 'claimed'],
      ['not complete', 'effect'],
      ['not complete', 'returned'],
    ]);
    expect(String(report)).toContain('step "print" is in error for good after 1 attempt (retryable: false)');
  });

  test('the payment of the example charges once, whenever its worker dies', async () => {
    const [input] = readOrders() as [InputOf<typeof orderFulfillment>];
    const report = await crashAtEveryBoundary(orderFulfillment, {
      module: new URL('../../../examples/order-fulfillment/workflow.ts', import.meta.url),
      setup: new URL('fake-gateway.ts', import.meta.url),
      url,
      input,
      submit: { key: String(input.order_id) },
      steps: ['payment'],
    });
    report.assertOk();
    expect(report).toMatchObject({ ok: true, crashes: 4, untried: 0 });
    expect(report.steps.filter(({ verdict }) => verdict === 'idempotent').map(({ name }) => name)).toEqual(['payment']);
  });

  test('says why its workers cannot work', async () => {
    const other = defineWorkflow({ name: 'other', input: onlyOnce.inputSchema }).step('one', () => 1);
    await expect(crashAtEveryBoundary(other, { module, url, input: null })).rejects.toThrow(
      'does not export the workflow default/other 0.1.0',
    );
    const relative = { module: './crash-workflows.ts', url, input: null };
    await expect(crashAtEveryBoundary(onlyOnce, relative)).rejects.toThrow('use the URL of a module');
  });
});
