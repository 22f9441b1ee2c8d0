import { beforeAll, describe, expect, it } from 'vitest';
import { claimStatement } from '../../src/db/statements/claims/claim-steps.ts';
import { completeStatement } from '../../src/db/statements/steps/complete-steps.ts';
import { enqueueDueSteps } from '../../src/db/statements/steps/enqueue-due-retries.ts';
import { failSteps } from '../../src/db/statements/steps/fail-steps.ts';
import { releaseSteps } from '../../src/db/statements/steps/release-steps.ts';
import { findTaskSteps } from '../../src/db/reads/tasks.ts';
import { findTaskHistory } from '../../src/db/reads/history.ts';
import { purgeTasks } from '../../src/db/statements/tasks/purge-tasks.ts';
import type { ClaimedStep } from '../../src/engine/claim.ts';
import { extendHistoryAhead } from '../../src/scheduler/chores/extend-history.ts';
import { diamond, useEngine } from '../engine/engine-fixture.ts';
import { loadTasks } from '../support/load-tasks.ts';
import { type Call, call, claiming, completing, failing, historyOf, type Plan, planOf } from './plan.ts';

/** The plans of the statements of a worker, and of reads of one task, while the history has a few partitions and then twenty. */
const PARTITIONS = 20;
const engine = await useEngine();
const { test, db } = engine;
const state = { workflow: 0, worker: '', taskId: '' };
let held: ClaimedStep[];

const chore = extendHistoryAhead({ db, onMissing: () => undefined });
const count = async () =>
  (await test.query(`SELECT FROM pg_inherits WHERE inhparent = 'tasker.tasker_workflow_step_transitions'::regclass`))
    .length;

/** Each has history before it, in the partitions of tasks that were submitted long ago. */
async function grow(to: number): Promise<void> {
  while ((await count()) < to) {
    await test.query(
      `SELECT setval(pg_get_serial_sequence('tasker.tasker_tasks', 'task_id'), nextval(pg_get_serial_sequence('tasker.tasker_tasks', 'task_id')) + 1000000)`,
    );
    await chore.run();
  }
  // In the newest partition but one.
  await engine.submitOne(state.workflow);
  await loadTasks(test.pool, { namedTaskId: state.workflow, tasks: 1000, progress: [0, 0, 1, 2, -1] });
  await test.query('ANALYZE');
}

const lowest = () => Math.min(...held.map(({ taskId }) => Number(taskId)));
const statements: readonly [what: string, callFor: () => Call, worker: boolean][] = [
  [
    'claim',
    () => call(claimStatement(64, 'pinned'), { ...claiming(state.worker, state.workflow), lowest_task: lowest() }),
    true,
  ],
  [
    'claim one',
    () => call(claimStatement(1, 'pinned'), { ...claiming(state.worker, state.workflow), lowest_task: lowest() }),
    true,
  ],
  [
    'complete',
    () =>
      call(
        completeStatement({ children: 128, claimLimit: 1000, plans: 'pinned' }),
        completing(held, { ...state, claimLimit: 1000 }),
      ),
    true,
  ],
  ['fail', () => call(failSteps, failing(held, state.worker)), true],
  ['release', () => call(releaseSteps, { ...historyOf(held), worker_id: state.worker }), true],
  ['read the steps of a task', () => call(findTaskSteps, { task_id: state.taskId }), false],
  ['read the history of a task', () => call(findTaskHistory, { task_id: state.taskId }), false],
  ['purge a task', () => call(purgeTasks, { task_ids: [state.taskId] }), false],
];

const plans = { few: new Map<string, Plan>(), many: new Map<string, Plan>() };
let due: Plan;

async function measure(into: Map<string, Plan>): Promise<void> {
  const worker = await engine.worker();
  state.worker = worker.id;
  held = await worker.claim(64);
  expect(held).toHaveLength(64);
  state.taskId = held[0]?.taskId as string;
  for (const [what, callFor, pinned] of statements)
    into.set(what, await planOf(test.pool, callFor(), { worker: pinned }));
}

beforeAll(async () => {
  state.workflow = await engine.workflow(diamond);
  await grow(3);
  await measure(plans.few);
  // What was loaded is out of the way of later claims, and is history.
  await test.query(`UPDATE tasker.tasker_workflow_steps SET ready_at = NULL`);
  await grow(PARTITIONS);
  await measure(plans.many);
  const worker = await engine.worker();
  const failed = await worker.claim(64);
  for (const step of failed.slice(0, 4)) await worker.fail(step);
  await test.query(`UPDATE tasker.tasker_workflow_steps SET next_retry_at = now() WHERE next_retry_at IS NOT NULL`);
  due = await planOf(test.pool, call(enqueueDueSteps, { limit: 1000 }));
}, 60_000);

describe(`with ${PARTITIONS} partitions`, () => {
  it.each(statements)('%s opens the partition of its tasks, and the one that is made ahead', (what) => {
    const { planned, scanned } = (plans.many.get(what) as Plan).partitions;
    for (const table of ['workflow_step_transitions', 'task_transitions'])
      expect([...planned].filter((name) => name.startsWith(`tasker_${table}`)).length).toBeLessThanOrEqual(
        what === 'purge a task' ? PARTITIONS : 2,
      );
    expect([...scanned].filter((name) => !/_p(19|20)$/.test(name))).toEqual([]);
  });

  it.each(statements)('%s reads as many pages as with three', (what) => {
    const [few, many] = [plans.few.get(what) as Plan, plans.many.get(what) as Plan];
    expect(many.buffers).toBeLessThanOrEqual(few.buffers * 1.25 + 20);
  });

  it('the retries that are due are found among the steps, and looked up in each partition', () => {
    expect(due.indexes).toContain('steps_retry_due');
    // Four steps: a few pages of the index of each partition.
    expect(due.buffers).toBeLessThan(4 * 4 * PARTITIONS + 200);
  });
});
