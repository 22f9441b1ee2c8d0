import { beforeAll, describe, expect, it } from 'vitest';
import { claimStatement } from '../../src/db/statements/claims/claim-steps.ts';
import { completeStatement, completeStatementByQueue } from '../../src/db/statements/steps/complete-steps.ts';
import { failSteps } from '../../src/db/statements/steps/fail-steps.ts';
import { loadInputs, loadUsed } from '../../src/db/statements/claims/load-inputs.ts';
import { checkIdle } from '../../src/db/statements/claims/idle-check.ts';
import { findChangedTasks, findStepsOfTasks } from '../../src/db/reads/watched-tasks.ts';
import { countRuns } from '../../src/db/statements/stats/count-runs.ts';
import {
  keepListedTasks,
  listAgedTasks,
  pickListedTasks,
  pickYoungTasks,
} from '../../src/db/statements/stats/pick-tasks.ts';
import { openSlice } from '../../src/db/statements/stats/progress.ts';
import { readDuePage } from '../../src/db/reads/retention.ts';
import { enterBlocks, findDueBlocks, scanBlock } from '../../src/db/statements/retention/blocks.ts';
import { findHeldTasks } from '../../src/db/statements/retention/holds.ts';
import {
  countSteps,
  findBoundByIdentities,
  findDueTasks,
  findIdentityEnds,
} from '../../src/db/statements/retention/remove.ts';
import { analyzeHotTables } from '../../src/db/health/analyze.ts';
import { recoverSteps } from '../../src/db/statements/steps/recover-steps.ts';
import { findHeartbeats } from '../../src/db/statements/workers/expire-leases.ts';
import { findTasksByIdentity, resubmitTasks } from '../../src/db/statements/tasks/resubmit-tasks.ts';
import { notifyReadyTasks } from '../../src/db/statements/queues/notify.ts';
import { releaseSteps } from '../../src/db/statements/steps/release-steps.ts';
import { promoteSteps } from '../../src/db/statements/steps/promote-steps.ts';
import { enqueueDueSteps } from '../../src/db/statements/steps/enqueue-due-retries.ts';
import { lockOpenSteps } from '../../src/db/statements/tasks/cancel-tasks.ts';
import { findFirstOfIdentities, findTaggedTasks, purgeTasks } from '../../src/db/statements/tasks/purge-tasks.ts';
import { claim, type ClaimedStep } from '../../src/engine/claim.ts';
import { diamond, useEngine } from '../engine/engine-fixture.ts';
import { LEAST_URGENT } from '../../src/workflow/priority.ts';
import { loadTasks } from '../support/load-tasks.ts';
import { attempts, call, claiming, completing, failing, historyOf, planOf } from './plan.ts';

/** The statement may read none of these as a whole. */
const HOT = new Set([
  'tasker_tasks',
  'tasker_workflow_steps',
  'tasker_workflow_step_edges',
  'tasker_workflow_step_transitions',
  'tasker_task_transitions',
]);

const engine = await useEngine();
let workflow: number;
let worker: string;
let held: ClaimedStep[];
let taskId: string;
let identities: string[];

/** Buffers of a claim and of a completion of 64 steps, by how many tasks there are. */
const buffers = new Map<number, { claim: number; complete: number }>();

/** A batch of 64 steps with two children each, of which up to `claimLimit` may be claimed. */
const completion = (claimLimit: number) =>
  call(
    completeStatement({ children: 128, claimLimit, plans: 'pinned' }),
    completing(held, { worker, workflow, claimLimit }),
  );

async function measure(tasks: number): Promise<void> {
  await engine.test.query(analyzeHotTables.text);
  held = await claim(engine.db, { workerId: worker, queue: 'default', namedTaskIds: [workflow], limit: 64 });
  expect(held).toHaveLength(64);
  const claimed = await planOf(engine.test.pool, call(claimStatement(64, 'pinned'), claiming(worker, workflow)), {
    worker: true,
  });
  const completed = await planOf(engine.test.pool, completion(1000), { worker: true });
  buffers.set(tasks, { claim: claimed.buffers, complete: completed.buffers });
}

beforeAll(async () => {
  workflow = await engine.workflow(diamond);
  worker = (await engine.worker()).id;
  const progress = [-1, -1, 0, 1, 2];
  await loadTasks(engine.test.pool, { namedTaskId: workflow, tasks: 5000, progress });
  await measure(5000);
  await loadTasks(engine.test.pool, { namedTaskId: workflow, tasks: 45_000, progress });
  await measure(50_000);
  // One that no claim comes to: each statement that is planned here leaves dead rows of the steps that it was rolled back for.
  const [young] = await engine.test.query<{ id: string }>(`SELECT max(task_id) - 1000 AS id FROM tasker.tasker_tasks`);
  taskId = young?.id as string;
  const known = await engine.test.query<{ hash: string }>(
    `SELECT identity_hash AS hash FROM tasker.tasker_tasks ORDER BY task_id DESC LIMIT 500`,
  );
  identities = known.map(({ hash }) => hash);
  // Due retries and a dead worker's steps, so that those plans run and not only exist.
  const dead = (await engine.worker()).id;
  await claim(engine.db, { workerId: dead, queue: 'default', namedTaskIds: [workflow], limit: 256 });
  const late = await claim(engine.db, { workerId: dead, queue: 'default', namedTaskIds: [workflow], limit: 256 });
  await engine.test.query(
    `UPDATE tasker.tasker_workflow_steps
     SET state = 'error', in_process = false, claim_id = NULL, claimed_by = NULL, sort_key = sort_key + 1, next_retry_at = now()
     WHERE claim_id = $1`,
    [late[0]?.claimId],
  );
  await engine.test.query(`UPDATE tasker.tasker_workers SET stopped_at = now() WHERE worker_id = $1`, [dead]);
}, 60_000);

/** Submits of identities that have tasks. */
const repeated = () => identities.map((hash) => ({ identity_hash: hash, context: '{}' }));

describe('with 50,000 tasks', () => {
  it('a claim walks steps_ready in order, and neither sorts nor reads a table as a whole', async () => {
    const plan = await planOf(engine.test.pool, call(claimStatement(128, 'pinned'), claiming(worker, workflow)), {
      worker: true,
    });
    expect(plan.indexes).toContain('steps_ready');
    expect([...plan.sequential].filter((table) => HOT.has(table))).toEqual([]);
    expect(plan.nodeTypes).not.toContain('Bitmap Heap Scan');
    // What it updates it has locked: it goes there straight.
    expect(plan.nodeTypes).toContain('Tid Scan');
  });

  it.each([
    ['complete and claim the children', () => completion(1000)],
    ['complete and claim some of the children', () => completion(10)],
    [
      'complete and claim children of several queues',
      () =>
        call(completeStatementByQueue({ children: 128, claimLimit: 1000, plans: 'pinned' }), {
          ...completing(held, { worker, workflow, claimLimit: 1000 }),
          least_urgent: [LEAST_URGENT],
        }),
    ],
    ['complete and leave the children', () => completion(0)],
    ['load inputs', () => call(loadInputs, attempts(held))],
    [
      'load used results',
      () =>
        call(loadUsed, {
          steps: held.map((step) => ({ task_id: step.taskId, workflow_step_id: step.stepId, ordinal: 1 })),
        }),
    ],
    ['fail', () => call(failSteps, failing(held, worker))],
    ['release', () => call(releaseSteps, { ...historyOf(held), worker_id: worker })],
  ] as const)('a worker finds the rows to %s by their key', async (_, given) => {
    const plan = await planOf(engine.test.pool, given(), { worker: true });
    expect(plan.indexes).toContain('tasker_workflow_steps_pkey');
    expect([...plan.sequential].filter((table) => HOT.has(table))).toEqual([]);
  });

  it.each([
    ['find the tasks of', () => call(findTasksByIdentity, { tasks: repeated() })],
    [
      'let new tasks take over',
      () =>
        call(resubmitTasks, {
          tasks: repeated().map((task) => ({
            ...task,
            named_task_id: workflow,
            priority: null,
            initiator: null,
            source_system: null,
            reason: null,
            tags: null,
            bypass_steps: null,
            requested_at: null,
            trace_context: null,
            reuse: 'afterEnd',
            reuse_after_seconds: 60,
          })),
          namespace: null,
          name: null,
          version: null,
        }),
    ],
  ] as const)('submits %s identities by their index', async (_, given) => {
    const plan = await planOf(engine.test.pool, given());
    expect(plan.indexes).toContain('index_tasks_on_identity_hash');
    expect([...plan.sequential].filter((table) => HOT.has(table))).toEqual([]);
  });

  it.each([
    ['come off', call(enqueueDueSteps, { limit: 1000 })],
    ['are polled for on', call(findHeartbeats)],
  ] as const)('due retries %s their own index', async (_, given) => {
    const plan = await planOf(engine.test.pool, given);
    expect(plan.indexes).toContain('steps_retry_due');
    expect([...plan.sequential].filter((table) => HOT.has(table))).toEqual([]);
  });

  it('steps that waited too long are found by one descent for each queue and priority', async () => {
    const plan = await planOf(engine.test.pool, call(promoteSteps, { after_seconds: 3600, limit: 1000 }));
    expect(plan.indexes).toContain('steps_ready');
    expect([...plan.sequential].filter((table) => HOT.has(table))).toEqual([]);
    // The statements before were rolled back and have left dead entries; a table as a whole has thousands of pages.
    expect(plan.buffers).toBeLessThan(600);
  });

  it.each([
    ['worker', true],
    ['worker whose sessions are those of a pooler', false],
  ])('an idle %s reads the first entry of steps_ready, even if many steps are ready', async (_, pinned) => {
    // A workflow that this worker does not serve: its own queue looks as full to the planner as it is.
    for (const served of [workflow, -1]) {
      const given = call(checkIdle, {
        queues: ['default'],
        quarantines: ['default~quarantine'],
        named_task_ids: [served],
        worker_id: worker,
        known_claims: [],
      });
      const plan = await planOf(engine.test.pool, given, { worker: pinned });
      expect(plan.indexes).toContain('steps_ready');
      expect([...plan.sequential].filter((table) => table === 'tasker_workflow_steps')).toEqual([]);
    }
  });

  it('the recovery of dead workers reads claims and the steps that they name', async () => {
    const plan = await planOf(engine.test.pool, call(recoverSteps, { limit: 500, claim_ids: null }));
    expect(plan.indexes).toContain('tasker_workflow_steps_pkey');
    expect([...plan.sequential].filter((table) => HOT.has(table))).toEqual([]);
  });

  it('the notification after the commit of a caller reads the steps of its tasks only', async () => {
    const task_ids = [0, 1, 2].map((more) => String(Number(taskId) + more));
    const plan = await planOf(engine.test.pool, call(notifyReadyTasks, { channel: 'tasker_ready', task_ids }));
    expect(plan.indexes).toContain('tasker_workflow_steps_pkey');
    expect([...plan.sequential].filter((table) => HOT.has(table))).toEqual([]);
    expect(plan.buffers).toBeLessThanOrEqual(30);
  });

  it('a purge finds the rows of its tasks by their keys, and a search for a tag reads one page of tasks', async () => {
    const task_ids = [0, 1, 2].map((more) => String(Number(taskId) + more));
    for (const given of [
      call(lockOpenSteps, { task_ids }),
      call(findFirstOfIdentities, { task_ids }),
      call(purgeTasks, { task_ids }),
      call(findTaggedTasks, { tag: 'tenant=acme', below: taskId, size: 1000 }),
    ]) {
      const plan = await planOf(engine.test.pool, given);
      expect([...plan.sequential].filter((table) => HOT.has(table))).toEqual([]);
      expect(plan.buffers).toBeLessThanOrEqual(1000);
    }
  });

  it('retention reads a block of tasks by their key, and decides about a batch of them by theirs', async () => {
    const task_ids = Array.from({ length: 100 }, (_, more) => String(Number(taskId) - 100 + more));
    const policies = [
      { named_task_id: workflow, state: 'complete', keep_seconds: 1 },
      { named_task_id: workflow, state: 'error', keep_seconds: 1 },
    ];
    const first_task_id = String(Math.floor(Number(taskId) / 1000) * 1000);
    for (const [given, pages] of [
      [call(scanBlock, { first_task_id, policies }), 6000],
      [call(enterBlocks, { from: '0', until: null, limit: 10 }), 60],
      [call(findDueTasks, { task_ids, policies }), 800],
      [call(findHeldTasks, { task_ids }), 800],
      [call(findIdentityEnds, { task_ids }), 800],
      [call(findBoundByIdentities, { task_ids }), 800],
      [call(countSteps, { task_ids }), 1500],
      [call(readDuePage, { below: taskId, size: 1000, policies }), 6000],
    ] as const) {
      const plan = await planOf(engine.test.pool, given);
      expect([...plan.sequential].filter((table) => HOT.has(table))).toEqual([]);
      expect(plan.buffers).toBeLessThanOrEqual(pages);
    }
  });

  it('retention finds the blocks that are due by their index, however many there are', async () => {
    await engine.test.query(`INSERT INTO tasker.tasker_retention_blocks (first_task_id, next_at)
      SELECT n * 1000, now() + make_interval(secs => n - 3) FROM generate_series(1, 50000) n`);
    await engine.test.query('ANALYZE tasker.tasker_retention_blocks');
    const plan = await planOf(engine.test.pool, call(findDueBlocks, { limit: 8 }));
    expect(plan.indexes).toContain('retention_blocks_due');
    expect(plan.buffers).toBeLessThanOrEqual(20);
    await engine.test.query('DELETE FROM tasker.tasker_retention_blocks');
  });

  it('waiters check tasks by the key, and read the steps of those that have ended', async () => {
    const ids = Array.from({ length: 2000 }, (_, more) => String(Number(taskId) - 1000 + more));
    const known = ids.map((watched_id) => ({ watched_id, task_version: null }));
    for (const [given, key] of [
      [call(findChangedTasks, { known }), 'tasker_tasks_pkey'],
      [call(findStepsOfTasks, { tasks: ids.map((task_id) => ({ task_id })) }), 'tasker_workflow_steps_pkey'],
    ] as const) {
      const plan = await planOf(engine.test.pool, given);
      expect(plan.indexes).toContain(key);
      expect([...plan.sequential].filter((table) => HOT.has(table))).toEqual([]);
    }
  });

  it('run statistics are counted from the keys of the tasks that a round visits', async () => {
    const task_ids = Array.from({ length: 1000 }, (_, more) => String(Number(taskId) - 1000 + more));
    for (const given of [
      call(countRuns, { task_ids }),
      call(pickListedTasks, { limit: 1000 }),
      call(pickYoungTasks, { limit: 1000 }),
      call(keepListedTasks, { cursor: taskId }),
      call(listAgedTasks, { cursor: taskId }),
      call(openSlice, { slice_seconds: 0, settle_seconds: 0, young_seconds: 0 }),
    ]) {
      const plan = await planOf(engine.test.pool, given);
      expect([...plan.sequential].filter((table) => HOT.has(table))).toEqual([]);
    }
  });

  it.each([
    ['the context of one task', 'task_id = $1', () => [taskId], 12],
    ['a page of 50 contexts', 'task_id > $1 ORDER BY task_id LIMIT 50', () => [taskId], 500],
  ] as const)('%s reads the steps of its tasks only', async (_, where, values, pages) => {
    const text = `SELECT * FROM tasker.tasker_task_execution_contexts WHERE ${where}`;
    const plan = await planOf(engine.test.pool, { text, values: values() });
    expect(plan.indexes).toContain('tasker_workflow_steps_pkey');
    expect([...plan.sequential].filter((table) => HOT.has(table))).toEqual([]);
    expect(plan.buffers).toBeLessThanOrEqual(pages);
  });
});

describe('from 5,000 to 50,000 tasks', () => {
  it.each(['claim', 'complete'] as const)('the pages that a step costs stay the same for %s', (what) => {
    const small = (buffers.get(5000) as { claim: number; complete: number })[what];
    const large = (buffers.get(50_000) as { claim: number; complete: number })[what];
    // An index that is a level deeper costs one page more for each row that is found; anything that follows the table would cost ten times.
    expect(large / small).toBeLessThan(1.6);
  });
});
