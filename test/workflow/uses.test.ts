import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { graphOf } from '../../src/engine/graph-shape.ts';
import { runWorkflow } from '../../src/testing/memory/run-workflow.ts';
import { buildDefinition } from '../../src/workflow/build-definition.ts';
import { definitionConfiguration } from '../../src/workflow/configuration.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';

const handler = () => null;
const built = (steps: Record<string, { dependsOn?: string[]; uses?: string[] }>) =>
  buildDefinition(
    { name: 'w', input: z.unknown() },
    Object.entries(steps).map(([name, options]) => ({ name, options, handler })),
  );

describe('uses', () => {
  test('names steps that are done before the step, and are no parents of it', () => {
    const chain = { a: {}, b: { dependsOn: ['a'] }, other: {} };
    const wrong = (uses: string[]) => () => built({ ...chain, c: { dependsOn: ['b'], uses } });
    expect(wrong(['a'])).not.toThrow();
    expect(wrong(['other'])).toThrow('step "c": uses "other", which need not be done before it: add it to dependsOn');
    expect(wrong(['c'])).toThrow('uses "c", which need not be done before it');
    expect(wrong(['b'])).toThrow('names "b" in dependsOn and in uses');
    expect(wrong(['aa'])).toThrow('uses the unknown step "aa": did you mean "a"?');
    expect(wrong(['a', 'a'])).toThrow('names "a" twice in uses');
    expect(() => built({ a: {}, b: { dependsOn: ['a'], uses: 'a' as never } })).toThrow('it is an array of step names');
  });

  test('adds no edge, so that the graph stays that of open tasks, and is stored with the definition', () => {
    const without = built({ a: {}, b: { dependsOn: ['a'] }, c: { dependsOn: ['b'] } });
    const having = built({ a: {}, b: { dependsOn: ['a'] }, c: { dependsOn: ['b'], uses: ['a'] } });
    expect(graphOf(having)).toBe(graphOf(without));
    const stepsOf = (definition: typeof having) =>
      definitionConfiguration(definition)['steps'] as { uses?: string[] }[];
    expect(stepsOf(having).map((step) => step.uses)).toEqual([undefined, undefined, ['a']]);
    expect(stepsOf(without).every((step) => !('uses' in step))).toBe(true);
  });

  test('works in memory as in a fleet', async () => {
    const workflow = defineWorkflow({ name: 'memory', input: z.unknown() })
      .step('a', () => 1)
      .step('b', { dependsOn: ['a'] }, () => 2)
      .step('c', { dependsOn: ['b'], uses: ['a'] }, ({ parents }) => [parents.a, parents.b]);
    const task = await runWorkflow(workflow, { input: {} });
    expect(task.results).toMatchObject({ c: [1, 2] });
  });
});
