/**
 * What a page reads is bounded by its limit, also of a table that was never analysed, such as a new partition: the planner expects few rows there, and a bitmap of all of them seems cheap.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { listBegunTasks, listTasksEndedByHand } from '../../src/db/reads/task-lists.ts';
import { listOpenTasks, readByIndexOnly } from '../../src/db/reads/task-sets.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from '../engine/engine-fixture.ts';
import { loadTasks } from '../support/load-tasks.ts';
import { type Call, call, planOf } from './plan.ts';
import { WHOLE_PAGE } from './whole-page.ts';

const ENDED = 30_000;
/** More than a set may have. */
const READY = 40_000;
const engine = await useEngine();
const { query, pool } = engine.test;

beforeAll(async () => {
  const one = await engine.workflow(defineWorkflow({ name: 'one', input: z.unknown() }).step('a', () => 1));
  await loadTasks(pool, { namedTaskId: one, tasks: ENDED, progress: [-1] });
  await query(`UPDATE tasker.tasker_task_transitions SET to_state = 'cancelled' WHERE task_id % 2 = 0`);
  await loadTasks(pool, { namedTaskId: one, tasks: READY, progress: [0] });
  await query('VACUUM ANALYZE');
}, 60_000);

const FORGET: Call = {
  name: 'forget',
  text: `DELETE FROM pg_statistic WHERE starelid::regclass::text ~ 'tasker_task_transitions|tasker_workflow_steps'`,
  values: [],
};
describe('a page of tasks', () => {
  it.each([
    ['that have begun', () => call(listBegunTasks, { ...WHOLE_PAGE, rows: 500 }), 800],
    ['that were cancelled', () => call(listTasksEndedByHand, { ...WHOLE_PAGE, rows: 500 }), 800],
    [
      'that are open, of which there are too many for a set',
      () =>
        call(listOpenTasks, {
          ...WHOLE_PAGE,
          states: ['in_progress'],
          ready: true,
          running: true,
          retrying: true,
          blocked: true,
        }),
      // 10,000 index entries and their rows, which are one beside the other here; all 40,000 would be 1,900.
      800,
    ],
  ])('%s reads no more of them', async (_, given, pages) => {
    const plan = await planOf(pool, given(), { before: [FORGET, call(readByIndexOnly, { how: 'ordered' })] });
    expect([...plan.nodeTypes].filter((type) => type.startsWith('Bitmap'))).toEqual([]);
    expect(plan.buffers).toBeLessThan(pages);
  });
});
