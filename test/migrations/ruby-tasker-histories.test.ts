import { describe, expect, test } from 'vitest';
import { examine } from '../../src/db/doctor/examine.ts';
import { migrateTo, migrateToLatest } from '../../src/db/migrate.ts';
import { resolveStep } from '../../src/engine/resolve.ts';
import { retry } from '../../src/engine/retry.ts';
import { RUBY_TASKER, useRubyTaskerDatabase } from './ruby-tasker-database.ts';
import { type RubyTaskerStep, type RubyTaskerTask, rubyTaskerStep as step, statesman } from './ruby-tasker-rows.ts';

const database = await useRubyTaskerDatabase();
const { db } = database;

const task = (id: number, steps: RubyTaskerStep[], given: Partial<RubyTaskerTask> = {}): RubyTaskerTask => ({
  id: String(id),
  complete: false,
  history: statesman('in_progress', 'pending'),
  steps,
  ...given,
});
const transitionsOf = (taskId: number) =>
  database.query(
    `SELECT sort_key, from_state, to_state, most_recent FROM tasker.tasker_task_transitions WHERE task_id = $1 ORDER BY 1`,
    [taskId],
  );

describe('a database that Tasker (Ruby) wrote', () => {
  test('keeps finished steps of before 2.0, which have flags and no history, and goes on behind them', async () => {
    await database.with([
      task(1, [
        step(11, { processed: true, attempts: 1, attempted: true, results: { a: 1 } }),
        step(12, { parents: ['11'], attempts: 1, attempted: true, results: { error: 'no route', error_class: 'Net' } }),
        step(13, { parents: ['11'] }),
        step(14, { parents: ['12', '13'] }),
      ]),
    ]);
    await migrateToLatest(database.url);
    const rows = await database.steps();
    expect(
      [...rows.values()].map((row) => [row.workflow_step_id, row.state, row.ready, row.retries]).toSorted(),
    ).toEqual([
      ['11', 'complete', false, false],
      ['12', 'error', false, true],
      ['13', 'pending', true, false],
      ['14', 'pending', false, false],
    ]);
    expect(
      await database.query(
        `SELECT metadata -> 'error' AS error FROM tasker.tasker_workflow_step_transitions WHERE workflow_step_id = 12 AND most_recent`,
      ),
    ).toEqual([{ error: { name: 'Net', message: 'no route' } }]);
    expect((await database.runAll()).toSorted()).toEqual(['12', '13', '14']);
    expect(await examine(db)).toEqual([]);
  });

  test('blocks running steps that may not run again, and releases one that may', async () => {
    const running = (id: number, given: Partial<RubyTaskerStep> = {}): RubyTaskerTask =>
      task(id, [step(id * 10 + 1, { history: statesman('in_progress'), ...given })], {
        history: statesman('in_progress'),
      });
    await database.with([
      running(1, { retryable: false }),
      running(2, { retryLimit: 1 }),
      running(3, { attempts: 3 }),
      running(4, { history: [], inProcess: true, retryable: false }),
      running(5),
    ]);
    await migrateToLatest(database.url);
    expect(await database.runAll()).toEqual(['51']);
    const rows = await database.steps();
    for (const id of ['11', '21', '31', '41']) expect(rows.get(id)).toMatchObject({ state: 'error', blocked: true });
    expect(await examine(db)).toEqual([]);
    // Also after a way down and up, when the flag of the block is gone.
    await migrateTo(database.url, RUBY_TASKER);
    await migrateToLatest(database.url);
    expect(await database.runAll()).toEqual([]);
    expect(await examine(db)).toEqual([]);
    expect(await resolveStep(db, '1', 'step_2')).toMatchObject({ outcome: 'resolved', taskState: 'complete' });
  });

  test('has one most recent row for each step and task after the first claims, whatever it began with', async () => {
    await database.with([
      // The newest row of the task is pending, and nothing has begun.
      task(1, [step(11)], { history: statesman('pending') }),
      task(2, [step(21, { history: [{ sortKey: 0, to: 'pending', mostRecent: true }] })]),
      task(3, [step(31)], { history: [] }),
      // No row, two rows and the wrong row are most recent.
      task(4, [
        step(41, {
          attempts: 1,
          history: statesman('in_progress', 'error', 'pending').map((row) => ({ ...row, mostRecent: false })),
        }),
      ]),
      task(5, [
        step(51, {
          attempts: 1,
          history: statesman('in_progress', 'error').map((row) => ({ ...row, mostRecent: true })),
        }),
      ]),
      task(6, [
        step(61, {
          attempts: 1,
          history: statesman('in_progress', 'error', 'pending').map((row) => ({
            ...row,
            mostRecent: row.sortKey === 20,
          })),
        }),
      ]),
    ]);
    await migrateToLatest(database.url);
    expect(await examine(db)).toEqual([]);
    expect((await database.runAll()).toSorted()).toEqual(['11', '21', '31', '41', '51', '61']);
    expect(await examine(db)).toEqual([]);
    expect(await transitionsOf(1)).toEqual([
      { sort_key: 1, from_state: 'pending', to_state: 'in_progress', most_recent: false },
      { sort_key: 2, from_state: 'in_progress', to_state: 'complete', most_recent: true },
    ]);
  });

  test('does not call a task complete while a step before one that is done is open, and ends it when that step is done', async () => {
    await database.with([
      task(1, [
        step(11, { attempts: 3, history: statesman('in_progress', 'error') }),
        step(12, { parents: ['11'], processed: true, attempts: 1, history: statesman('in_progress', 'complete') }),
      ]),
      task(2, [
        step(21, { attempts: 1, history: statesman('in_progress', 'error') }),
        step(22, { parents: ['21'], processed: true, attempts: 1, history: statesman('in_progress', 'complete') }),
      ]),
      // The sink of another branch is done before the step before the one that is done.
      task(3, [
        step(31, { attempts: 3, history: statesman('in_progress', 'error') }),
        step(32, { parents: ['31'], processed: true, attempts: 1, history: statesman('in_progress', 'complete') }),
        step(33, { attempts: 3, history: statesman('in_progress', 'error') }),
      ]),
      task(4, [
        step(41),
        step(42, { parents: ['41'] }),
        step(43, { parents: ['42'], processed: true, attempts: 1, history: statesman('in_progress', 'complete') }),
        step(44),
      ]),
    ]);
    await migrateToLatest(database.url);
    expect(await examine(db)).toEqual([]);
    const states = () => database.query('SELECT task_id, state FROM tasker.tasker_tasks ORDER BY 1');
    expect(await states()).toEqual([
      { task_id: '1', state: 'error' },
      { task_id: '2', state: 'in_progress' },
      { task_id: '3', state: 'error' },
      { task_id: '4', state: 'in_progress' },
    ]);
    expect((await database.runAll()).toSorted()).toEqual(['21', '41', '42', '44']);
    expect(await examine(db)).toEqual([]);
    await retry(db, '1');
    await retry(db, '3', { steps: ['step_4'] });
    expect((await database.runAll()).toSorted()).toEqual(['11', '33']);
    expect(await examine(db)).toEqual([]);
    expect(await states()).toEqual([
      { task_id: '1', state: 'complete' },
      { task_id: '2', state: 'complete' },
      { task_id: '3', state: 'error' },
      { task_id: '4', state: 'complete' },
    ]);
    await retry(db, '3');
    expect(await database.runAll()).toEqual(['31']);
    expect(await states()).toContainEqual({ task_id: '3', state: 'complete' });
    expect(await examine(db)).toEqual([]);
  });

  test('a cancelled step blocks its open task, which ends in error; retry and resolve are ways out', async () => {
    const cancelled = (id: number): RubyTaskerTask =>
      task(id, [
        step(id * 10 + 1, { history: statesman('cancelled') }),
        step(id * 10 + 2, { parents: [String(id * 10 + 1)] }),
        step(id * 10 + 3),
      ]);
    const name = 'step_2';
    await database.with([
      cancelled(1),
      cancelled(2),
      task(3, [step(31, { attempts: 1, history: statesman('in_progress', 'error', 'cancelled') })]),
      // Of an ended task it stays as it is.
      task(4, [step(41, { history: statesman('cancelled') })], { history: statesman('in_progress', 'cancelled') }),
    ]);
    await migrateToLatest(database.url);
    expect(await examine(db)).toEqual([]);
    expect((await database.runAll()).toSorted()).toEqual(['13', '23']);
    expect(await database.query('SELECT task_id, state FROM tasker.tasker_tasks ORDER BY 1')).toEqual([
      { task_id: '1', state: 'error' },
      { task_id: '2', state: 'error' },
      { task_id: '3', state: 'error' },
      { task_id: '4', state: 'cancelled' },
    ]);
    expect(
      await database.query(
        `SELECT metadata #>> '{error,name}' AS name FROM tasker.tasker_workflow_step_transitions WHERE task_id = 1 AND workflow_step_id = 11 AND most_recent`,
      ),
    ).toEqual([{ name: 'StepCancelled' }]);
    expect(await resolveStep(db, '1', name)).toMatchObject({ outcome: 'resolved' });
    expect(await retry(db, '2')).toMatchObject({ outcome: 'retried', steps: [{ name }] });
    expect(await resolveStep(db, '3', name)).toMatchObject({ outcome: 'resolved', taskState: 'complete' });
    expect((await database.runAll()).toSorted()).toEqual(['12', '21', '22']);
    expect(await database.query(`SELECT task_id FROM tasker.tasker_tasks WHERE state <> 'complete'`)).toEqual([
      { task_id: '4' },
    ]);
    expect(await examine(db)).toEqual([]);
  });

  test('an open task keeps its bypass_steps as a tag and skips nothing; one submitted to the engine keeps them, also down and up', async () => {
    await database.with([
      task(1, [step(11)], { bypassSteps: ['step_2'], tags: ['vip'] }),
      task(2, [step(21)], { bypassSteps: ['step_2'], history: statesman('in_progress', 'cancelled') }),
    ]);
    await migrateToLatest(database.url);
    const bypassed = () => database.query('SELECT task_id, bypass_steps, tags FROM tasker.tasker_tasks ORDER BY 1');
    expect(await bypassed()).toEqual([
      { task_id: '1', bypass_steps: null, tags: ['vip', 'inherited_bypass_steps=["step_2"]'] },
      { task_id: '2', bypass_steps: ['step_2'], tags: null },
    ]);
    await database.query(`UPDATE tasker.tasker_tasks SET bypass_steps = '["step_3"]' WHERE task_id = 1`);
    await migrateTo(database.url, RUBY_TASKER);
    await migrateToLatest(database.url);
    expect(await bypassed()).toMatchObject([{ bypass_steps: ['step_3'] }, {}]);
  });

  test('migrates as fast with ids far apart as with ids in a row', async () => {
    const ids = [1, 3_000_000, 1_000_000_007, 4_000_000_000_000];
    await database.with([
      ...ids.map((id) => task(id, [step(id * 10 + 1)])),
      { ...task(1, [{ ...step(1), id: '7300000000000000011' }]), id: '7300000000000000001' },
    ]);
    const started = performance.now();
    await migrateToLatest(database.url);
    expect(performance.now() - started).toBeLessThan(20_000);
    expect(await examine(db)).toEqual([]);
    expect(await database.runAll()).toHaveLength(5);
  });

  test.each([
    [
      'an unknown state',
      `INSERT INTO tasker.tasker_workflow_step_transitions (task_id, workflow_step_id, sort_key, to_state, most_recent) VALUES (1, 11, 10, 'failed', true)`,
      'rows of tasker_workflow_step_transitions have a state that the engine does not know (task_id 1, sort_key 10, to_state failed, workflow_step_id 11)',
    ],
    [
      'an edge without one end',
      `INSERT INTO tasker.tasker_workflow_step_edges (task_id, from_step_id, to_step_id) VALUES (1, 99, 11)`,
      '1 rows of tasker_workflow_step_edges have an end that is no step of their task',
    ],
  ])('with %s is refused by name before anything is changed', async (_, statement, message) => {
    await database.with([task(1, [step(11)])]);
    await database.query(statement);
    await expect(migrateToLatest(database.url)).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringContaining(message),
    });
    // No write guard keeps processes of Tasker (Ruby) from writing.
    await database.query(
      `INSERT INTO tasker.tasker_workflow_steps (task_id, workflow_step_id, named_step_id) VALUES (1, 12, 3)`,
    );
  });
});

test('edges from a higher id to a lower one are no cycle, and a cycle is found', async () => {
  await database.with([
    task(1, [step(15, { processed: true }), step(12, { parents: ['15'], processed: true })], {
      history: statesman('in_progress', 'complete'),
      complete: true,
    }),
    task(2, [step(21, { parents: ['22'] }), step(22, { parents: ['23'] }), step(23, { parents: ['21'] })], {
      history: statesman('in_progress', 'cancelled'),
    }),
  ]);
  await migrateToLatest(database.url);
  const findings = await examine(db);
  expect(findings.map(({ id, examples }) => [id, [...new Set(examples.map((row) => row['task_id']))]])).toEqual([
    ['edges_go_forward', ['2']],
  ]);
});
