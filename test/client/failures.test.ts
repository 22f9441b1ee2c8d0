import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../src/client/client.ts';
import { InvalidInputError } from '../../src/errors.ts';
import { readFailures } from '../../src/reads/failures.ts';
import { fingerprintOfName } from '../../src/workflow/fingerprint.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useWorkers } from '../worker/worker-fixture.ts';

const fleet = await useWorkers();
const causes = ['stock', 'gateway', 'slow'] as const;
const pay = defineWorkflow({ name: 'pay', namespace: 'shop', input: z.object({ n: z.int(), cause: z.enum(causes) }) })
  .step('reserve', { retryLimit: 1 }, ({ input }) => {
    if (input.cause === 'stock') throw new Error(`order ${input.n} is out of stock in /var/${input.n}/x`);
    return 1;
  })
  .step('charge', { dependsOn: ['reserve'], retryLimit: 1, timeoutSeconds: 0.2 }, async ({ input, signal }) => {
    if (input.cause === 'slow') await new Promise((resolve) => signal.addEventListener('abort', resolve));
    throw Object.assign(new Error(`connect ECONNREFUSED 10.0.0.${input.n}:443`), { code: 'ECONNREFUSED' });
  });

const refund = defineWorkflow({ name: 'refund', namespace: 'shop', version: '2.0.0', input: z.unknown() }).step(
  'send',
  { retryLimit: 1 },
  () => {
    throw new Error('the bank is closed');
  },
);

describe('failures', () => {
  it('of a workflow are those of it alone, by its name, namespace and version', async () => {
    const client = createClient({ url: fleet.test.url, notify: false });
    try {
      const ids = [await fleet.submit(refund, {}), await fleet.submit(pay, { n: 1, cause: 'stock' })];
      await fleet.start([pay, refund], { retryBackoffDisabled: false });
      for (const id of ids) await fleet.taskIn(id, ['error']);
      const stepsOf = async (of: object) => (await client.failures(of)).groups.map(({ step }) => step).toSorted();

      expect(await stepsOf({})).toEqual(['reserve', 'send']);
      expect(await stepsOf({ namespace: 'shop' })).toEqual(['reserve', 'send']);
      for (const of of [
        { workflow: 'refund' },
        { workflow: 'shop/refund@2.0.0' },
        { namespace: 'shop', workflow: 'refund', version: '2.0.0' },
      ])
        expect(await stepsOf(of)).toEqual(['send']);
      for (const of of [{ workflow: 'shop/refund@1.0.0' }, { namespace: 'other' }, { workflow: 'nothing' }])
        expect(await client.failures(of)).toEqual({ groups: [], complete: true });

      // However many others fail, a bounded number is searched, and that is said even if none of them is found.
      const searched = (workflow: string, bound: number) =>
        readFailures(fleet.db, 10, { workflow }, { failing: 10, searched: bound });
      const [one, other] = [await searched('pay', 0), await searched('refund', 0)];
      expect([one.complete, other.complete]).toEqual([false, false]);
      expect([...one.groups, ...other.groups]).toHaveLength(1);
      expect((await searched('pay', 2)).complete && (await searched('refund', 2)).complete).toBe(true);
      await expect(client.failures({ namespace: 'other', workflow: 'shop/refund' })).rejects.toThrow(InvalidInputError);
      await expect(client.failures({ version: 2 as never })).rejects.toThrow(InvalidInputError);
      for (const id of ids) await client.resolveTask(id);
    } finally {
      await client.close();
    }
  });

  it('are grouped by cause as they are written, and a group is a list of tasks', async () => {
    const client = createClient({ url: fleet.test.url, notify: false });
    try {
      expect(await client.failures()).toEqual({ groups: [], complete: true });
      const ids: Record<string, string[]> = { stock: [], gateway: [], slow: [] };
      for (let n = 1; n <= 9; n += 1) {
        const cause = n <= 5 ? 'stock' : n <= 8 ? 'gateway' : 'slow';
        ids[cause]?.push(await fleet.submit(pay, { n, cause }));
      }
      await fleet.start([pay], { retryBackoffDisabled: false });
      for (const id of Object.values(ids).flat()) await fleet.taskIn(id, ['error']);

      const { groups, complete } = await client.failures();
      expect(complete).toBe(true);
      expect(groups.map(({ step, steps, blocked, code, name }) => ({ step, steps, blocked, code, name }))).toEqual([
        { step: 'reserve', steps: 5, blocked: 5, code: null, name: 'Error' },
        { step: 'charge', steps: 3, blocked: 3, code: 'ECONNREFUSED', name: 'Error' },
        { step: 'charge', steps: 1, blocked: 1, code: null, name: 'StepTimeout' },
      ]);
      const [stock, gateway, slow] = groups;
      expect(slow?.fingerprint).toBe(fingerprintOfName('StepTimeout'));
      expect(gateway).toMatchObject({ namespace: 'shop', workflow: 'pay', versions: ['0.1.0'] });
      expect(ids['gateway']).toContain(gateway?.sample_task_id);
      expect(gateway?.message).toMatch(/^connect ECONNREFUSED 10\.0\.0\./);
      expect(Number(stock?.last_seen)).toBeGreaterThanOrEqual(Number(stock?.first_seen));

      const members = await client.listTasks({ fingerprint: stock?.fingerprint as string });
      expect(members.map((task) => task.task_id).toSorted()).toEqual(ids['stock']?.toSorted());
      const both = await client.taskPage({ fingerprint: gateway?.fingerprint as string, error: 'econnrefused' });
      expect(both.tasks).toHaveLength(3);
      expect((await client.listTasks({ fingerprint: 'f'.repeat(12) })).length).toBe(0);
      await expect(client.listTasks({ fingerprint: 'nonsense' })).rejects.toThrow(InvalidInputError);

      // What is retried leaves its group: only what fails now is in one.
      await client.cancel(ids['stock']?.[0] as string).catch(() => undefined);
      await client.resolveTask(ids['stock']?.[0] as string);
      expect((await client.failures({ limit: 1 })).groups[0]?.steps).toBe(4);
    } finally {
      await client.close();
    }
  });
});
