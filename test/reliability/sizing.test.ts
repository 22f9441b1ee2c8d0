import { expect, it } from 'vitest';
import { z } from 'zod';
import { submit } from '../../src/engine/submit.ts';
import { sizeOf } from '../../src/scaling/size.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { diamond, type EngineFixture, useEngine } from '../engine/engine-fixture.ts';

const single = defineWorkflow({ name: 'single', input: z.unknown() }).step('only', () => 'done');
const loads = [0, 200, 1000].flatMap((chars) => [
  { workflow: single, steps: 1, edges: 0, chars, tasks: 6000 },
  { workflow: diamond, steps: 4, edges: 4, chars, tasks: 2000 },
]);
const engines: EngineFixture[] = [];
for (const _ of loads) engines.push(await useEngine({ plans: 'pinned' }));

async function diskBytes(engine: EngineFixture): Promise<number> {
  const [row] = await engine.test.query<{ bytes: string }>(
    `SELECT sum(pg_total_relation_size(c.oid)) AS bytes
     FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
     WHERE coalesce(i.inhparent, c.oid) = ANY (ARRAY['tasker.tasker_tasks', 'tasker.tasker_workflow_steps', 'tasker.tasker_workflow_step_edges',
       'tasker.tasker_workflow_step_transitions', 'tasker.tasker_task_transitions']::regclass[])`,
  );
  return Number(row?.bytes);
}

it.each(loads.map((load, index) => ({ ...load, engine: engines[index] as EngineFixture })))(
  'tables of tasks of $steps steps with $chars bytes each are as large as the calculator says, within 20 %',
  async ({ engine, workflow, steps, edges, chars, tasks }) => {
    const namedTaskId = await engine.workflow(workflow);
    const worker = await engine.worker();
    const context = JSON.stringify({ text: 'x'.repeat(chars) });
    const result = JSON.stringify('y'.repeat(chars));
    const before = await diskBytes(engine);
    for (let part = 0; part < 4; part += 1) {
      const some = Array.from({ length: tasks / 4 }, (_, n) => ({
        namedTaskId,
        identityHash: `${part} ${n} ${'h'.repeat(56)}`,
        context,
      }));
      await submit(engine.db, some);
      for (let held = await worker.claim(256); held.length > 0; held = await worker.claim(256))
        await worker.complete(held, { result });
    }
    const { diskBytesPerTask } = sizeOf({
      stepsPerDay: steps,
      stepsPerTask: steps,
      parentsPerStep: edges / steps,
      inputBytes: chars,
      resultBytes: chars,
      keepDays: 1,
    });
    expect(Math.abs(((await diskBytes(engine)) - before) / tasks / diskBytesPerTask - 1)).toBeLessThan(0.2);
  },
);
