import { readFile, readdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { examine } from '../../src/db/doctor/examine.ts';
import { purge } from '../../src/engine/purge.ts';
import { registerWorkflow } from '../../src/engine/register-workflow.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import type { RubyTask } from '../support/ruby-tasker/rows.ts';
import { scratchFolder } from '../support/scratch-folder.ts';
import { useRubyTaskerSource } from './ruby-tasker-source.ts';

const source = await useRubyTaskerSource();
const task = (id: number, given: Partial<RubyTask> = {}): RubyTask => ({
  id,
  steps: [{ name: 'first' }, { name: 'second', parents: ['first'] }],
  ...given,
});
const definition = (version: string) =>
  defineWorkflow({ namespace: 'shop', name: 'orders', version, input: z.any() })
    .step('first', () => 1)
    .step('second', { dependsOn: ['first'] }, () => 1);

describe('handing over', () => {
  test('joins a version that is registered and served already, with its order of steps', async () => {
    await source.with('D', [task(1), task(2)]);
    // The other order of the same graph is impossible here; the names come from the definition.
    await registerWorkflow(source.db, definition('0.1.0'));
    await source.import({ phase: 'open' });
    expect(await source.query('SELECT version FROM tasker.tasker_named_tasks')).toEqual([{ version: '0.1.0' }]);
    expect((await source.runAll(definition('0.1.0'))).toSorted()).toEqual([
      '1:first',
      '1:second',
      '2:first',
      '2:second',
    ]);
    expect(await examine(source.db)).toEqual([]);
  });

  test('gives each other graph a version of its own, which a worker with that graph serves', async () => {
    const other = (id: number): RubyTask => ({ id, steps: [{ name: 'first' }, { name: 'second' }] });
    await source.with('D', [task(1), task(2), task(3), other(4)]);
    const folder = await scratchFolder();
    const report = await source.import({ phase: 'open', writeShapes: folder });
    expect(report.workflows.map((row) => [row.version, row.open])).toEqual([
      ['0.1.0', 3],
      ['0.1.9001', 1],
    ]);
    expect(await readdir(folder)).toEqual([
      'shop.orders.0.1.0.ts',
      'shop.orders.0.1.0.yaml',
      'shop.orders.0.1.9001.ts',
      'shop.orders.0.1.9001.yaml',
    ]);
    expect(await readFile(`${folder}/shop.orders.0.1.0.yaml`, 'utf8')).toContain('depends_on_steps: [first]');
    const old = defineWorkflow({ namespace: 'shop', name: 'orders', version: '0.1.9001', input: z.any() })
      .step('second', () => 1)
      .step('first', () => 1);
    expect((await source.runAll(old)).toSorted()).toEqual(['4:first', '4:second']);
    expect(await examine(source.db)).toEqual([]);
  });

  test('a task goes on with a step before one that is done, and ends with it, whatever else of it is done first', async () => {
    await source.with('D', [
      task(1, {
        steps: [
          { name: 'first' },
          { name: 'second', parents: ['first'] },
          { name: 'third', parents: ['second'], states: ['in_progress', 'complete'], attempts: 1 },
          { name: 'aside' },
        ],
      }),
    ]);
    await source.import({ phase: 'open' });
    expect(await examine(source.db)).toEqual([]);
    const four = definition('0.1.0')
      .step('third', { dependsOn: ['second'] }, () => 1)
      .step('aside', () => 1);
    expect((await source.runAll(four)).toSorted()).toEqual(['1:aside', '1:first', '1:second']);
    expect(await source.states()).toEqual({ 1: 'complete' });
    expect(await examine(source.db)).toEqual([]);
  });

  test('is cancelled there and exists here, in one transaction, under its own id if that is free', async () => {
    await source.with('D', [task(1), task(2, { identity: 'taken' })]);
    await source.query(
      `INSERT INTO tasker.tasker_tasks (task_id, named_task_id, context, identity_hash) VALUES (1, 1, '{}', 'other'), (7000, 1, '{}', 'taken')`,
    );
    const report = await source.import({ phase: 'open' });
    expect(report.left).toMatchObject([{ reason: 'identity_taken', tasks: 1, first: ['2'] }]);
    const [row] = await source.query<{ task_id: string }>(
      'SELECT task_id FROM tasker.tasker_imported_tasks WHERE task_id IS NOT NULL',
    );
    expect(row?.task_id).not.toBe('1');
    expect(
      await source.query(
        `SELECT task_id, to_state, sort_key, most_recent, metadata FROM ruby.tasker_task_transitions ORDER BY task_id`,
      ),
    ).toEqual([
      {
        task_id: '1',
        to_state: 'cancelled',
        sort_key: 10,
        most_recent: true,
        metadata: { adopted_by: 'tasker-fleet' },
      },
    ]);
  });

  test('what has begun here is not given back', async () => {
    await source.with('D', [task(1), task(2)]);
    await source.import({ phase: 'open' });
    await registerWorkflow(source.db, definition('0.1.0'));
    await source.query(`UPDATE tasker.tasker_workflow_steps SET sort_key = 5 WHERE task_id = 1`);
    const report = await source.import({ undo: true, phase: 'open' });
    expect(report.imported).toBe(1);
    expect(report.differences).toMatchObject([
      { source_task_id: '1', difference: expect.stringContaining('it stays') },
    ]);
    expect(await source.query('SELECT task_id FROM ruby.tasker_task_transitions')).toEqual([{ task_id: '1' }]);
  });

  test('verification finds what was changed in a copy and in its source', async () => {
    const ended: RubyTask = task(1, {
      states: ['in_progress', 'complete'],
      complete: true,
      steps: [{ name: 'first', states: ['in_progress', 'complete'], attempts: 1, results: { a: 1 } }],
    });
    await source.with('D', [ended, { ...ended, id: 2 }, { ...ended, id: 3 }]);
    expect((await source.import()).imported).toBe(3);
    await source.query(`UPDATE tasker.tasker_workflow_steps SET results = '{"a": 2}' WHERE task_id = 1`);
    await source.query(`UPDATE ruby.tasker_tasks SET context = '{}' WHERE task_id = 2`);
    const { differences } = await source.import({ verify: true });
    expect(differences.map((row) => [row.source_task_id, row.difference])).toEqual([
      ['1', 'the result of step first differs'],
      ['2', 'the input differs'],
    ]);
  });

  test('a dry run compares each open step with what Tasker itself reports of it', async () => {
    await source.with('D', [task(1), task(2)]);
    expect(await source.import({ phase: 'open', dryRun: true })).toMatchObject({ compared_steps: 4, differences: [] });
    await source.query(`
      CREATE OR REPLACE FUNCTION ruby.get_step_readiness_status_batch(bigint[])
      RETURNS TABLE (workflow_step_id bigint, task_id bigint, current_state varchar, total_parents bigint, completed_parents bigint,
        ready_for_execution boolean)
      LANGUAGE sql AS $$
        SELECT s.workflow_step_id, s.task_id, CASE WHEN s.task_id = 2 THEN 'complete' ELSE 'pending' END, 0, 0, true
        FROM ruby.tasker_workflow_steps s $$`);
    const { differences } = await source.import({ phase: 'open', dryRun: true });
    expect(differences.map((row) => `${row.source_task_id}: ${row.difference}`)).toEqual([
      '1: step second has 0 of 0 parents done by the view of Tasker, and would have 0 of 1',
      '2: step first is complete by the view of Tasker, and would be pending',
      '2: step second is complete by the view of Tasker, and would be pending',
    ]);
  });

  test('a task that was purged here is not brought back', async () => {
    await source.with('D', [task(1, { states: ['in_progress', 'complete'], annotations: { who: 'Ada' } }), task(2)]);
    await source.import({ phase: 'all' });
    await purge(source.db, ['1', '2'], { open: true });
    expect(
      await source.query(
        'SELECT source_task_id, task_id, reason, details FROM tasker.tasker_imported_tasks ORDER BY 1',
      ),
    ).toEqual(['1', '2'].map((id) => ({ source_task_id: id, task_id: null, reason: 'purged', details: {} })));
    expect(await source.import({ phase: 'all' })).toMatchObject({ imported: 0, already_imported: 2 });
    expect(await source.import({ undo: true, phase: 'all' })).toMatchObject({ imported: 0, differences: [] });
  });

  test('goes on after an interruption at any transaction', async () => {
    const ended = Array.from({ length: 10 }, (_, index): RubyTask =>
      task(index + 1, { states: ['in_progress', 'complete'], complete: true }),
    );
    await source.with('D', ended);
    let pages = 0;
    const stopped = source.import({
      batch: 3,
      onProgress: () => {
        pages += 1;
        if (pages === 2) throw new Error('killed');
      },
    });
    await expect(stopped).rejects.toThrow('killed');
    expect(Object.keys(await source.states())).toHaveLength(6);
    const report = await source.import({ batch: 3 });
    expect([report.imported, report.already_imported]).toEqual([4, 6]);
    expect(
      await source.query('SELECT count(*)::integer AS n FROM tasker.tasker_imports WHERE ended_at IS NULL'),
    ).toEqual([{ n: 1 }]);
    expect((await source.import({ verify: true })).differences).toEqual([]);
  });
});
