import { expect, test as it } from 'vitest';
import { z } from 'zod';
import { Client } from '../../src/client/client.ts';
import { openDatabase } from '../../src/db/connections/database.ts';
import { enrol } from '../../src/engine/register-workflow.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useTestDatabase } from '../support/test-database.ts';

const test = await useTestDatabase();

const base = defineWorkflow({ namespace: 'aside', name: 'order', version: '1.0.0', input: z.object({}) }).step(
  'a',
  () => 1,
);
const former = base.step('b', { dependsOn: ['a'] }, () => 2);
const other = base.step('b', () => 2);

it('a changed graph is registered under the same version if that is wanted, and one that comes back gets its tasks back', async () => {
  const db = openDatabase({ url: test.url, poolSize: 2, applicationName: 'test' });
  const client = new Client({ url: test.url });
  try {
    const first = await enrol(db, former, 'set-aside');
    const { taskId } = await client.submit(former, {});
    await expect(enrol(db, other)).rejects.toThrow(
      /registered with other steps or edges \(step "b" has other parents\): give/,
    );

    const second = await enrol(db, other, 'set-aside');
    expect(second.namedTaskId).not.toBe(first.namedTaskId);
    expect(second.setAside).toEqual([{ version: '1.0.9001', taskIds: [taskId] }]);
    expect((await client.getTask(taskId as string))?.version).toBe('1.0.9001');
    expect(await enrol(db, other, 'set-aside')).toEqual({ namedTaskId: second.namedTaskId, setAside: [] });

    const back = await enrol(db, former, 'set-aside');
    expect(back.namedTaskId).toBe(first.namedTaskId);
    expect(back.setAside).toEqual([{ version: '1.0.9002', taskIds: [] }]);
    expect((await client.getTask(taskId as string))?.version).toBe('1.0.0');
  } finally {
    await client.close();
    await db.close();
  }
});
