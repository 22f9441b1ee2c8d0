import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { drawImport } from '../../src/cli/import-report.ts';
import { examine } from '../../src/db/doctor/examine.ts';
import { mapTask } from '../../src/import-tasker/map-task.ts';
import type { Mapping } from '../../src/import-tasker/mapped-task.ts';
import { Tally } from '../../src/import-tasker/report.ts';
import type { SourceStep, SourceTask } from '../../src/import-tasker/source-task.ts';
import { withoutBadEdges } from '../../src/import-tasker/without-bad-edges.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useRubyTaskerSource } from './ruby-tasker-source.ts';

const source = await useRubyTaskerSource();
const complete = ['in_progress', 'complete'];

describe('a graph without its bad edges', () => {
  const graph = (edges: Record<string, string[]>) =>
    Object.entries(edges).map(([name, dependsOn]) => ({ name, dependsOn }));

  test('loses those of a step on itself, and one of each cycle, and no other', () => {
    const { nodes, leftOut } = withoutBadEdges(
      graph({ a: ['a'], b: ['a', 'd'], c: ['b'], d: ['c'], e: ['d'], f: ['g'], g: ['f', 'e'] }),
    );
    expect(leftOut).toHaveLength(3);
    expect(leftOut[0]).toEqual({ from: 'a', to: 'a' });
    expect(nodes.find(({ name }) => name === 'e')).toEqual({ name: 'e', dependsOn: ['d'] });
    expect(nodes.flatMap(({ dependsOn }) => dependsOn)).toHaveLength(6);
    expect(withoutBadEdges(nodes)).toEqual({ nodes, leftOut: [] });
  });

  test('is itself if it has none, and is found fast in large ones', () => {
    const chain = Array.from({ length: 10_000 }, (_, i) => ({ name: `s${i}`, dependsOn: [`s${(i + 1) % 10_000}`] }));
    expect(withoutBadEdges(chain).leftOut).toHaveLength(1);
    const good = graph({ a: [], b: ['a'], c: ['a', 'b'] });
    expect(withoutBadEdges(good)).toEqual({ nodes: good, leftOut: [] });
  });
});

describe('--ended-anyway', () => {
  test('imports ended tasks with a cycle, a step on itself or a step of another task, and leaves open ones', async () => {
    const ended = (id: number, parents: string[]) => ({
      id,
      complete: true,
      states: complete,
      steps: [
        { name: 'a', parents, states: complete, results: { of: id } },
        { name: 'b', parents: ['a'], states: complete },
      ],
    });
    const tasks = [ended(1, ['b']), ended(2, []), ended(3, []), ended(4, [])];
    await source.with('D', [
      ...tasks,
      {
        id: 5,
        states: [],
        steps: [
          { name: 'a', parents: ['b'] },
          { name: 'b', parents: ['a'] },
        ],
      },
    ]);
    await source.query(`INSERT INTO ruby.tasker_workflow_step_edges (from_step_id, to_step_id, name, created_at, updated_at)
      VALUES (200, 200, 'provides', now(), now()), (401, 300, 'provides', now(), now())`);
    const reasons = (report: { left: { reason: string; first: string[] }[] }) =>
      Object.fromEntries(report.left.map(({ reason, first }) => [reason, first]));
    expect(reasons(await source.import({ phase: 'all' }))).toEqual({
      cycle: ['1', '5'],
      self_edge: ['2'],
      other_task: ['3'],
    });

    const report = await source.import({ phase: 'all', endedAnyway: true });
    expect(report).toMatchObject({ imported: 3, notes: { bad_edges_left_out: 3 } });
    expect(reasons(report)).toEqual({ cycle: ['5'] });
    expect(await source.states()).toEqual({ 1: 'complete', 2: 'complete', 3: 'complete', 4: 'complete' });
    // Which edges they were is in the books.
    expect(
      await source.query(
        `SELECT source_task_id AS id, details->'edges_left_out' AS edges, details->'edges_from_other_tasks' AS others
         FROM tasker.tasker_imported_tasks WHERE details ? 'edges_left_out' ORDER BY 1`,
      ),
    ).toEqual([
      { id: '1', edges: [expect.objectContaining({ from: expect.any(String) })], others: 0 },
      { id: '2', edges: [{ from: 'a', to: 'a' }], others: 0 },
      { id: '3', edges: [], others: 1 },
    ]);
    expect(await examine(source.db)).toEqual([]);
    // By the books, without the option.
    expect((await source.import({ verify: true })).differences).toEqual([]);
    expect((await source.import({ undo: true })).differences).toEqual([]);
    expect(await source.states()).toEqual({});
  });

  test('imports ended tasks without steps as they are, into the version that has steps, in any order', async () => {
    const withSteps = { id: 3, complete: true, states: complete, steps: [{ name: 'a', states: complete }] };
    await source.with('D', [
      { id: 1, complete: true, states: complete, steps: [] },
      { id: 2, states: ['cancelled'], steps: [] },
      withSteps,
      { id: 4, complete: true, states: complete, steps: [] },
      { id: 5, states: ['in_progress', 'pending'], steps: [] },
      { id: 6, workflow: 'nothing', complete: true, states: complete, steps: [] },
      { id: 7, states: [], steps: [{ name: 'a' }] },
    ]);
    // One task in each transaction: the first one makes the version, the third one its graph.
    const report = await source.import({ phase: 'all', endedAnyway: true, batch: 1 });
    expect(report).toMatchObject({ imported: 6, notes: { without_steps: 4 } });
    expect(report.left).toMatchObject([{ reason: 'no_steps', first: ['5'] }]);
    expect(report.workflows.map(({ workflow, version, ended, open }) => [workflow, version, ended, open])).toEqual([
      ['shop/nothing', '0.1.0', 1, 0],
      ['shop/orders', '0.1.0', 4, 1],
    ]);
    expect(await source.states()).toMatchObject({ 1: 'complete', 2: 'cancelled', 4: 'complete', 6: 'complete' });
    expect(await examine(source.db)).toEqual([]);
    expect((await source.import({ verify: true })).differences).toEqual([]);
    // The definition of a worker is that of all of them.
    const orders = defineWorkflow({ namespace: 'shop', name: 'orders', version: '0.1.0', input: z.any() }).step(
      'a',
      () => 1,
    );
    expect(await source.runAll(orders)).toEqual(['7:a']);
    expect(await examine(source.db)).toEqual([]);
    await source.query(`DELETE FROM tasker.tasker_workflow_steps WHERE task_id = 3`);
    expect((await examine(source.db)).map(({ id }) => id)).toContain('task_has_steps');
  });
});

test('a task that is too large is named with its value and the limits', () => {
  const step = (id: number): SourceStep => ({
    id: String(id),
    name: `s${id}`,
    retryable: true,
    retryLimit: 3,
    attempts: 1,
    inProcess: false,
    processed: true,
    processedAt: 1,
    lastAttemptedAt: 1,
    backoffSeconds: null,
    inputs: null,
    results: null,
    skippable: false,
    status: null,
    history: [],
    parents: [],
  });
  const task = {
    id: '7',
    complete: true,
    history: [],
    steps: Array.from({ length: 10_001 }, (_, id) => step(id)),
    outside: 0,
  };
  const mapping = mapTask(task as unknown as SourceTask, {
    now: 1,
    nameOf: (name) => name,
    inFlight: 'wait',
    inFlightAge: 1,
    honourBypass: false,
    endedAnyway: true,
    workflowOf: () => ({ namespace: 'shop', name: 'orders' }),
  });
  const tally = new Tally();
  tally.addLeft(mapping as Exclude<Mapping, { task: unknown }>);
  expect(tally.counts().left).toMatchObject([{ reason: 'too_large', details: { 7: '10001 steps and 0 edges' } }]);
  expect(
    drawImport({ source: 's', release: '2.3', mode: 'import', warnings: [], names: [], seconds: 0, ...tally.counts() }),
  ).toContain(
    'left out (too_large): 1 task (7: 10001 steps and 0 edges). Each has more than 10000 steps or 50000 edges, which no task may have here: let Tasker end it, and leave it there',
  );
});
