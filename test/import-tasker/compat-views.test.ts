import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { makeCompatViews } from '../../src/import-tasker/make-compat-views.ts';
import type { RubyTask } from '../support/ruby-tasker/rows.ts';
import { SCENARIOS } from '../support/ruby-tasker/scenarios.ts';
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
       AND c.table_name NOT IN ('tasker_step_readiness_statuses', 'tasker_task_execution_contexts', 'tasker_step_dag_relationships',
         'tasker_task_workflow_summaries')
     ORDER BY 1, 2`,
    [schema],
  );

const keyed = (rows: Record<string, unknown>[]) => Object.fromEntries(rows.map(({ key, ...row }) => [key, row]));

/** Rows of steps and tasks by their ids in Tasker and their names. */
async function rowsFrom(readiness: string, contexts: string) {
  return {
    steps: keyed(
      await source.query(
        `SELECT v.task_id || ' ' || v.name AS key, current_state, dependencies_satisfied, retry_eligible, ready_for_execution,
           date_trunc('milliseconds', last_failure_at) AS last_failure_at, date_trunc('milliseconds', next_retry_at) AS next_retry_at,
           total_parents::integer, completed_parents::integer, attempts, retry_limit, backoff_request_seconds
         FROM ${readiness} v`,
      ),
    ),
    tasks: keyed(
      await source.query(
        `SELECT v.task_id::text AS key, total_steps::integer, pending_steps::integer, in_progress_steps::integer,
           completed_steps::integer, failed_steps::integer, ready_steps::integer, execution_status, recommended_action,
           completion_percentage::float8, health_status
         FROM ${contexts} v`,
      ),
    ),
  };
}

/** By the rules of version 2, which are those of Tasker on equal rows.  `D`: a failure counts only while it is the newest row. */
async function theirRows(form: 'B' | 'D') {
  const views = ['tasker_step_readiness_statuses', 'tasker_task_execution_contexts'];
  for (const name of views) {
    const text = readFileSync(new URL(`../../migrations/views/${name}_v02.sql`, import.meta.url), 'utf8')
      .replaceAll(/tasker\.(?=tasker_(step_readiness|task_execution))/g, 'rules.')
      .replaceAll('tasker.tasker', 'ruby.tasker')
      .replaceAll(form === 'D' ? `WHERE to_state = 'error'` : '\0', `WHERE to_state = 'error' AND most_recent`);
    await source.query(
      `${name === views[0] ? 'DROP SCHEMA IF EXISTS rules CASCADE; CREATE SCHEMA rules;' : ''} CREATE VIEW rules.${name} AS ${text}`,
    );
  }
  return rowsFrom(`rules.${views[0]}`, `rules.${views[1]}`);
}

const ourRows = (form: 'B' | 'D') =>
  form === 'B'
    ? rowsFrom('compat.tasker_step_readiness_statuses', 'compat.tasker_task_execution_contexts')
    : rowsFrom(
        'compat.get_step_readiness_status_batch(ARRAY(SELECT task_id FROM compat.tasker_tasks))',
        'compat.get_task_execution_contexts_batch(ARRAY(SELECT task_id FROM compat.tasker_tasks))',
      );

/** What the guide says of each: the import decides anew what Tasker left open, or says what Tasker has forgotten. */
const CHANGED = [
  'backoff without an attempt',
  'not retryable, failed',
  'in flight for a day',
  'cancelled',
  'cancelled step',
  'resolved task',
  'attempts null',
  'limit 0',
  'complete before 2.0',
  'half done before 2.0',
  'a name twice',
];
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
    if (form !== 'D') return;
    expect(await source.query('SELECT * FROM compat.get_step_readiness_status(1)')).toHaveLength(2);
    const [health] = await source.query('SELECT * FROM compat.get_system_health_counts_v01()');
    expect(health).toMatchObject({
      total_tasks: '1',
      complete_tasks: '1',
      total_steps: '2',
      complete_steps: '2',
      in_backoff_steps: '0',
    });
    expect(Object.keys(health as object)).toHaveLength(16);
  });

  test('show the graph of a task, its levels, and what is ready and blocked', async () => {
    const pending = (name: string, ...parents: string[]) => ({ name, parents });
    // The last is one step away from the root on one way, and three on the other.
    const steps = [pending('a'), pending('b', 'a'), pending('c', 'b'), pending('d', 'a', 'c'), pending('e')];
    await source.with('D', [{ id: 7, states: [], steps }]);
    await source.import({ phase: 'open', stopped: true });
    await source.query('DROP SCHEMA IF EXISTS compat CASCADE');
    await makeCompatViews(source.db, 'compat', '2.3');
    const id = Object.fromEntries(
      (
        await source.query<{ name: string; id: string }>(
          `SELECT n.name, s.workflow_step_id AS id FROM compat.tasker_workflow_steps s JOIN compat.tasker_named_steps n USING (named_step_id)`,
        )
      ).map((row) => [row.name, Number(row.id)]),
    );
    expect(
      await source.query(
        `SELECT parent_step_ids, child_step_ids, parent_count, is_root_step, is_leaf_step, min_depth_from_root
         FROM compat.tasker_step_dag_relationships WHERE workflow_step_id = $1`,
        [id['d']],
      ),
    ).toEqual([
      {
        parent_step_ids: [id['a'], id['c']].toSorted((x, y) => Number(x) - Number(y)),
        child_step_ids: [],
        parent_count: '2',
        is_root_step: false,
        is_leaf_step: true,
        min_depth_from_root: 1,
      },
    ]);
    expect(
      await source.query(
        `SELECT n.name, l.dependency_level AS level FROM compat.calculate_dependency_levels(7) l
         JOIN compat.tasker_workflow_steps USING (workflow_step_id) JOIN compat.tasker_named_steps n USING (named_step_id) ORDER BY 1`,
      ),
    ).toEqual(Object.entries({ a: 0, b: 1, c: 2, d: 3, e: 0 }).map(([name, level]) => ({ name, level })));

    await source.query('DROP SCHEMA compat CASCADE');
    await makeCompatViews(source.db, 'compat', '2.0');
    expect(
      await source.query(
        `SELECT total_steps, ready_steps, root_step_ids, root_step_count, blocked_step_ids, blocking_reasons, next_executable_step_ids,
           processing_strategy FROM compat.tasker_task_workflow_summaries`,
      ),
    ).toEqual([
      {
        total_steps: '5',
        ready_steps: '2',
        root_step_ids: [id['a'], id['e']].toSorted((x, y) => Number(x) - Number(y)),
        root_step_count: '2',
        blocked_step_ids: [id['b'], id['c'], id['d']].toSorted((x, y) => Number(x) - Number(y)),
        blocking_reasons: Array.from({ length: 3 }, () => 'dependencies_not_satisfied'),
        next_executable_step_ids: [id['a'], id['e']].toSorted((x, y) => Number(x) - Number(y)),
        processing_strategy: 'small_parallel',
      },
    ]);
  });

  test.each(['B', 'D'] as const)(
    'return what class %s does, but where an import changes what is true',
    async (form) => {
      const cases = SCENARIOS.map((scenario, index) => ({ ...scenario, id: 1000 + index }));
      await source.with(
        form,
        cases.map(({ id, task }) => ({ ...task, id })),
      );
      const before = await theirRows(form);
      await source.import({ phase: 'all' });
      await source.query('DROP SCHEMA IF EXISTS compat CASCADE');
      await makeCompatViews(source.db, 'compat', form === 'B' ? '2.0' : '2.3');
      const after = await ourRows(form);
      const differing = (rows: Record<string, unknown>, others: Record<string, unknown>) =>
        cases
          .filter(({ id }) =>
            Object.keys(rows).some((key) => key.startsWith(String(id)) && !isDeepStrictEqual(rows[key], others[key])),
          )
          .map(({ name }) => name);
      expect(differing(after.steps, before.steps)).toEqual(CHANGED);
      expect(differing(after.tasks, before.tasks)).toEqual(
        // Releases from 2.2 on count a resolved step among the completed ones.
        form === 'B' ? CHANGED : CHANGED.toSpliced(CHANGED.indexOf('resolved task'), 0, 'resolved step'),
      );
    },
  );

  test('are not made over views of other columns, and say what to do', async () => {
    await source.query(
      'DROP SCHEMA IF EXISTS compat CASCADE; CREATE SCHEMA compat; CREATE VIEW compat.tasker_named_steps AS SELECT 1 AS a',
    );
    await expect(makeCompatViews(source.db, 'compat', '2.0')).rejects.toThrow(
      /schema "compat" has views or functions of these names with other columns.*: DROP SCHEMA "compat" CASCADE if .* or give --compat-views another schema/,
    );
    await source.query('DROP SCHEMA compat CASCADE');
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
