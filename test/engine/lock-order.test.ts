import { expect, it } from 'vitest';
import { z } from 'zod';
import { examine } from '../../src/db/doctor/examine.ts';
import { cancel } from '../../src/engine/cancel.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import type { WorkflowDefinition } from '../../src/workflow/definition.ts';
import { type TestWorker, useEngine } from './engine-fixture.ts';

/** A deadlock is repeated and would not show in the outcome; it costs every transaction a second, and its statement has failed. */
const failed: string[] = [];
const onQuery = (name: string, _: number, failure: boolean): unknown => failure && failed.push(name);
const engines = {
  'that join by nested loops alone': await useEngine({ onQuery, plans: 'pinned' }),
  'that the planner may let join in any order': await useEngine({ onQuery }),
};
const WIDTH = 12;
const WORKERS = 6;
const TASKS = 24;

/** Every one of the first layer is a parent of every one of the second: each completion locks all children of its task. */
function bipartite(): WorkflowDefinition {
  const first = Array.from({ length: WIDTH }, (_, index) => `a${index}`);
  let builder = defineWorkflow({ name: 'bipartite', input: z.unknown() }) as unknown as {
    step(name: string, ...rest: unknown[]): typeof builder;
  };
  for (const name of first) builder = builder.step(name, () => null);
  for (let index = 0; index < WIDTH; index += 1) builder = builder.step(`b${index}`, { dependsOn: first }, () => null);
  return builder as unknown as WorkflowDefinition;
}

/** Claims and completes in batches of its own size, in shuffled order, until there is nothing left. */
async function work(worker: TestWorker, batch: number): Promise<void> {
  for (let idle = 0; idle < 40;) {
    const steps = (await worker.claim(batch)).toSorted(() => Math.random() - 0.5);
    if (steps.length === 0) {
      idle += 1;
      await new Promise((resolve) => setTimeout(resolve, 5));
      continue;
    }
    idle = 0;
    // Half of them first, so that two completions of one worker hold locks of the same tasks as those of others.
    const half = steps.splice(0, Math.ceil(steps.length / 2));
    const outcomes = await Promise.all([
      worker.complete(half, { claimLimit: batch % 3 }),
      ...(steps.length === 0 ? [] : [worker.complete(steps)]),
    ]);
    const handedOn = outcomes.flatMap((outcome) => outcome.claimed);
    if (handedOn.length > 0) await worker.complete(handedOn);
  }
}

it.each(Object.entries(engines))(
  'in sessions %s, completions that share children, finalizations and cancellations never deadlock',
  { timeout: 120_000 },
  async (_, engine) => {
    failed.length = 0;
    const id = await engine.workflow(bipartite());
    const tasks = await Promise.all(Array.from({ length: TASKS }, () => engine.submitOne(id)));
    const workers = await Promise.all(Array.from({ length: WORKERS }, () => engine.worker()));
    await Promise.all([
      ...workers.map((worker, index) => work(worker, 2 ** (index % 5))),
      (async () => {
        for (const taskId of tasks.slice(0, 4)) await cancel(engine.db, taskId, { by: 'test' });
      })(),
    ]);
    expect(failed).toEqual([]);
    const states = await Promise.all(tasks.map((taskId) => engine.taskState(taskId)));
    expect(states.slice(4)).toEqual(Array.from({ length: TASKS - 4 }, () => 'complete'));
    expect(await examine(engine.db)).toEqual([]);
  },
);
