import { describe, expect, test } from 'vitest';
import { makeCompatViews } from '../../src/import-tasker/make-compat-views.ts';
import type { RubyTask } from '../support/ruby-tasker/rows.ts';
import { useRubyTaskerSource } from './ruby-tasker-source.ts';

const source = await useRubyTaskerSource();
const tasks: RubyTask[] = [
  {
    id: 1,
    states: ['in_progress', 'complete'],
    complete: true,
    steps: [
      {
        name: 'first',
        states: ['in_progress', 'complete'],
        attempts: 1,
        attemptedSecondsAgo: 50_000,
        results: { a: 1 },
      },
      { name: 'second', parents: ['first'], states: ['in_progress', 'complete'], attempts: 1, results: { b: 1 } },
    ],
  },
];

const columnsOf = (schema: string) =>
  source.query(
    `SELECT c.table_name, c.column_name, c.data_type, c.character_maximum_length AS length, c.datetime_precision AS precision
     FROM information_schema.columns c
     WHERE c.table_schema = $1 AND c.table_name IN (SELECT table_name FROM information_schema.views WHERE table_schema = 'compat')
       AND c.table_name NOT IN ('tasker_step_readiness_statuses', 'tasker_task_execution_contexts')
     ORDER BY 1, 2`,
    [schema],
  );

describe('views for reports', () => {
  test.each([
    ['B', '2.0'],
    ['D', '2.3'],
  ] as const)('have the names, columns and types of class %s, and the rows of an import', async (form, release) => {
    await source.with(form, tasks);
    await source.import();
    await source.query('DROP SCHEMA IF EXISTS compat CASCADE');
    await makeCompatViews(source.db, 'compat', release);
    // Twice is no error.
    await makeCompatViews(source.db, 'compat', release);
    const columns = await columnsOf('compat');
    expect(columns.length).toBeGreaterThan(60);
    expect(columns).toEqual(await columnsOf('ruby'));
    for (const table of ['tasks', 'task_transitions']) {
      const select = (schema: string) =>
        source.query(
          `SELECT ${table === 'tasks' ? 'task_id, requested_at, context, complete, initiator, identity_hash' : 'task_id, to_state, most_recent, created_at'}
           FROM ${schema}.tasker_${table} ORDER BY 1, 2`,
        );
      expect(await select('compat')).toEqual(await select('ruby'));
    }
    const readiness =
      form === 'B'
        ? 'compat.tasker_step_readiness_statuses'
        : 'compat.get_step_readiness_status_batch(ARRAY[1]::bigint[])';
    expect(
      await source.query(
        `SELECT name, current_state, total_parents::integer, ready_for_execution FROM ${readiness} ORDER BY 1`,
      ),
    ).toEqual([
      { name: 'first', current_state: 'complete', total_parents: 0, ready_for_execution: false },
      { name: 'second', current_state: 'complete', total_parents: 1, ready_for_execution: false },
    ]);
    const contexts = form === 'B' ? 'compat.tasker_task_execution_contexts' : 'compat.get_task_execution_context(1)';
    expect(await source.query(`SELECT status, total_steps, execution_status FROM ${contexts}`)).toEqual([
      { status: 'complete', total_steps: '2', execution_status: 'all_complete' },
    ]);
    if (form === 'D') expect(await source.query('SELECT * FROM compat.get_step_readiness_status(1)')).toHaveLength(2);
  });

  test('are not made among tables of Tasker, nor of an unknown release', async () => {
    await source.with('B', tasks);
    await expect(makeCompatViews(source.db, 'ruby', '2.0')).rejects.toThrow(
      'schema "ruby" has tables of Tasker (Ruby) 2.0-2.1: give --compat-views another schema',
    );
    await expect(makeCompatViews(source.db, 'compat', '1.0')).rejects.toThrow(
      '--compat-release is "1.0": it is 2.0 or 2.3',
    );
  });
});
