import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { examine } from '../../src/db/doctor/examine.ts';
import { announceKeep } from '../../src/db/statements/retention/policies.ts';
import { cancel } from '../../src/engine/cancel.ts';
import { endHold, setHold } from '../../src/engine/holds.ts';
import { purge } from '../../src/engine/purge.ts';
import { removeTasks } from '../../src/engine/remove-tasks.ts';
import { removeOnly, retainOnce } from '../../src/engine/retain.ts';
import { retry } from '../../src/engine/retry.ts';
import { submit } from '../../src/engine/submit.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { first } from '../support/first.ts';
import { useEngine } from './engine-fixture.ts';

const engine = await useEngine();
const { db, test } = engine;
const kept = defineWorkflow({ name: 'kept', input: z.unknown(), keep: { complete: '30d', cancelled: '7d' } }).step(
  'only',
  () => 1,
);
const plain = defineWorkflow({ name: 'plain', input: z.unknown() }).step('only', () => 1);
const id = await engine.workflow(kept);
const plainId = await engine.workflow(plain);
let worker: Awaited<ReturnType<typeof engine.worker>>;
beforeAll(async () => {
  worker = await engine.worker();
  await test.query(`UPDATE tasker.tasker_run_stats_progress SET counted_until = clock_timestamp() + interval '1 day'`);
});

const leaseId = randomUUID();
/** Rounds until there is no more to do; the number of tasks that went. */
async function retain(batch = 100, youngSeconds = 600): Promise<number> {
  let tasks = 0;
  for (let rounds = 0; rounds < 50; rounds += 1) {
    const round = await retainOnce(db, { leaseId, remover: removeOnly(db, batch), youngSeconds });
    tasks += round.tasks;
    if (!round.more) return tasks;
  }
  throw new Error('retention does not come to an end');
}

const DAY = 86_400;
/** Makes tasks as old as if they had ended this many seconds earlier. */
async function age(taskId: string, seconds: number): Promise<void> {
  await test.query(
    `UPDATE tasker.tasker_tasks SET completed_at = completed_at - make_interval(secs => $2), requested_at = requested_at - make_interval(secs => $2) WHERE task_id = $1`,
    [taskId, seconds],
  );
  for (const table of ['task_transitions', 'workflow_step_transitions'])
    await test.query(
      `UPDATE tasker.tasker_${table} SET created_at = created_at - make_interval(secs => $2) WHERE task_id = $1`,
      [taskId, seconds],
    );
  // As if that time had passed for retention as well.
  await test.query(
    `UPDATE tasker.tasker_retention_blocks SET next_at = CASE WHEN next_at = 'infinity' THEN next_at ELSE next_at - make_interval(secs => $1) END`,
    [seconds],
  );
}

async function cancelled(options: Parameters<typeof engine.submitOne>[1] = {}, workflow = id): Promise<string> {
  const taskId = await engine.submitOne(workflow, options);
  await cancel(db, taskId);
  return taskId;
}

async function completed(workflow = id): Promise<string> {
  const taskId = await engine.submitOne(workflow);
  await worker.complete(await worker.claim());
  expect(await engine.taskState(taskId)).toBe('complete');
  return taskId;
}

async function failed(workflow = id): Promise<string> {
  const taskId = await engine.submitOne(workflow);
  await worker.fail(first(await worker.claim()), { permanent: true });
  expect(await engine.taskState(taskId)).toBe('error');
  return taskId;
}

const there = async (taskId: string): Promise<boolean> =>
  (await test.query('SELECT FROM tasker.tasker_tasks WHERE task_id = $1', [taskId])).length === 1;

describe('retention', () => {
  it('removes what its policy keeps no longer, by state, and nothing else', async () => {
    const [young, old, stopped, error, other] = [
      await completed(),
      await completed(),
      await cancelled(),
      await failed(),
      await completed(plainId),
    ];
    await age(young, 29 * DAY);
    await age(old, 31 * DAY);
    await age(stopped, 8 * DAY);
    await age(error, 400 * DAY);
    await age(other, 400 * DAY);
    expect(await retain()).toBe(2);
    expect(await Promise.all([young, old, stopped, error, other].map(there))).toEqual([true, false, false, true, true]);
    expect(await retain()).toBe(0);
    await age(young, 2 * DAY);
    expect(await retain()).toBe(1);
    expect(await there(young)).toBe(false);
    expect(
      await test.query('SELECT state, tasks::int, steps::int FROM tasker.tasker_retention_removed ORDER BY 1'),
    ).toEqual([
      { state: 'cancelled', tasks: 1, steps: 1 },
      { state: 'complete', tasks: 2, steps: 2 },
    ]);
    expect(await examine(db)).toEqual([]);
  });

  it('removes nothing that the run statistics have not counted', async () => {
    const taskId = await cancelled();
    await age(taskId, 8 * DAY);
    await test.query(
      `UPDATE tasker.tasker_run_stats_progress SET counted_until = clock_timestamp() - interval '9 days'`,
    );
    expect(await retain()).toBe(0);
    expect((await db.transaction((tx) => removeTasks(tx, [taskId]))).kept).toEqual([{ taskId, reason: 'changed' }]);
    await test.query(
      `UPDATE tasker.tasker_run_stats_progress SET counted_until = clock_timestamp() + interval '1 day'`,
    );
    await test.query(`UPDATE tasker.tasker_retention_blocks SET next_at = next_at - interval '1 minute'`);
    expect(await retain()).toBe(1);
  });

  it('takes large amounts in batches', async () => {
    const ids = await Promise.all(Array.from({ length: 25 }, () => cancelled()));
    for (const taskId of ids) await age(taskId, 8 * DAY);
    expect(await retain(10)).toBe(25);
  });

  it('applies a policy that became shorter to the tasks that are there', async () => {
    const taskId = await completed(plainId);
    await age(taskId, 40 * DAY);
    expect(await retain()).toBe(0);
    await db.run(announceKeep, { keep: 'default/plain:complete=50d' });
    // The one of the first test, 400 days old.
    expect(await retain()).toBe(1);
    await db.run(announceKeep, { keep: 'complete=39d' });
    expect(await retain()).toBe(1);
    expect(await there(taskId)).toBe(false);
    await db.run(announceKeep, { keep: '' });
  });

  it('leaves a task in error that is retried after it was chosen', async () => {
    await db.run(announceKeep, { keep: 'default/kept:error=1d' });
    const taskId = await failed();
    await age(taskId, 2 * DAY);
    const remover = {
      batch: 100,
      remove: async (taskIds: readonly string[]) => {
        if (taskIds.includes(taskId)) await retry(db, taskId);
        return removeOnly(db).remove(taskIds);
      },
    };
    await retainOnce(db, { leaseId, remover, youngSeconds: 600 });
    expect(await engine.taskState(taskId)).toBe('in_progress');
    await worker.complete(await worker.claim());
    await db.run(announceKeep, { keep: '' });
  });

  it('visits a block again when something in it that was open may be due, and not before', async () => {
    await test.query(`UPDATE tasker.tasker_retention SET settled_up_to = 1000000`);
    const taskId = await engine.submitOne(id);
    await test.query(`UPDATE tasker.tasker_retention_blocks SET next_at = clock_timestamp()`);
    await retain();
    const [block] = await test.query<{ days: number }>(
      `SELECT extract(epoch FROM min(next_at) - clock_timestamp())::float8 / 86400 AS days FROM tasker.tasker_retention_blocks`,
    );
    expect(block?.days).toBeGreaterThan(6.99);
    expect(block?.days).toBeLessThan(7.01);
    await cancel(db, taskId);
    await test.query(`UPDATE tasker.tasker_retention SET settled_up_to = 0`);
  });
});

describe('the blocks', () => {
  const blockOf = (firstId: number) =>
    test.query<{ seconds: number }>(
      `SELECT extract(epoch FROM next_at - clock_timestamp())::float8 AS seconds FROM tasker.tasker_retention_blocks WHERE first_task_id = $1`,
      [firstId],
    );

  it('that are not full are visited again as soon as a task that comes later may be due', async () => {
    await db.run(announceKeep, { keep: 'cancelled=90s' });
    await completed();
    await retain();
    await test.query(`UPDATE tasker.tasker_retention_blocks SET next_at = clock_timestamp()`);
    await retain();
    expect((await blockOf(0))[0]?.seconds).toBeLessThan(91);
    expect((await blockOf(0))[0]?.seconds).toBeGreaterThan(80);
    await db.run(announceKeep, { keep: '' });
  });

  it('of ids that became visible after higher ones are entered when the ids behind them are old enough', async () => {
    const [copied] = await test.query<{ task_id: string }>(
      `INSERT INTO tasker.tasker_tasks (task_id, named_task_id, context, identity_hash)
       SELECT 7500, named_task_id, context, 'high' FROM tasker.tasker_tasks LIMIT 1 RETURNING task_id`,
    );
    expect(copied?.task_id).toBe('7500');
    await retain();
    expect(await blockOf(7000)).toHaveLength(1);
    // A transaction that began long ago commits.
    await test.query(
      `INSERT INTO tasker.tasker_tasks (task_id, named_task_id, context, identity_hash)
       SELECT 5500, named_task_id, context, 'late' FROM tasker.tasker_tasks LIMIT 1`,
    );
    await retain();
    expect(await blockOf(5000)).toEqual([]);
    await test.query(`UPDATE tasker.tasker_retention SET next_settled_at = NULL`);
    await retain();
    await retain(100, 0);
    expect(await blockOf(5000)).toHaveLength(1);
    await test.query('DELETE FROM tasker.tasker_tasks WHERE task_id IN (5500, 7500)');
    await test.query('UPDATE tasker.tasker_retention_blocks SET next_at = clock_timestamp()');
    await retain();
    // The one below the settled ids is gone; the other may still get tasks.
    expect([(await blockOf(5000)).length, (await blockOf(7000)).length]).toEqual([0, 1]);
    expect(await examine(db)).toEqual([]);
    await test.query('UPDATE tasker.tasker_retention SET settled_up_to = 0, entered_up_to = 0');
  });

  it('are visited by one scheduler, and the others report how far it is', async () => {
    const remover = removeOnly(db);
    await test.query(`UPDATE tasker.tasker_retention_blocks SET next_at = clock_timestamp() - interval '1 h'`);
    const other = await retainOnce(db, { leaseId: randomUUID(), remover, youngSeconds: 600 });
    expect([other.tasks, other.more]).toEqual([0, false]);
    expect(other.lagSeconds).toBeGreaterThan(3599);
    // This one has died.
    await test.query(`UPDATE tasker.tasker_retention SET leased_until = clock_timestamp()`);
    const heir = randomUUID();
    expect((await retainOnce(db, { leaseId: heir, remover, youngSeconds: 600 })).lagSeconds).toBeGreaterThan(3599);
    expect((await retainOnce(db, { leaseId, remover, youngSeconds: 600 })).lagSeconds).toBe(0);
    await test.query(`UPDATE tasker.tasker_retention SET leased_until = NULL`);
  });
});

describe('a legal hold', () => {
  it('keeps a task from retention and from a purge, by its tag or its id, until it ends', async () => {
    const tagged = await cancelled({ tags: ['tenant=acme'] });
    const byId = await cancelled();
    await age(tagged, 8 * DAY);
    await age(byId, 8 * DAY);
    const onTag = first([await setHold(db, { tag: 'tenant=acme' }, { reason: 'case 7', by: 'ada' })]);
    const onTask = first([await setHold(db, { taskId: byId }, { reason: 'case 8', by: 'ada' })]);
    await retain();
    expect(await Promise.all([tagged, byId].map(there))).toEqual([true, true]);
    expect(await purge(db, [tagged, byId], { open: true })).toMatchObject({
      purged: { tasks: 0 },
      kept: [
        { taskId: tagged, reason: 'hold', hold: { holdId: onTag?.holdId, tag: 'tenant=acme', reason: 'case 7' } },
        { taskId: byId, reason: 'hold', hold: { holdId: onTask?.holdId, reason: 'case 8' } },
      ],
    });
    await endHold(db, onTask?.holdId as string);
    expect(await retain()).toBe(1);
    await endHold(db, onTag?.holdId as string);
    expect(await retain()).toBe(1);
    expect(await setHold(db, { taskId: byId }, { reason: 'too late', by: 'ada' })).toBeUndefined();
    expect(await examine(db)).toEqual([]);
  });
});

describe('the tasks of an identity', () => {
  const again = async (identityHash: string): Promise<string> => {
    const submitted = first(
      await submit(db, [{ namedTaskId: id, identityHash, context: '{}', reuse: 'afterFailure' }]),
    );
    await cancel(db, submitted.taskId);
    return submitted.taskId;
  };

  it('go one by one, but the first and the latest only together and last', async () => {
    const [one, two, three] = [await again('chain'), await again('chain'), await again('chain')] as const;
    await age(one, 20 * DAY);
    await age(three, 8 * DAY);
    expect(await retain()).toBe(0);
    await age(two, 8 * DAY);
    await test.query(`UPDATE tasker.tasker_retention_blocks SET next_at = clock_timestamp()`);
    expect(await retain()).toBe(3);
    expect(await Promise.all([one, two, three].map(there))).toEqual([false, false, false]);
    expect(await examine(db)).toEqual([]);
  });

  it('lose those between them first', async () => {
    const [one, two, three] = [await again('long'), await again('long'), await again('long')] as const;
    await age(one, 20 * DAY);
    await age(two, 8 * DAY);
    expect(await retain()).toBe(1);
    expect(await Promise.all([one, two, three].map(there))).toEqual([true, false, true]);
    await age(three, 8 * DAY);
    expect(await retain()).toBe(2);
    expect(await test.query('SELECT FROM tasker.tasker_identities')).toEqual([]);
  });
});
