import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineWorkflow, RetryableError } from '../../src/index.ts';
import { earlierIdempotencyKey, idempotencyKey } from '../../src/worker/running/idempotency-key.ts';
import { useWorkers } from './worker-fixture.ts';

const HERE = '6b1a3f7e-0000-4000-8000-000000000001';
const THERE = '6b1a3f7e-0000-4000-8000-000000000002';

describe('an idempotency key', () => {
  it('is a UUID of version 8, and the same for the same step of the same task', () => {
    const key = idempotencyKey(HERE, 'order-1', 'charge');
    expect(key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    // For ever: a version that made another key of it would charge those customers again whose steps it repeats.
    expect(key).toBe('48b5627f-f9e4-87dc-a9e5-12eaedfd5e52');
  });

  it('differs for another step, task or installation', () => {
    const keys = [HERE, THERE].flatMap((installation) =>
      ['order-1', 'order-2'].flatMap((identity) =>
        ['charge', 'mail'].map((step) => idempotencyKey(installation, identity, step)),
      ),
    );
    expect(new Set(keys).size).toBe(8);
    expect(idempotencyKey(HERE, 'a', 'b","c')).not.toBe(idempotencyKey(HERE, 'a","b', 'c'));
  });
});

const fleet = await useWorkers();

describe('the key that a handler receives', () => {
  const seen: Record<string, string[]> = {};
  const note = (step: string, key: string): void => void (seen[step] ??= []).push(key);
  const workflow = defineWorkflow({ name: 'keys', input: z.unknown() })
    .step('root', ({ idempotencyKey: key, attempt }) => {
      note('root', key);
      if (attempt === 1) throw new RetryableError('again');
    })
    .step('chained', { dependsOn: ['root'] }, ({ idempotencyKey: key, attempt }) => {
      note('chained', key);
      if (attempt < 3) throw new RetryableError('again');
    });
  const keysOf = async (identityHash: string, cached = true): Promise<string[]> => {
    for (const step of Object.keys(seen)) delete seen[step];
    const worker = await fleet.start([workflow], cached ? {} : { resultCacheBytes: 0 });
    await fleet.taskIn(await fleet.submit(workflow, {}, { identityHash }), ['complete']);
    await worker.stop();
    return Object.values(seen).flat();
  };

  it('is made of the installation, the identity and the step, whichever way the step was claimed', async () => {
    const [row] = await fleet.test.query<{ id: string }>(
      'SELECT installation_id AS id FROM tasker.tasker_installation',
    );
    const made = (identity: string, step: string): string => idempotencyKey(row?.id as string, identity, step);
    for (const cached of [true, false]) {
      const identity = randomUUID();
      const [root, chained] = [made(identity, 'root'), made(identity, 'chained')];
      expect(await keysOf(identity, cached)).toEqual([root, root, chained, chained, chained]);
    }
  });

  it('keeps its earlier form for a step that an earlier version began, and for no other step of the task', async () => {
    const worker = await fleet.start([workflow]);
    const taskId = await fleet.submit(workflow, {}, { identityHash: 'began before' });
    await fleet.taskIn(taskId, ['complete']);
    await worker.stop();
    // As a worker of an earlier version leaves it: its id was of a sequence. Then the step is due once more.
    await fleet.test.query('UPDATE tasker.tasker_installation SET had_earlier_versions = true');
    await fleet.test.query(
      `UPDATE tasker.tasker_workflow_step_transitions t SET worker_id = 12
       WHERE t.task_id = $1 AND t.cause = 'claim' AND t.workflow_step_id & 65535 = 1`,
      [taskId],
    );
    await fleet.test.query(
      `UPDATE tasker.tasker_workflow_steps SET state = 'pending', processed = false, retry_limit = 9,
         ready_at = CASE WHEN total_parents = 0 THEN clock_timestamp() END, unmet_parents = total_parents WHERE task_id = $1`,
      [taskId],
    );
    await fleet.test.query(
      `UPDATE tasker.tasker_tasks SET state = 'in_progress', complete = false, completed_at = NULL, unfinished_sinks = 1 WHERE task_id = $1`,
      [taskId],
    );
    for (const step of Object.keys(seen)) delete seen[step];
    await (await fleet.start([workflow]), fleet.taskIn(taskId, ['complete']));
    expect(seen['root']).toEqual([earlierIdempotencyKey(taskId, 'root')]);
    expect(new Set(seen['chained'])).toEqual(new Set([expect.stringMatching(/^[0-9a-f]{8}-/)]));
  });
});
