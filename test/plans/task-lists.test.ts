import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { countAhead, countSameFailure } from '../../src/db/reads/explain/queue.ts';
import {
  findExplainedStep,
  findExplainedSteps,
  findExplainedTask,
  findOpenSteps,
  listStepNames,
} from '../../src/db/reads/explain/task.ts';
import { findUnservedVersions } from '../../src/db/reads/attention.ts';
import { failureGroups, failureGroupsOf } from '../../src/db/reads/failures.ts';
import { createClient } from '../../src/client/client.ts';
import { findTaskRevision, findTaskScope, listHistoryPage } from '../../src/db/reads/task-documents.ts';
import { findIdAtTime } from '../../src/db/reads/id-at-time.ts';
import {
  listBegunTasks,
  listFailingTasks,
  listReruns,
  listTasks,
  listTasksEndedByHand,
  listTasksOfIdentity,
  listTasksOfInitiator,
} from '../../src/db/reads/task-lists.ts';
import {
  listOpenTasks,
  listTasksOfWorkflows,
  listTasksWithTags,
  listTasksWithTagsInRange,
  readByIndexOnly,
} from '../../src/db/reads/task-sets.ts';
import { listTasksInDirectory, readDirectory } from '../../src/db/reads/directory.ts';
import { findInputTerms } from '../../src/db/reads/search-paths.ts';
import { STRETCH, termOfTag } from '../../src/db/statements/rules/directory.ts';
import { STEP_ID_FACTOR } from '../../src/workflow/step-id.ts';
import { listStepTimelines } from '../../src/db/reads/step-timelines.ts';
import { findTaskVersions, listTaskStates } from '../../src/db/reads/task-states.ts';
import { readTopicVersions } from '../../src/db/reads/topic-versions.ts';
import { listWorkflows } from '../../src/db/reads/workflows.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from '../engine/engine-fixture.ts';
import { enterDirectory } from '../support/enter-directory.ts';
import { loadHistory, requestedAt } from '../support/long-history.ts';
import { call, planOf } from './plan.ts';
import { WHOLE_PAGE } from './whole-page.ts';

const TASKS = 50_000;
const engine = await useEngine();
let common: number;
let rare: number;

beforeAll(async () => {
  common = await engine.workflow(defineWorkflow({ name: 'common', input: z.unknown() }).step('a', () => 1));
  rare = await engine.workflow(defineWorkflow({ name: 'rare', input: z.unknown() }).step('a', () => 1));
  const [step] = await engine.test.query<{ id: number }>(`SELECT named_step_id AS id FROM tasker.tasker_named_steps`);
  await loadHistory(engine.test.pool, { common, rare, namedStep: step?.id as number, tasks: TASKS });
}, 60_000);

/** A page of 50 of every task. */
const page = (given: object = {}) => ({ ...WHOLE_PAGE, ...given });
const steps = { ready: false, running: false, retrying: false, blocked: false };

describe(`with ${TASKS} tasks, a page of 50`, () => {
  // Each row of an index costs a descent of the primary key: four pages, and its own.
  it.each([
    ['of all tasks', () => call(listTasks, { ...page(), rows: 51 }), 'tasker_tasks_pkey', 150],
    ['below an id', () => call(listTasks, { ...page({ below: '30000' }), rows: 51 }), 'tasker_tasks_pkey', 150],
    [
      'of an initiator',
      () => call(listTasksOfInitiator, { ...page({ initiator: 'alice' }), rows: 51 }),
      'tasks_by_initiator',
      300,
    ],
    [
      'of tasks that were cancelled',
      () => call(listTasksEndedByHand, { ...page({ states: ['cancelled'] }), rows: 51 }),
      'task_transitions_by_hand_p1',
      300,
    ],
    [
      'of an identity',
      () => call(listTasksOfIdentity, { ...page(), rows: 51, identity_hash: 'history 5' }),
      'index_tasks_on_identity_hash',
      20,
    ],
    [
      'of the reruns of a task',
      () => call(listReruns, { ...page(), rows: 51, rerun_of: 5 }),
      'index_tasks_on_identity_hash',
      20,
    ],
    [
      'of tasks in error',
      () => call(listFailingTasks, { ...page({ states: ['error'] }), retrying: false, rows: 51 }),
      'steps_in_error_by_task',
      400,
    ],
    [
      'of tasks with an error',
      () => call(listFailingTasks, { ...page({ error: 'econnreset' }), retrying: true, rows: 250 }),
      'steps_in_error_by_task',
      600,
    ],
    [
      'of tasks that have ended',
      () => call(listBegunTasks, { ...page({ states: ['complete'], below: '49000' }), rows: 204 }),
      'tasker_task_transitions_p1_pkey',
      500,
    ],
    [
      'of pending tasks',
      () => call(listOpenTasks, { ...page({ states: ['pending'] }), ...steps, ready: true }),
      'steps_ready',
      400,
    ],
    [
      // A part of the table: each filter of the index is for 128 pages.
      'of a workflow that ran long ago',
      () => call(listTasksOfWorkflows, page({ named_task_ids: [rare] })),
      'tasks_by_workflow_and_id',
      1500,
    ],
    [
      'with a tag in a range of ids',
      () => call(listTasksWithTagsInRange, page({ tags: '["vip"]', floor: '20000', below: '30000' })),
      'tasks_by_tag',
      100,
    ],
    ['with a tag', () => call(listTasksWithTags, page({ tags: '["vip"]' })), 'tasks_by_tag', 300],
    ['at a time', () => call(findIdAtTime, { at: requestedAt(20_000) }), 'tasker_tasks_pkey', 250],
  ])('%s reads its own index and as many rows as it has tasks', async (_, given, index, pages) => {
    const before = [
      call(readByIndexOnly, {
        how: index.startsWith('tasks_by_') && index !== 'tasks_by_initiator' ? 'bitmap' : 'ordered',
      }),
    ];
    const plan = await planOf(engine.test.pool, given(), { before });
    expect(plan.indexes).toContain(index);
    expect([...plan.sequential].filter((table) => table.startsWith('tasker_task') || table.includes('step'))).toEqual(
      [],
    );
    expect(plan.buffers).toBeLessThanOrEqual(pages);
  });

  it('of a workflow that nearly every task has stops at the limit of a set', async () => {
    const given = call(listTasksOfWorkflows, page({ named_task_ids: [common] }));
    const plan = await planOf(engine.test.pool, given, { before: [call(readByIndexOnly, { how: 'bitmap' })] });
    const [table] = await engine.test.query<{ pages: number }>(
      `SELECT relpages AS pages FROM pg_class WHERE oid = 'tasker.tasker_tasks'::regclass`,
    );
    expect(plan.buffers).toBeLessThan((table?.pages as number) / 2);
  });

  it('of a workflow that had many tasks, all of them long ago, is found at once, and each of them once', async () => {
    const old = await engine.workflow(defineWorkflow({ name: 'old', input: z.unknown() }).step('a', () => 1));
    await engine.test.query(`UPDATE tasker.tasker_tasks SET named_task_id = $1 WHERE task_id BETWEEN 301 AND 12300`, [
      old,
    ]);
    const client = createClient({ url: engine.test.url, notify: false });
    try {
      const found = await client.taskPage({ workflow: 'old', limit: 50 });
      expect(found.complete).toBe(true);
      expect(found.tasks.map((task) => task.task_id)).toEqual(Array.from({ length: 50 }, (_, n) => String(12_300 - n)));
      let next = 12_300;
      for await (const task of client.tasks({ workflow: 'old' })) {
        expect(task.task_id).toBe(String(next));
        next -= 1;
      }
      expect(next).toBe(300);
    } finally {
      await client.close();
    }
  });

  it.each([
    ['an input', { input_has: '[[{"order":10248},{"order":"10248"}]]' }],
    ['a queue', { queue: 'payments' }],
    ['a number of attempts', { attempts_from: 3 }],
  ])('searched by %s looks up the tasks that it reads, and no others', async (_what, filter) => {
    const plan = await planOf(engine.test.pool, call(listTasks, { ...page(filter), rows: 250 }));
    expect(plan.indexes).toContain('tasker_tasks_pkey');
    expect([...plan.sequential].filter((table) => table.startsWith('tasker_'))).not.toContain('tasker_tasks');
    expect([...plan.sequential].filter((table) => table.includes('step'))).toEqual([]);
    expect(plan.buffers).toBeLessThan(2500);
  });

  it('one task, and its history in pages, are read by their keys', async () => {
    const given = { task_id: '5000', namespaces: ['default'] };
    const scope = await planOf(engine.test.pool, call(findTaskScope, given));
    const revision = await planOf(engine.test.pool, call(findTaskRevision, given));
    const after = { after_at: undefined, after_step: undefined, after_key: undefined };
    const history = await planOf(engine.test.pool, call(listHistoryPage, { task_id: '5000', ...after, limit: 51 }));
    for (const { sequential, buffers } of [scope, revision, history]) {
      expect([...sequential].filter((table) => /tasks$|steps$|transitions/.test(table))).toEqual([]);
      expect(buffers).toBeLessThan(60);
    }
  });

  it('that a filter excludes reads no more rows than it may', async () => {
    const given = call(listTasks, { ...page({ states: ['in_progress'] }), rows: 1000 });
    const plan = await planOf(engine.test.pool, given);
    expect([...plan.sequential].filter((table) => table === 'tasker_tasks')).toEqual([]);
    expect(plan.buffers).toBeLessThanOrEqual(150);
  });

  it('of tasks in progress looks neighbours up together, of which thousands are no such tasks', async () => {
    const most = 3000;
    await engine.test.query(
      `INSERT INTO tasker.tasker_workflow_steps (task_id, workflow_step_id, named_step_id, named_task_id, state, ready_at)
       SELECT t.task_id, t.task_id * 65536 + 2, (SELECT min(named_step_id) FROM tasker.tasker_named_steps), t.named_task_id, 'pending', t.requested_at
       FROM tasker.tasker_tasks t WHERE t.task_id > ${TASKS} - ${most}`,
    );
    const found = call(listOpenTasks, { ...page({ states: ['in_progress'] }), ...steps, ready: true });
    const plan = await planOf(engine.test.pool, found, { before: [call(readByIndexOnly, { how: 'ordered' })] });
    await engine.test.query(`DELETE FROM tasker.tasker_workflow_steps WHERE workflow_step_id % 65536 = 2`);
    await engine.test.query(`VACUUM tasker.tasker_workflow_steps`);
    expect(plan.indexes).toContain('tasker_tasks_pkey');
    // One by one they are four pages each.
    expect(plan.buffers).toBeLessThan(most / 3);
  });

  it.each([
    ['', call(failureGroups, { most: 10_001, limit: 100 })],
    [
      ' of a workflow',
      call(failureGroupsOf, {
        most: 10_001,
        searched: 20_001,
        limit: 100,
        namespace: undefined,
        workflow: 'common',
        version: undefined,
      }),
    ],
  ])('of failures%s by cause reads the steps in error and their last transitions only', async (_, given) => {
    const plan = await planOf(engine.test.pool, given);
    expect(plan.indexes).toContain('steps_blocked');
    expect(plan.indexes).toContain('tasker_workflow_step_transitions_p1_pkey');
    expect([...plan.sequential].filter((table) => table.startsWith('tasker_workflow_step'))).toEqual([]);
    expect(plan.buffers).toBeLessThan(300);
  });

  it.each([
    [
      'what comes before a step',
      () =>
        call(countAhead, {
          queue: 'default',
          priority: 0,
          ready_at: '2100-01-01',
          step_id: '0',
          named_task_id: 1,
          worker_ids: ['1'],
          takes_any: false,
          as_of: new Date(),
          most: 10_001,
        }),
      'steps_ready',
      100,
    ],
    [
      'how many are blocked by the same cause',
      () => call(countSameFailure, { fingerprint: 'abcdef012345', most: 1000 }),
      'steps_blocked',
      300,
    ],
    ['the open steps of a task', () => call(findOpenSteps, { task_id: '50000' }), 'tasker_workflow_steps_pkey', 20],
    [
      'some steps of a task',
      () =>
        call(findExplainedSteps, {
          task_id: '50000',
          step_ids: [1, 3].map((n) => String(50_000 * STEP_ID_FACTOR + n)),
        }),
      'tasker_workflow_steps_pkey',
      20,
    ],
    [
      'a step of a task',
      () => call(findExplainedStep, { task_id: '50000', step: 'b' }),
      'tasker_workflow_steps_pkey',
      20,
    ],
    [
      'the names of the steps of a task',
      () => call(listStepNames, { task_id: '50000' }),
      'tasker_workflow_steps_pkey',
      20,
    ],
    ['a task', () => call(findExplainedTask, { task_id: '50000', namespaces: undefined }), 'tasker_tasks_pkey', 20],
  ])('of an explanation: %s is read by an index', async (_, given, index, pages) => {
    const plan = await planOf(engine.test.pool, given());
    expect(plan.indexes).toContain(index);
    expect(
      [...plan.sequential].filter(
        (table) => table === 'tasker_tasks' || table.includes('step_') || table.includes('steps'),
      ),
    ).toEqual(plan.sequential.has('tasker_named_steps') ? ['tasker_named_steps'] : []);
    expect(plan.buffers).toBeLessThanOrEqual(pages);
  });

  it.each([
    [
      'the states of a task',
      () => call(listTaskStates, { task_id: '50000', namespaces: null, since: null }),
      'tasker_workflow_steps_pkey',
    ],
    [
      'what has changed of a task',
      () => call(listTaskStates, { task_id: '50000', namespaces: ['default'], since: '10' }),
      'tasker_workflow_steps_pkey',
    ],
    [
      'whether any of 50 tasks has changed',
      () => call(findTaskVersions, { task_ids: Array.from({ length: 50 }, (_, n) => String(49_000 + n)) }),
      'tasker_workflow_steps_pkey',
    ],
    [
      'the history of a task by steps',
      () => call(listStepTimelines, { task_id: '50000' }),
      'tasker_workflow_step_transitions_p1_pkey',
    ],
    ['whether failures are others', () => call(readTopicVersions, { topics: ['failures'] }), 'steps_blocked'],
    ['what nobody serves', () => call(findUnservedVersions), 'steps_ready'],
  ])('for whoever watches: %s is read by an index', async (_, given, index) => {
    const plan = await planOf(engine.test.pool, given());
    expect(plan.indexes).toContain(index);
    expect(
      [...plan.sequential].filter((table) => table === 'tasker_tasks' || /step(s|_edges|_transitions)$/.test(table)),
    ).toEqual(plan.sequential.has('tasker_named_steps') ? ['tasker_named_steps'] : []);
    expect(plan.buffers).toBeLessThanOrEqual(700);
  });

  it('of workflows with their open tasks reads these tasks only', async () => {
    const plan = await planOf(engine.test.pool, call(listWorkflows));
    expect(plan.indexes).toContain('steps_ready');
    expect([...plan.sequential].filter((table) => table === 'tasker_tasks')).toEqual([]);
    expect(plan.buffers).toBeLessThan(1000);
  });

  it.each([
    ['a workflow that ran long ago', () => ({ terms: [String(rare)], named_task_ids: [rare] }), 300],
    ['a frequent workflow', () => ({ terms: [String(common)], named_task_ids: [common] }), 450],
    ['a tag', () => ({ terms: [termOfTag('vip')], tags: '["vip"]' }), 200],
    ['a tag that no task has', () => ({ terms: [termOfTag('none')], tags: '["none"]' }), 30],
    ['several versions', () => ({ terms: [String(rare), String(common)], named_task_ids: [rare, common] }), 450],
  ])('of %s reads its rows of the directory and its own tasks', async (_, given, pages) => {
    await enterDirectory(engine.db);
    await engine.test.query(`ANALYZE tasker.tasker_directory_entries`);
    const plan = await planOf(
      engine.test.pool,
      call(listTasksInDirectory, {
        ...page({ ...given(), below: String(STRETCH) }),
        failing: false,
        rows: 71,
      } as never),
    );
    expect(plan.indexes).toContain('tasker_tasks_pkey');
    expect([...plan.sequential].filter((table) => table === 'tasker_tasks')).toEqual([]);
    expect(plan.buffers).toBeLessThanOrEqual(pages);
  });

  it('of a workflow and with an error looks up which of its tasks fail in the index of failing steps alone', async () => {
    await enterDirectory(engine.db);
    const given = {
      ...page({ named_task_ids: [common], states: ['error'], below: String(STRETCH) }),
      terms: [String(common)],
      failing: true,
      rows: 500,
    };
    const plan = await planOf(engine.test.pool, call(listTasksInDirectory, given as never));
    expect(plan.indexes).toContain('steps_in_error_by_task');
    expect(plan.indexes).not.toContain('tasker_workflow_steps_pkey');
    expect([...plan.sequential].filter((table) => /tasker_(tasks|workflow_steps)$/.test(table))).toEqual([]);
    // Four pages at most for each entry.
    expect(plan.buffers).toBeLessThan(2000);
  });

  it('of a value at an enabled path reads its row of the directory and its tasks', async () => {
    await engine.test.query(
      `UPDATE tasker.tasker_tasks SET context = '{"order": 4711}' WHERE task_id IN (30000, 40000)`,
    );
    const client = createClient({ url: engine.test.url, notify: false });
    const asked = { named_task_ids: [common], input_has: '[[{"order":4711}]]' };
    try {
      expect(await engine.db.run(findInputTerms, asked)).toEqual([]);
      expect((await client.search.enable({ workflow: 'common' }, 'input.order')).outcome).toBe('enabled');
      await enterDirectory(engine.db);
      expect((await client.taskPage({ workflow: 'common', inputHas: [['{"order":4711}']] })).tasks.length).toBe(2);
    } finally {
      await client.close();
    }
    const [found] = await engine.db.run(findInputTerms, asked);
    const given = {
      ...page({ ...asked, below: String(2 * STRETCH) }),
      terms: found?.terms as string[],
      failing: false,
      rows: 71,
    };
    const state = call(readDirectory, { below: String(2 * STRETCH), path_ids: found?.path_ids as number[] });
    for (const [one, pages] of [
      [call(findInputTerms, asked), 20],
      [state, 20],
      [call(listTasksInDirectory, given as never), 50],
    ] as const) {
      const plan = await planOf(engine.test.pool, one);
      expect([...plan.sequential].filter((table) => table === 'tasker_tasks')).toEqual([]);
      expect(plan.buffers).toBeLessThanOrEqual(pages);
    }
  });
});
