import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { listOperationItems, listOperationItemsInState, listOperations } from '../../src/db/reads/operations.ts';
import { holdHaltedOperations } from '../../src/db/statements/operations/halted.ts';
import {
  chooseItems,
  endItems,
  findItemTasks,
  nextItems,
  settleItems,
} from '../../src/db/statements/operations/items.ts';
import {
  countOperations,
  findRunningOperations,
  holdOperation,
  pruneOperation,
} from '../../src/db/statements/operations/operations.ts';
import { lockOpenSteps } from '../../src/db/statements/tasks/cancel-tasks.ts';
import { lockTasks } from '../../src/db/statements/tasks/finalize-tasks.ts';
import { NO_CEILING } from '../../src/reads/task-list.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from '../engine/engine-fixture.ts';
import { loadHistory } from '../support/long-history.ts';
import { call, planOf } from './plan.ts';

const TASKS = 50_000;
const engine = await useEngine();
/** Of 20,000 items: the first 10,000 are done, and nobody knows yet how they went on. */
const OPERATION = 7;

beforeAll(async () => {
  const flow = await engine.workflow(defineWorkflow({ name: 'flow', input: z.unknown() }).step('a', () => 1));
  const [step] = await engine.test.query<{ id: number }>(`SELECT named_step_id AS id FROM tasker.tasker_named_steps`);
  await loadHistory(engine.test.pool, { common: flow, rare: flow, namedStep: step?.id as number, tasks: TASKS });
  await engine.test.query(
    `INSERT INTO tasker.tasker_operations (operation_id, action, state, token_hash, by, pace_per_second, expires_at, started_at, ended_at, paced_at,
       total, done, window_began_at)
     OVERRIDING SYSTEM VALUE
     SELECT n, 'retry', CASE n WHEN ${OPERATION} THEN 'running' ELSE 'done' END, '', 'test', 50, now(), now(),
       CASE n WHEN ${OPERATION} THEN NULL ELSE now() - (2000 - n) * interval '1 minute' END, now(), 20000, 10000, now()
     FROM generate_series(1, 2000) n`,
  );
  await engine.test.query(
    `INSERT INTO tasker.tasker_operation_items (operation_id, task_id, task_state, task_sort_key, state, outcome, acted_at)
     SELECT o, t, 'error', 1, CASE WHEN t <= 10000 THEN 'done' ELSE 'waiting' END, CASE WHEN t <= 10000 THEN 'retried' END,
       CASE WHEN t <= 10000 THEN now() END
     FROM generate_series(6, 8) o, generate_series(1, 20000) t`,
  );
  await engine.test.query('ANALYZE tasker.tasker_operations, tasker.tasker_operation_items');
}, 60_000);

const ids = (from: number, size: number): string[] => Array.from({ length: size }, (_, index) => String(from + index));
const chunk = ids(10_001, 25);

describe('a chunk of 25 of 20,000 items', () => {
  // Each task costs a descent of some keys: four pages, and its own.
  it.each([
    ['finds its operation', () => call(findRunningOperations), 'operations_open', 10],
    ['holds its operation', () => call(holdOperation, { operation_id: OPERATION }), 'operations_open', 20],
    ['finds its items', () => call(nextItems, { operation_id: OPERATION, limit: 25 }), 'operation_items_by_state', 40],
    ['locks the steps', () => call(lockOpenSteps, { task_ids: chunk }), 'tasker_workflow_steps_pkey', 300],
    ['locks the tasks', () => call(lockTasks, { task_ids: chunk }), 'tasker_tasks_pkey', 300],
    [
      'reads the tasks',
      () => call(findItemTasks, { task_ids: chunk, namespaces: ['default'] }),
      'tasker_tasks_pkey',
      300,
    ],
    [
      'ends its items',
      () =>
        call(endItems, {
          operation_id: OPERATION,
          items: chunk.map((task_id) => ({
            task_id,
            state: 'done',
            outcome: 'retried',
            detail: null,
            new_task_id: null,
          })),
        }),
      'tasker_operation_items_pkey',
      1200,
    ],
    [
      'checks how 500 others went on',
      () => call(settleItems, { operation_id: OPERATION, after: 0, limit: 500, window_began_at: new Date() }),
      'operation_items_watched',
      15_000,
    ],
    [
      'finds those that do not run any more',
      () => call(holdHaltedOperations, { watched_seconds: 3600, limit: 20 }),
      'operations_ended',
      6000,
    ],
  ])('%s by its own index', async (_, given, index, pages) => {
    const plan = await planOf(engine.test.pool, given());
    expect([...plan.indexes]).toContain(index);
    expect([...plan.sequential].filter((table) => !/named_tasks|namespaces/.test(table))).toEqual([]);
    expect(plan.buffers).toBeLessThanOrEqual(pages);
  });
});

describe('a page of 50', () => {
  it.each([
    [
      'of operations',
      () => call(listOperations, { below: NO_CEILING, states: null, namespaces: null, limit: 51 }),
      'tasker_operations_pkey',
      60,
    ],
    [
      'of items',
      () => call(listOperationItems, { operation_id: OPERATION, after: 5000, limit: 51 }),
      'tasker_operation_items_pkey',
      350,
    ],
    [
      'of items that wait',
      () => call(listOperationItemsInState, { operation_id: OPERATION, after: 0, limit: 51, state: 'waiting' }),
      'operation_items_by_state',
      350,
    ],
    ['of what is under way', () => call(countOperations), 'operations_open', 20],
    ['of what is too old', () => call(pruneOperation, { kept_seconds: 86_400 }), 'operations_ended', 60],
  ])('%s reads its own index and as many rows as it has', async (_, given, index, pages) => {
    const plan = await planOf(engine.test.pool, given());
    expect([...plan.indexes]).toContain(index);
    expect([...plan.sequential]).toEqual([]);
    expect(plan.buffers).toBeLessThanOrEqual(pages);
  });

  it('makes 1,000 items by the keys of their tasks', async () => {
    const given = call(chooseItems, {
      operation_id: OPERATION,
      task_ids: ids(30_001, 1000),
      states: null,
      fingerprint: null,
      namespaces: null,
    });
    const plan = await planOf(engine.test.pool, given);
    expect([...plan.sequential].filter((table) => !/named_tasks|namespaces|identities/.test(table))).toEqual([]);
    expect(plan.buffers).toBeLessThan(40_000);
  });
});
