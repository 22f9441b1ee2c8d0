import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useWorkers } from './worker-fixture.ts';

const fleet = await useWorkers();

/** A step that uses results of steps that are not its parents; it fails once, so that it is claimed both ways. */
function workflowOf(name: string, seen: unknown[]) {
  return defineWorkflow({ name, input: z.unknown() })
    .step('a', () => ({ id: 7 }))
    .step('b', { dependsOn: ['a'], skippable: true }, () => 'b')
    .step('c', { dependsOn: ['b'] }, ({ parents }) => parents.b)
    .step('d', { dependsOn: ['c'], uses: ['b', 'a'] }, ({ parents, raw, attempt }) => {
      seen.push({ attempt, parents, raw: raw.parents });
      if (attempt === 1) throw new Error('once');
      return parents.a.id;
    });
}

describe('a step that uses results of steps that are not its parents', () => {
  it.each([
    ['claimed by the completion of its parent, with all results in memory', { fusedClaims: true }],
    ['claimed by it, with nothing in memory', { fusedClaims: true, resultCacheBytes: 0 }],
    ['claimed from its queue', { fusedClaims: false, resultCacheBytes: 0 }],
  ])('receives them with its parents’ when %s', async (how, settings) => {
    const seen: unknown[] = [];
    const workflow = workflowOf(`uses_${how.length}`, seen);
    await fleet.start([workflow], settings);
    const taskId = await fleet.submit(workflow);
    await fleet.taskIn(taskId, ['complete']);
    const parents = { a: { id: 7 }, b: 'b', c: 'b' };
    const raw = { a: '{"id": 7}', b: '"b"', c: '"b"' };
    expect(seen).toEqual([
      { attempt: 1, parents, raw },
      { attempt: 2, parents, raw },
    ]);
    expect(await fleet.results(taskId)).toMatchObject({ d: 7 });
  });

  it('receives null for one that was bypassed', async () => {
    const seen: unknown[] = [];
    const workflow = workflowOf('uses_bypassed', seen);
    await fleet.start([workflow]);
    const taskId = await fleet.submit(workflow, {}, { bypassSteps: ['b'] });
    await fleet.taskIn(taskId, ['complete']);
    expect(seen[0]).toMatchObject({ parents: { a: { id: 7 }, b: null, c: null }, raw: { b: 'null' } });
  });
});
