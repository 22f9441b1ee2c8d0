import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { examine } from '../../src/db/doctor/examine.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useRubyTaskerSource } from './ruby-tasker-source.ts';

const source = await useRubyTaskerSource();
const complete = ['in_progress', 'complete'];

/** Releases before 1.2: a step has at most one parent, in a column, and there is no table of edges. */
async function withoutEdges(tasks: Parameters<typeof source.with>[1]): Promise<void> {
  await source.with('A0', tasks);
  expect(await source.query('SELECT FROM ruby.tasker_workflow_step_edges')).toEqual([]);
  await source.query('DROP TABLE ruby.tasker_workflow_step_edges');
}

describe('a database of a release before 1.2', () => {
  const chain = defineWorkflow({ namespace: 'default', name: 'orders', version: '0.1.0', input: z.any() })
    .step('first', () => 1)
    .step('second', { dependsOn: ['first'] }, () => 1)
    .step('third', { dependsOn: ['second'] }, () => 1);
  const steps = (states: readonly (readonly string[])[]) => [
    { name: 'first', states: states[0] ?? [] },
    { name: 'second', parents: ['first'], states: states[1] ?? [] },
    { name: 'third', parents: ['second'], states: states[2] ?? [] },
  ];

  test('is imported with its chains of steps, and an open task goes on where it was', async () => {
    await withoutEdges([
      { id: 1, complete: true, states: ['complete'], steps: steps([complete, complete, complete]) },
      { id: 2, states: ['pending'], steps: steps([complete]) },
      // Another graph of the same workflow.
      { id: 3, states: ['pending'], steps: [{ name: 'first' }, { name: 'third', parents: ['first'] }] },
    ]);
    const report = await source.import({ phase: 'all', stopped: true });
    expect(report).toMatchObject({ release: '0.1-1.4', imported: 3, left: [] });
    expect(report.workflows.map(({ version, ended, open }) => ({ version, ended, open }))).toEqual([
      { version: '0.1.0', ended: 1, open: 1 },
      { version: '0.1.9001', ended: 0, open: 1 },
    ]);
    expect(await source.runAll(chain)).toEqual(['2:second', '2:third']);
    expect(await source.states()).toMatchObject({ 1: 'complete', 2: 'complete', 3: 'pending' });
    expect(await examine(source.db)).toEqual([]);
    expect((await source.import({ verify: true, stopped: true })).differences).toEqual([]);
  });

  test('a step that depends on a step of another task is no root: its task is left out', async () => {
    await withoutEdges([
      { id: 1, states: ['pending'], steps: steps([]) },
      { id: 2, states: ['pending'], steps: steps([]) },
    ]);
    await source.query('UPDATE ruby.tasker_workflow_steps SET depends_on_step_id = 102 WHERE workflow_step_id = 200');
    const report = await source.import({ phase: 'all', stopped: true });
    expect(report.imported).toBe(1);
    expect(report.left).toMatchObject([{ reason: 'other_task', first: ['2'] }]);
  });
});
