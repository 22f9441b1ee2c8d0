import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { promote } from '../../src/engine/promote.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from './engine-fixture.ts';

const engine = await useEngine();
const single = await engine.workflow(defineWorkflow({ name: 'single', input: z.unknown() }).step('a', () => 1));
const other = await engine.workflow(
  defineWorkflow({ name: 'other', input: z.unknown() }).step('a', { queue: 'other' }, () => 1),
);

const priorityOf = async (taskId: string): Promise<number> => {
  const [row] = await engine.test.query<{ priority: number }>(
    'SELECT priority FROM tasker.tasker_workflow_steps WHERE task_id = $1',
    [taskId],
  );
  return row?.priority as number;
};

/** A task whose step has been ready for this long. */
async function waiting(workflow: number, priority: number, seconds: number): Promise<string> {
  const taskId = await engine.submitOne(workflow, { priority });
  await engine.test.query(
    'UPDATE tasker.tasker_workflow_steps SET ready_at = ready_at - make_interval(secs => $2) WHERE task_id = $1',
    [taskId, seconds],
  );
  return taskId;
}

beforeEach(async () => {
  await engine.test.query('TRUNCATE tasker.tasker_tasks, tasker.tasker_workflow_steps');
});

describe('ready steps that have waited long enough', () => {
  it('become as urgent as the most urgent ready step of their own queue, and go before those that wait for less long', async () => {
    const urgent = await waiting(single, -7, 0);
    const late = await waiting(single, 10, 120);
    const later = await waiting(single, 20, 240);
    const fresh = await waiting(single, 10, 30);
    const elsewhere = await waiting(other, 3, 240);
    expect(await promote(engine.db, { afterSeconds: 60 })).toEqual(new Map([['default', 2]]));
    expect(await Promise.all([urgent, late, later, fresh, elsewhere].map(priorityOf))).toEqual([-7, -7, -7, 10, 3]);
    const worker = await engine.worker();
    expect((await worker.claim(4)).map((step) => step.taskId)).toEqual([later, late, urgent, fresh]);
  });

  it('are promoted up to the limit, the longest waiting first, without waiting for a step that is held', async () => {
    await waiting(single, 0, 0);
    const held = await waiting(single, 5, 300);
    const second = await waiting(single, 5, 200);
    const third = await waiting(single, 5, 100);
    const client = await engine.test.pool.connect();
    try {
      await client.query('BEGIN');
      await client.query('SELECT FROM tasker.tasker_workflow_steps WHERE task_id = $1 FOR UPDATE', [held]);
      expect(await promote(engine.db, { afterSeconds: 60, limit: 1 })).toEqual(new Map([['default', 1]]));
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
    expect(await Promise.all([held, second, third].map(priorityOf))).toEqual([5, 0, 5]);
  });

  it('stay as they are if nothing more urgent is ready', async () => {
    const taskId = await waiting(single, 5, 300);
    expect(await promote(engine.db, { afterSeconds: 60 })).toEqual(new Map());
    expect(await priorityOf(taskId)).toBe(5);
  });
});
