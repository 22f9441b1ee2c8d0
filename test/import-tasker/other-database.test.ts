import { expect, test } from 'vitest';
import { examine } from '../../src/db/doctor/examine.ts';
import { insertRubyTasks, type RubyTask } from '../support/ruby-tasker/rows.ts';
import { schemaOf } from '../support/ruby-tasker/schema.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { useRubyTaskerSource } from './ruby-tasker-source.ts';

const engine = await useRubyTaskerSource();
const other = await useTestDatabase({ empty: true });

test('a source in another database is copied, handed over once Tasker is stopped, verified and undone', async () => {
  const steps: RubyTask['steps'] = [{ name: 'first' }, { name: 'second', parents: ['first'] }];
  await other.query(schemaOf('D'));
  await insertRubyTasks(other.pool, 'D', [
    { id: 1, states: ['in_progress', 'complete'], complete: true, steps },
    { id: 2, steps },
    { id: 3, states: ['in_progress', 'pending'], steps },
  ]);
  const newest = () =>
    other.query(`SELECT task_id, to_state FROM ruby.tasker_task_transitions WHERE most_recent ORDER BY task_id`);
  const before = await newest();
  const options = { source: other.url, phase: 'all' } as const;
  await expect(engine.import(options)).rejects.toThrow(/the source is another database.*--tasker-stopped$/);
  expect(await engine.import({ ...options, stopped: true })).toMatchObject({ imported: 3, left: [] });
  expect(await engine.states()).toEqual({ 1: 'complete', 2: 'pending', 3: 'in_progress' });
  expect(await newest()).toEqual([
    { task_id: '1', to_state: 'complete' },
    { task_id: '2', to_state: 'cancelled' },
    { task_id: '3', to_state: 'cancelled' },
  ]);
  // As if the run had been killed between the two databases.
  await other.query(`DELETE FROM ruby.tasker_task_transitions WHERE task_id = 2`);
  expect(await engine.import({ ...options, stopped: true })).toMatchObject({ imported: 0 });
  expect(await newest()).toContainEqual({ task_id: '2', to_state: 'cancelled' });
  expect((await engine.import({ source: other.url, verify: true })).differences).toEqual([]);
  expect(await examine(engine.db)).toEqual([]);
  expect(await engine.import({ ...options, stopped: true, undo: true })).toMatchObject({
    imported: 3,
    differences: [],
  });
  expect(await newest()).toEqual(before);
});
