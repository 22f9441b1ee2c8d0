import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../src/index.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useRubyTaskerSource } from './ruby-tasker-source.ts';

const source = await useRubyTaskerSource();
const orders = defineWorkflow({
  namespace: 'shop',
  name: 'orders',
  version: '0.1.0',
  identity: 'caller_key',
  input: z.any(),
}).step('only', () => 1);
const steps = [{ name: 'only' }];

describe('--identity', () => {
  test('gives open tasks the identity of their key, so that a repeated submit after the cut-over finds them', async () => {
    await source.with('D', [
      { id: 1, states: [], context: '{"order": {"id": "A-1"}}', steps },
      // More digits than a JavaScript number has.
      { id: 2, states: [], context: '{"order": {"id": 12345678901234567890}}', steps },
      { id: 3, states: [], context: '{"order": {}}', steps },
      { id: 4, states: [], context: '{"order": {"id": ["A-4"]}}', steps },
      {
        id: 5,
        states: ['in_progress', 'complete'],
        complete: true,
        context: '{"order": {"id": "A-5"}}',
        steps: [{ name: 'only', states: ['in_progress', 'complete'] }],
      },
      { id: 6, states: [], context: '{"order": {"id": "A-1"}}', steps },
      { id: 7, states: [], context: '{"order": {"id": "A-7"}}', workflow: 'returns', steps },
    ]);
    const options = { phase: 'all', identity: { 'shop/orders': '$.order.id' } } as const;
    const dry = await source.import({ ...options, dryRun: true });
    const report = await source.import(options);
    // The dry run says so beforehand.
    expect(dry).toMatchObject({ imported: 6, left: report.left, workflows: report.workflows });
    expect(report.notes).toMatchObject({ identity_without_a_key: 2 });
    // Two tasks of one key: the second stays in Tasker, and the report names it.
    expect(report.left).toMatchObject([{ reason: 'identity_taken', first: ['6'] }]);
    const kept = await source.query<{ task_id: string }>(
      `SELECT task_id FROM tasker.tasker_tasks WHERE identity_hash = 'ruby ' || task_id ORDER BY task_id`,
    );
    expect(kept.map((row) => row.task_id)).toEqual(['3', '4', '5', '7']);

    const client = createClient({ url: source.url, notify: false });
    try {
      const submit = async (key: string) => {
        const { taskId, outcome } = await client.submit(orders, {}, { key });
        return { taskId, created: outcome === 'created' };
      };
      expect(await submit('A-1')).toEqual({ taskId: '1', created: false });
      expect(await submit('12345678901234567890')).toEqual({ taskId: '2', created: false });
      expect((await submit('A-2')).created).toBe(true);
    } finally {
      await client.close();
    }
  });

  test('refuses what is no path, and a workflow that Tasker does not have', async () => {
    await source.with('D', [{ id: 1, states: [], steps }]);
    await expect(source.import({ identity: { orders: '$.order..id' } })).rejects.toThrow(
      '--identity is "orders=$.order..id": give an SQL/JSON path to the key in the context, such as orders=$.order_id',
    );
    await expect(source.import({ identity: { order: '$.id' } })).rejects.toThrow(
      '--identity is "order": the workflows of Tasker are shop/orders 0.1.0',
    );
  });
});
