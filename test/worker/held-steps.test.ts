import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Database } from '../../src/db/connections/database.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useWorkers } from './worker-fixture.ts';

const fixture = await useWorkers();
const work = defineWorkflow({ name: 'work', input: z.unknown() }).step('only', () => 1);
const FIRST_CLAIM_MS = 1100;

/** A database whose first claim takes 1.1 s, as on a machine that is busy with starting. */
function withSlowFirstClaim(): Database {
  let claims = 0;
  const run: Database['run'] = async (statement, ...values) => {
    if (statement.name.startsWith('claim_steps') && (claims += 1) === 1)
      await new Promise((resolve) => setTimeout(resolve, FIRST_CLAIM_MS));
    return fixture.db.run(statement, ...values);
  };
  return new Proxy(fixture.db, { get: (db, key) => (key === 'run' ? run : (Reflect.get(db, key) as unknown)) });
}

describe('a worker with a free slot', () => {
  it.each([1, 64])(
    'of %i runs steps that another transaction held while it claimed past them, however slow its first claim was',
    async (slots) => {
      const submitted = (count: number) => Promise.all(Array.from({ length: count }, () => fixture.submit(work)));
      const client = await fixture.test.pool.connect();
      try {
        const held = await submitted(5);
        await client.query('BEGIN');
        await client.query('SELECT FROM tasker.tasker_workflow_steps WHERE task_id = ANY ($1::bigint[]) FOR UPDATE', [
          held,
        ]);
        const others = await submitted(80);
        await fixture.start([work], { db: withSlowFirstClaim(), slots, maxPollIntervalMs: 200 });
        for (const taskId of others) expect(await fixture.taskIn(taskId, ['complete'])).toBe('complete');
        await client.query('COMMIT');
        // Well below twenty times what the first claim took.
        for (const taskId of held) expect(await fixture.taskIn(taskId, ['complete'], 10_000)).toBe('complete');
      } finally {
        await client.query('ROLLBACK');
        client.release();
      }
    },
  );
});
