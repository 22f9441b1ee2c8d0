import fc from '../support/fast-check.ts';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../src/client/client.ts';
import { openDatabase } from '../../src/db/connections/database.ts';
import { examine } from '../../src/db/doctor/examine.ts';
import { migrateDown, migrateTo, migrateToLatest } from '../../src/db/migrate.ts';
import { listWorkflows } from '../../src/db/reads/workflows.ts';
import { cancel } from '../../src/engine/cancel.ts';
import { claim } from '../../src/engine/claim.ts';
import { complete } from '../../src/engine/complete.ts';
import { enrol, registerWorkflow } from '../../src/engine/register-workflow.ts';
import { enqueueDueRetries } from '../../src/engine/enqueue-due-retries.ts';
import { enterDirectory } from '../support/enter-directory.ts';
import { register } from '../support/register-process.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { randomTasksOf } from '../views/random-histories.ts';
import { insertTasks, registerTypes, type TaskRows } from '../views/rows.ts';

const RUBY_TASKER = '0003_views_v02';
const database = await useTestDatabase({ empty: true });
const db = openDatabase({ url: database.url, poolSize: 4 });
afterAll(() => db.close());

const VIEWS = [
  'tasker_step_readiness_statuses',
  'tasker_task_execution_contexts',
  'tasker_step_dag_relationships',
  'tasker_task_workflow_summaries',
];

/** A database of Tasker (Ruby) with the rows of `write`. */
async function rubyTaskerWith(tasks: readonly TaskRows[]): Promise<void> {
  await database.query('DROP SCHEMA IF EXISTS tasker CASCADE');
  await migrateTo(database.url, RUBY_TASKER);
  const client = await database.pool.connect();
  try {
    await registerTypes(client);
    await insertTasks(client, tasks);
  } finally {
    client.release();
  }
}

/** As Tasker (Ruby) wrote them: none of the engine's columns, and every step after its parents. */
function inherited(tasks: readonly TaskRows[]): TaskRows[] {
  return tasks.map((task) => ({
    ...task,
    steps: task.steps.map(({ engine: _, history, ...step }) => ({
      ...step,
      history: (history ?? []).map((event) => ({
        ...event,
        secondsAgo: Math.max(0, event.secondsAgo - 10 * step.ordinal),
      })),
    })),
  }));
}

const rowsOf = (view: string) => database.query(`SELECT * FROM tasker.${view} ORDER BY 1, 2`);

describe('a database of Tasker (Ruby)', () => {
  test(
    'satisfies every invariant once it is migrated, whatever was in it, and again after down and up',
    {
      timeout: 240_000,
    },
    () =>
      fc.assert(
        // Migrations take most of the time, so a run has many tasks.
        fc.asyncProperty(randomTasksOf({ minLength: 6, maxLength: 12 }), async (tasks) => {
          await rubyTaskerWith(inherited(tasks));
          await migrateToLatest(database.url);
          expect(await examine(db)).toEqual([]);
          const steps = await database.query(
            'SELECT task_id, workflow_step_id, state FROM tasker.tasker_workflow_steps',
          );
          expect(steps).toHaveLength(tasks.flatMap((task) => task.steps).length);

          await migrateTo(database.url, RUBY_TASKER);
          await migrateToLatest(database.url);
          expect(await examine(db)).toEqual([]);
          expect(
            await database.query('SELECT task_id, workflow_step_id, state FROM tasker.tasker_workflow_steps'),
          ).toEqual(expect.arrayContaining(steps));
        }),
        { numRuns: 2, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: true },
      ),
  );

  test('goes back to its views and its eight indexes, with the same rows', async () => {
    const settled: TaskRows = {
      taskId: '1',
      history: [
        { to: 'in_progress', secondsAgo: 900 },
        { to: 'complete', secondsAgo: 800 },
      ],
      steps: [
        {
          ordinal: 1,
          attempts: 1,
          lastAttempted: 900,
          history: [
            { to: 'in_progress', secondsAgo: 900 },
            { to: 'complete', secondsAgo: 850 },
          ],
        },
      ],
    };
    await rubyTaskerWith([settled, { taskId: '2', steps: [{ ordinal: 1 }, { ordinal: 2, parents: [1] }] }]);
    const indexes = () =>
      database.query(
        `SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'tasker' AND tablename <> 'tasker_migrations' ORDER BY 1`,
      );
    const before = { indexes: await indexes(), rows: await Promise.all(VIEWS.map(rowsOf)) };
    await migrateToLatest(database.url);
    expect(await indexes()).not.toEqual(before.indexes);
    await migrateTo(database.url, RUBY_TASKER);
    expect({ indexes: await indexes(), rows: await Promise.all(VIEWS.map(rowsOf)) }).toEqual(before);
  });

  test('refuses writes of processes of Tasker (Ruby), which fill none of the engine’s columns', async () => {
    await rubyTaskerWith([{ taskId: '1', steps: [{ ordinal: 1 }] }]);
    await migrateTo(database.url, '0005_backfill_engine_columns');
    const write = (statement: string) => database.query(statement).catch((error: { constraint?: string }) => error);
    expect(
      await write(
        `INSERT INTO tasker.tasker_workflow_steps (task_id, workflow_step_id, named_step_id) VALUES (1, 7, 2)`,
      ),
    ).toMatchObject({ constraint: 'steps_named_task_known' });
    expect(
      await write(
        `INSERT INTO tasker.tasker_workflow_step_transitions
           (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent)
         VALUES (1, 65537, 1, 'pending', 'in_progress', true)`,
      ),
    ).toMatchObject({ constraint: 'step_transitions_cause_known' });
    expect(
      await write(
        `INSERT INTO tasker.tasker_task_transitions (task_id, sort_key, from_state, to_state, most_recent)
         VALUES (1, 1, 'pending', 'in_progress', true)`,
      ),
    ).toMatchObject({ constraint: 'task_transitions_cause_known' });
  });

  test('with steps of no task is refused, naming them, and migrates when they are gone', async () => {
    await rubyTaskerWith([{ taskId: '1', steps: [{ ordinal: 1 }] }]);
    await database.query(
      `INSERT INTO tasker.tasker_workflow_steps (task_id, workflow_step_id, named_step_id) VALUES (77, 770, 2), (78, 780, 2)`,
    );
    await expect(migrateToLatest(database.url)).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringContaining(
        '2 rows of tasker_workflow_steps have a task_id that is not in tasker_tasks (task_id 77, workflow_step_id 770; task_id 78, workflow_step_id 780): delete them',
      ),
    });
    await database.query('DELETE FROM tasker.tasker_workflow_steps WHERE task_id >= 77');
    await migrateToLatest(database.url);
    expect(await examine(db)).toEqual([]);
  });
});

const order = defineWorkflow({ namespace: 'shop', name: 'order', version: '1.0.0', input: z.unknown() })
  .step('validate', () => 1)
  .step('price', { dependsOn: ['validate'], queue: 'slow' }, () => 2)
  .step('stock', { dependsOn: ['validate'] }, () => 3)
  .step('ship', { dependsOn: ['price', 'stock'] }, () => 4);

/** The workflow as Tasker (Ruby) registered it, one open task of it with ids of its own kind, and one that has ended. */
async function rubyTaskerShop(edges: readonly (readonly [number, number])[]): Promise<void> {
  await database.query('DROP SCHEMA IF EXISTS tasker CASCADE');
  await migrateTo(database.url, RUBY_TASKER);
  await database.query(`
    WITH namespace AS (
      INSERT INTO tasker.tasker_task_namespaces (name) VALUES ('shop') RETURNING task_namespace_id
    ), task AS (
      INSERT INTO tasker.tasker_named_tasks (task_namespace_id, name, version)
      SELECT task_namespace_id, 'order', '1.0.0' FROM namespace RETURNING named_task_id
    ), step AS (
      INSERT INTO tasker.tasker_named_steps (name) VALUES ('ship'), ('stock'), ('price'), ('validate') RETURNING named_step_id
    )
    INSERT INTO tasker.tasker_named_tasks_named_steps (named_task_id, named_step_id)
    SELECT named_task_id, named_step_id FROM task, step`);
  for (const taskId of [41, 42]) {
    await database.query(
      `INSERT INTO tasker.tasker_tasks (task_id, named_task_id, context, identity_hash)
       SELECT $1::bigint, named_task_id, '{"n":1}', 'ancestor ' || $1::bigint FROM tasker.tasker_named_tasks`,
      [taskId],
    );
    for (const [index, name] of ['validate', 'price', 'stock', 'ship'].entries()) {
      await database.query(
        `INSERT INTO tasker.tasker_workflow_steps (task_id, workflow_step_id, named_step_id, results)
         SELECT $1, $2, named_step_id, '"by the ancestor"' FROM tasker.tasker_named_steps WHERE name = $3`,
        [taskId, taskId * 10 + index + 1, name],
      );
    }
    for (const [from, to] of edges) {
      await database.query(
        'INSERT INTO tasker.tasker_workflow_step_edges (task_id, from_step_id, to_step_id) VALUES ($1, $2, $3)',
        [taskId, taskId * 10 + from, taskId * 10 + to],
      );
    }
  }
  // Task 41 has its first step behind it; task 42 was cancelled.
  await database.query(`
    INSERT INTO tasker.tasker_workflow_step_transitions (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent)
    VALUES (41, 411, 1, 'pending', 'in_progress', false), (41, 411, 2, 'in_progress', 'complete', true)`);
  await database.query(
    `UPDATE tasker.tasker_workflow_steps SET processed = true, attempts = 1 WHERE workflow_step_id = 411`,
  );
  await database.query(`
    INSERT INTO tasker.tasker_task_transitions (task_id, sort_key, from_state, to_state, most_recent)
    VALUES (41, 1, 'pending', 'in_progress', true), (42, 1, 'pending', 'cancelled', true)`);
}

const DIAMOND = [
  [1, 2],
  [1, 3],
  [2, 4],
  [3, 4],
] as const;

describe('an open task of Tasker (Ruby)', () => {
  beforeEach(() => rubyTaskerShop(DIAMOND));

  test('goes on in the engine once its workflow is registered, and ends', async () => {
    await migrateToLatest(database.url);
    const namedTaskId = await registerWorkflow(db, order);
    expect(await examine(db)).toEqual([]);

    const workerId = await register(db, {
      role: 'worker',
      name: 'test',
      version: '0',
      queues: ['default', 'slow'],
      slots: 4,
      leaseSeconds: 60,
      sessionLock: null,
    });
    const ran: string[] = [];
    for (let round = 0; round < 4; round += 1) {
      for (const queue of ['default', 'slow']) {
        const steps = await claim(db, { workerId, queue, namedTaskIds: [namedTaskId], limit: 16 });
        for (const step of steps) {
          ran.push(`${step.taskId}/${BigInt(step.stepId) & 0xffffn} ${step.inputs?.parents}`);
        }
        await complete(db, {
          workerId,
          completions: steps.map((step) => ({ ...step, result: '"by the engine"' })),
          claimLimit: 0,
          queues: [],
          namedTaskIds: [],
        });
      }
    }
    expect(ran.toSorted()).toEqual([
      '41/2 {"1": "by the ancestor"}',
      '41/3 {"1": "by the ancestor"}',
      '41/4 {"2": "by the engine", "3": "by the engine"}',
    ]);
    expect(await database.query('SELECT task_id, state FROM tasker.tasker_tasks ORDER BY 1')).toEqual([
      { task_id: '41', state: 'complete' },
      { task_id: '42', state: 'cancelled' },
    ]);
    expect(await examine(db)).toEqual([]);
  });

  test('with a step that was done before its parents ends when they are done', async () => {
    await database.query(`
      INSERT INTO tasker.tasker_workflow_step_transitions (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent)
      VALUES (41, 414, 1, 'pending', 'in_progress', false), (41, 414, 2, 'in_progress', 'complete', true)`);
    await database.query(
      `UPDATE tasker.tasker_workflow_steps SET processed = true, attempts = 1 WHERE workflow_step_id = 414`,
    );
    await migrateToLatest(database.url);
    await registerWorkflow(db, order);
    expect(await examine(db)).toEqual([]);
    // As in a database that an earlier version migrated: the mend makes of it what the migration makes of it now.
    const children = () =>
      database.query(
        'SELECT t.unfinished_sinks, s.unmet_parents, s.children FROM tasker.tasker_workflow_steps s JOIN tasker.tasker_tasks t USING (task_id) WHERE task_id = 41 ORDER BY workflow_step_id',
      );
    const migrated = await children();
    await database.query(`
      UPDATE tasker.tasker_workflow_steps SET children = ARRAY[41 * 65536 + 4::bigint] WHERE task_id = 41 AND workflow_step_id & 65535 IN (2, 3)`);
    await database.query(
      `UPDATE tasker.tasker_workflow_steps SET unmet_parents = 2 WHERE task_id = 41 AND workflow_step_id & 65535 = 4`,
    );
    await database.query('UPDATE tasker.tasker_tasks SET unfinished_sinks = 0 WHERE task_id = 41');
    const found = await examine(db);
    expect(found.map(({ id }) => id)).toEqual(['step_unmet_parents_count', 'step_children_are_edges']);
    await database.query((found[0] as unknown as { mend: { sql: string } }).mend.sql);
    expect(await children()).toEqual(migrated);
    expect(await examine(db)).toEqual([]);

    const workerId = await register(db, {
      role: 'worker',
      name: 'test',
      version: '0',
      queues: ['default', 'slow'],
      slots: 4,
      leaseSeconds: 60,
      sessionLock: null,
    });
    const namedTaskIds = [await registerWorkflow(db, order)];
    for (const queue of ['default', 'slow']) {
      expect(await database.query('SELECT state FROM tasker.tasker_tasks WHERE task_id = 41')).toEqual([
        { state: 'in_progress' },
      ]);
      const steps = await claim(db, { workerId, queue, namedTaskIds, limit: 16 });
      const completions = steps.map((step) => ({ ...step, result: '1' }));
      await complete(db, { workerId, completions, claimLimit: 0, queues: [], namedTaskIds: [] });
    }
    expect(await database.query('SELECT state FROM tasker.tasker_tasks WHERE task_id = 41')).toEqual([
      { state: 'complete' },
    ]);
    expect(await examine(db)).toEqual([]);
  });

  test('whose edges are not those of the definition gets a version of its own, which the old definition finishes', async () => {
    await rubyTaskerShop([
      [1, 2],
      [2, 3],
      [3, 4],
    ]);
    await migrateToLatest(database.url);
    const { namedTaskId, setAside } = await enrol(db, order);
    expect(setAside).toEqual([{ version: '1.0.9001', taskIds: ['41'] }]);
    const ids = () =>
      database.query(
        'SELECT workflow_step_id::text, named_task_id FROM tasker.tasker_workflow_steps WHERE task_id = 41 ORDER BY 1',
      );
    const [first] = await ids();
    expect(await ids()).toEqual(
      [411, 412, 413, 414].map((id) => ({ workflow_step_id: String(id), named_task_id: first?.['named_task_id'] })),
    );
    expect(first?.['named_task_id']).not.toBe(namedTaskId);
    // A repetition finds nothing more to do, and nobody who serves the definition can claim the task.
    expect(await enrol(db, order)).toEqual({ namedTaskId, setAside: [] });
    expect(await db.run(listWorkflows)).toMatchObject([
      { workflow: 'order', version: '1.0.0', registered: true, tasks_in_progress: 0 },
      { workflow: 'order', version: '1.0.9001', registered: false, tasks_in_progress: 1, workers: [] },
    ]);

    const line = defineWorkflow({ namespace: 'shop', name: 'order', version: '1.0.9001', input: z.unknown() })
      .step('validate', () => 1)
      .step('price', { dependsOn: ['validate'], queue: 'slow' }, () => 2)
      .step('stock', { dependsOn: ['price'] }, () => 3)
      .step('ship', { dependsOn: ['stock'] }, () => 4);
    expect((await enrol(db, line)).setAside).toEqual([]);
    expect(await ids()).toEqual(
      [1, 2, 3, 4].map((ordinal) => ({
        workflow_step_id: String(41 * 65_536 + ordinal),
        named_task_id: first?.['named_task_id'],
      })),
    );
    expect(await examine(db)).toEqual([]);
  });

  test('ignores a step that was associated with its workflow long ago, and an open task without steps', async () => {
    await database.query(`
      WITH step AS (INSERT INTO tasker.tasker_named_steps (name) VALUES ('long_gone') RETURNING named_step_id)
      INSERT INTO tasker.tasker_named_tasks_named_steps (named_task_id, named_step_id)
      SELECT named_task_id, named_step_id FROM tasker.tasker_named_tasks, step`);
    await database.query(`
      INSERT INTO tasker.tasker_tasks (task_id, named_task_id, context, identity_hash)
      SELECT 43, named_task_id, '{}', 'without steps' FROM tasker.tasker_named_tasks`);
    await migrateToLatest(database.url);
    expect((await enrol(db, order)).setAside).toEqual([]);
    expect((await examine(db)).map(({ id }) => id)).toEqual(['task_has_steps']);
    expect(await cancel(db, '43')).toMatchObject({ outcome: 'cancelled' });
  });

  test('whose steps are not those of the definition, or whose id is too high for step ids, is set aside', async () => {
    await database.query(`
      INSERT INTO tasker.tasker_tasks (task_id, named_task_id, context, identity_hash)
      SELECT 7300000000000000001, named_task_id, '{}', 'time-ordered' FROM tasker.tasker_named_tasks`);
    await database.query(`
      INSERT INTO tasker.tasker_workflow_steps (task_id, workflow_step_id, named_step_id)
      SELECT 7300000000000000001, 7300000000000000002, named_step_id FROM tasker.tasker_named_steps WHERE name = 'validate'`);
    await migrateToLatest(database.url);
    await database.query('ANALYZE');
    const fewer = defineWorkflow({ namespace: 'shop', name: 'order', version: '1.0.0', input: z.unknown() }).step(
      'validate',
      () => 1,
    );
    expect((await enrol(db, fewer)).setAside).toEqual([
      { version: '1.0.9001', taskIds: ['41'] },
      { version: '1.0.9002', taskIds: ['7300000000000000001'] },
    ]);
    expect(await examine(db)).toEqual([]);
  });

  test('that failed is retried by a scheduler when its backoff is over', async () => {
    await database.query(`
      INSERT INTO tasker.tasker_workflow_step_transitions
        (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent, created_at)
      VALUES (41, 412, 1, 'pending', 'in_progress', false, now() - interval '1 hour'),
        (41, 412, 2, 'in_progress', 'error', true, now() - interval '1 hour')`);
    await database.query(`UPDATE tasker.tasker_workflow_steps SET attempts = 1 WHERE workflow_step_id = 412`);
    await migrateToLatest(database.url);
    await registerWorkflow(db, order);
    expect(await enqueueDueRetries(db)).toEqual(new Map([['slow', 1]]));
    expect(await examine(db)).toEqual([]);
  });

  test('that keeps its step ids is left alone by mends that go by ids', async () => {
    // The ids 2 and 3 are those of other steps of the definition, in a task that has ended.
    await database.query(`
      INSERT INTO tasker.tasker_tasks (task_id, named_task_id, context, identity_hash)
      SELECT 5, named_task_id, '{}', 'early' FROM tasker.tasker_named_tasks`);
    await database.query(`
      INSERT INTO tasker.tasker_workflow_steps (task_id, workflow_step_id, named_step_id)
      SELECT 5, CASE name WHEN 'validate' THEN 3 ELSE 2 END, named_step_id FROM tasker.tasker_named_steps WHERE name IN ('validate', 'ship')`);
    await database.query(`
      INSERT INTO tasker.tasker_task_transitions (task_id, sort_key, from_state, to_state, most_recent) VALUES (5, 1, 'pending', 'cancelled', true)`);
    await database.query(
      `INSERT INTO tasker.tasker_workflow_step_edges (task_id, from_step_id, to_step_id) VALUES (5, 3, 2)`,
    );
    await migrateToLatest(database.url);
    await registerWorkflow(db, order);
    const early = () =>
      database.query(
        `SELECT workflow_step_id, named_step_id, ARRAY(SELECT e.to_step_id FROM tasker.tasker_workflow_step_edges e WHERE e.from_step_id = s.workflow_step_id) AS edges
         FROM tasker.tasker_workflow_steps s WHERE task_id = 5 ORDER BY 1`,
      );
    const mend = async (id: string) => {
      const found = (await examine(db)).find((violation) => violation.id === id);
      await database.query((found as unknown as { mend: { sql: string } }).mend.sql);
    };
    const before = await early();
    await database.query(`
      UPDATE tasker.tasker_workflow_steps s SET named_step_id = o.named_step_id
      FROM tasker.tasker_workflow_steps o WHERE s.workflow_step_id = 41 * 65536 + 3 AND o.workflow_step_id = 41 * 65536 + 2`);
    await mend('step_name_once');
    expect(await early()).toEqual(before);
    expect(await examine(db)).toEqual([]);

    await database.query(
      `INSERT INTO tasker.tasker_workflow_step_edges (task_id, from_step_id, to_step_id) VALUES (5, 3, 99), (41, 41 * 65536 + 1, 41 * 65536 + 99)`,
    );
    const wrong = await early();
    await mend('edges_go_forward');
    expect(await early()).toEqual(wrong);
    expect(await examine(db)).toMatchObject([{ id: 'edges_go_forward' }]);
  });

  test('that fails is in each list of failing tasks, in the order of tasks and not of their step ids', async () => {
    // The step 5,000,000 of task 12 has an id that one of task 76 could have: read as that, a page would go on below task 12.
    await database.query(`
      INSERT INTO tasker.tasker_tasks (task_id, named_task_id, context, identity_hash)
      SELECT id, named_task_id, '{"n":1}', 'failing ' || id FROM tasker.tasker_named_tasks CROSS JOIN (VALUES (12), (77)) AS i (id)`);
    await database.query(`
      INSERT INTO tasker.tasker_workflow_steps (task_id, workflow_step_id, named_step_id)
      SELECT v.task_id, v.step_id, named_step_id
      FROM tasker.tasker_named_steps CROSS JOIN (VALUES (12, 5000000), (77, 770)) AS v (task_id, step_id) WHERE name = 'validate'`);
    await database.query(`
      INSERT INTO tasker.tasker_workflow_step_transitions (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent, metadata)
      SELECT v.task_id, v.step_id, e.sort_key, e.from_state, e.to_state, e.sort_key = 2, '{"error":{"message":"no stock"}}'
      FROM (VALUES (41, 412), (12, 5000000), (77, 770)) AS v (task_id, step_id)
      CROSS JOIN (VALUES (1, 'pending', 'in_progress'), (2, 'in_progress', 'error')) AS e (sort_key, from_state, to_state)`);
    await database.query(`
      UPDATE tasker.tasker_workflow_steps SET attempts = 3, retry_limit = 3 WHERE workflow_step_id IN (412, 770, 5000000)`);
    await database.query(`
      INSERT INTO tasker.tasker_task_transitions (task_id, sort_key, from_state, to_state, most_recent)
      SELECT id, 1, 'pending', 'error', true FROM (VALUES (12), (77)) AS i (id)`);
    await migrateToLatest(database.url);

    const client = createClient({ url: database.url, notify: false });
    const pages = async (filter: object) => {
      const found: string[] = [];
      let cursor: string | undefined;
      // More pages than there are tasks: a list whose pages do not go on has no end.
      for (let read = 0; read < 10; read += 1) {
        const page = await client.taskPage({ ...filter, limit: 1, cursor });
        found.push(...page.tasks.map((task) => task.task_id));
        cursor = page.nextCursor;
        if (cursor === undefined) return found;
      }
      return [...found, 'and more'];
    };
    const lists = async () => ({
      failing: await pages({ error: 'NO STOCK' }),
      ofWorkflow: await pages({ workflow: 'order', namespace: 'shop', error: 'no stock' }),
      inError: await pages({ states: ['error'] }),
      one: (await client.taskPage({ error: 'no stock' })).tasks.map((task) => task.task_id),
    });
    const expected = {
      failing: ['77', '41', '12'],
      ofWorkflow: ['77', '41', '12'],
      inError: ['77', '12'],
      one: ['77', '41', '12'],
    };
    try {
      expect(await lists()).toEqual(expected);
      const { setAside } = await enrol(db, order);
      expect(setAside.flatMap(({ taskIds }) => taskIds)).toEqual(['12', '77']);
      await enterDirectory(db);
      expect(await lists()).toEqual(expected);
    } finally {
      await client.close();
    }
  });
});

test('one migration can be taken back at a time, with tasks in flight, and applied again', async () => {
  await rubyTaskerShop(DIAMOND);
  await migrateToLatest(database.url);
  for (let back = 0; back < 4; back += 1) {
    await migrateDown(database.url, 1);
    expect(await rowsOf('tasker_step_readiness_statuses')).toHaveLength(8);
    expect(await rowsOf('tasker_task_execution_contexts')).toHaveLength(2);
  }
  await migrateToLatest(database.url);
  expect(await examine(db)).toEqual([]);
});
