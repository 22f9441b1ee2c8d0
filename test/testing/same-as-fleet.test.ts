import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { z } from 'zod';
import { PermanentError, RetryableError } from '../../src/errors.ts';
import { runWorkflow, startTestFleet, type TestFleet } from '../../src/testing/index.ts';
import { buildDefinition, type StepInput } from '../../src/workflow/build-definition.ts';
import type { StepContext, WorkflowDefinition } from '../../src/workflow/definition.ts';

/** How an attempt ends. */
const ENDS = [
  'result',
  'result',
  'result',
  'error',
  'error',
  'retryable',
  'permanent',
  'unstorable',
  'nothing',
] as const;
const WORKFLOWS = 40;

/** Numbers from 0 to 1, the same in every run (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const endBy: Record<(typeof ENDS)[number], (context: StepContext) => unknown> = {
  result: ({ stepName, attempt, parents, raw }) => ({ stepName, attempt, parents, raw: raw.parents, b: 1, aa: 1.5e21 }),
  nothing: () => undefined,
  error: ({ stepName }) => {
    throw new TypeError(`${stepName} failed`);
  },
  retryable: () => {
    throw new RetryableError('busy', { retryAfter: 500 });
  },
  permanent: () => {
    throw new PermanentError('no use');
  },
  unstorable: () => new Map(),
};

function randomWorkflow(seed: number): { definition: WorkflowDefinition; bypassSteps: string[] } {
  const random = randomFrom(seed);
  const upTo = (most: number): number => Math.floor(random() * (most + 1));
  const names = Array.from({ length: 1 + upTo(7) }, (_, index) => `step_${index}`);
  const skippable = names.filter(() => random() < 0.3);
  const steps = names.map((name, index): StepInput => {
    const ends = Array.from({ length: 4 }, () => ENDS[upTo(ENDS.length - 1)] ?? 'result');
    return {
      name,
      options: {
        dependsOn: names.slice(0, index).filter(() => random() < 0.4),
        retryLimit: 1 + upTo(3),
        retryable: random() < 0.9,
        skippable: skippable.includes(name),
      },
      handler: (context) => endBy[ends[context.attempt - 1] ?? 'result'](context),
    };
  });
  const definition = buildDefinition({ name: `random_${seed}`, input: z.object({ seed: z.number() }) }, steps);
  return { definition, bypassSteps: skippable.filter(() => random() < 0.5) };
}

const workflows = Array.from({ length: WORKFLOWS }, (_, seed) => randomWorkflow(seed));
let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startTestFleet({
    workflows: workflows.map(({ definition }) => definition),
    url: inject('testRun').adminUrl,
  });
});
afterAll(() => fleet.stop());

test('a run in memory has the history, the states and the results of a run on a fleet', async () => {
  const submitted = await Promise.all(
    workflows.map(({ definition, bypassSteps }, seed) => fleet.submit(definition, { seed }, { bypassSteps })),
  );
  const ends = new Set<string>();
  for (const [seed, { definition, bypassSteps }] of workflows.entries()) {
    const { taskId } = submitted[seed] as { taskId: string };
    const task = await fleet.waitFor(taskId, { skipBackoffs: true });
    const run = await runWorkflow(definition, { input: { seed }, bypassSteps });
    expect(run.toSnapshot()).toBe(await fleet.snapshot(taskId));
    expect(task.steps.map(({ name, results }) => [name, results])).toEqual(
      Object.entries(run.results).map(([name, result]) => [name, result ?? null]),
    );
    ends.add(run.state);
  }
  expect([...ends].toSorted()).toEqual(['complete', 'error']);
});
