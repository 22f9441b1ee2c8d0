import { expect, test } from 'vitest';
import { examine } from '../../src/db/doctor/examine.ts';
import { migrateTo, migrateToLatest } from '../../src/db/migrate.ts';
import { resolveStep } from '../../src/engine/resolve.ts';
import { finalizeUnfinalized } from '../../src/engine/finalize.ts';
import { useRubyTaskerDatabase } from './ruby-tasker-database.ts';
import { type RubyTaskerStep, type RubyTaskerTask, rubyTaskerStep as step } from './ruby-tasker-rows.ts';

const database = await useRubyTaskerDatabase();
const { db } = database;

const task = (id: string, steps: RubyTaskerStep[]): RubyTaskerTask => ({ id, complete: false, history: [], steps });

test('migration 0018 mends what version 0.1.0 made of a database of Tasker (Ruby)', async () => {
  await database.with([
    task('1', [step(11), step(12, { parents: ['11'] })]),
    task('2', [step(21), step(22, { parents: ['21'] }), step(23)]),
  ]);
  await migrateTo(database.url, '0015_contexts_v04');
  // A first row `pending` was still most recent after the first claims, of a task and of a step; keys were those of Tasker
  // (Ruby).
  await database.query(`
    INSERT INTO tasker.tasker_task_transitions (task_id, sort_key, from_state, to_state, most_recent, cause)
    VALUES (1, 0, NULL, 'pending', true, 'inherited'), (1, 1, 'pending', 'in_progress', true, 'claim'),
      (2, 1, 'pending', 'in_progress', true, 'claim')`);
  await database.query(`UPDATE tasker.tasker_tasks SET state = 'in_progress', sort_key = 1`);
  await database.query(`
    INSERT INTO tasker.tasker_workflow_step_transitions
      (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent, cause, worker_id, claim_id)
    VALUES (1, 11, 0, NULL, 'pending', true, 'inherited', NULL, NULL),
      (1, 11, 1, 'pending', 'in_progress', false, 'claim', 1, '00000000-0000-4000-8000-000000000001'),
      (1, 11, 2, 'in_progress', 'pending', true, 'released', 1, '00000000-0000-4000-8000-000000000001')`);
  await database.query(`UPDATE tasker.tasker_workflow_steps SET sort_key = 2 WHERE workflow_step_id = 11`);
  // A step was cancelled, and its task goes on.
  await database.query(`
    INSERT INTO tasker.tasker_workflow_step_transitions (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent, cause)
    VALUES (2, 21, 10, NULL, 'cancelled', true, 'inherited')`);
  await database.query(
    `UPDATE tasker.tasker_workflow_steps SET state = 'cancelled', ready_at = NULL, sort_key = 10 WHERE workflow_step_id = 21`,
  );
  await migrateToLatest(database.url);
  expect(await examine(db)).toEqual([]);

  expect((await database.runAll()).toSorted()).toEqual(['11', '12', '23']);
  await finalizeUnfinalized(db);
  expect(await database.query('SELECT task_id, state FROM tasker.tasker_tasks ORDER BY 1')).toEqual([
    { task_id: '1', state: 'complete' },
    { task_id: '2', state: 'error' },
  ]);
  expect(await examine(db)).toEqual([]);
  expect(await resolveStep(db, '2', 'step_2')).toMatchObject({ outcome: 'resolved', taskState: 'in_progress' });
  expect(await database.runAll()).toEqual(['22']);
  expect(await examine(db)).toEqual([]);
});
