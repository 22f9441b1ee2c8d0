import { beforeAll, describe, expect, it } from 'vitest';
import { examine } from '../../src/db/doctor/examine.ts';
import { cancel } from '../../src/engine/cancel.ts';
import { purge } from '../../src/engine/purge.ts';
import { submit } from '../../src/engine/submit.ts';
import { first } from '../support/first.ts';
import { diamond, useEngine } from './engine-fixture.ts';

const engine = await useEngine();
const id = await engine.workflow(diamond);
let worker: Awaited<ReturnType<typeof engine.worker>>;
beforeAll(async () => {
  worker = await engine.worker();
});

const TABLES = ['tasks', 'workflow_steps', 'workflow_step_edges', 'workflow_step_transitions', 'task_transitions'];

/** The rows of a task in each table that has any. */
async function rowsOf(taskId: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of [...TABLES, 'identities']) {
    const rows = await engine.test.query(`SELECT FROM tasker.tasker_${table} WHERE task_id = $1`, [taskId]);
    if (rows.length > 0) counts[table] = rows.length;
  }
  return counts;
}

async function completed(): Promise<string> {
  const taskId = await engine.submitOne(id);
  for (let steps = await worker.claim(); steps.length > 0; steps = await worker.claim()) await worker.complete(steps);
  expect(await engine.taskState(taskId)).toBe('complete');
  return taskId;
}

describe('a purge', () => {
  it('removes a task with every row of it, says how many, and leaves the others', async () => {
    const [gone, stays] = [await completed(), await completed()];
    const before = await rowsOf(stays);
    expect(await purge(engine.db, [gone, '424242'])).toEqual({
      purged: { tasks: 1, steps: 4, edges: 4, transitions: 10 },
      kept: [],
      missing: ['424242'],
    });
    expect(await rowsOf(gone)).toEqual({});
    expect(await rowsOf(stays)).toEqual(before);
    expect(await examine(engine.db)).toEqual([]);
  });

  it('leaves tasks that have not ended, those in error among them', async () => {
    const open = await engine.submitOne(id);
    const failed = await engine.submitOne(id);
    const steps = await worker.claim();
    await worker.fail(first(steps.filter((step) => step.taskId === failed)), { permanent: true });
    expect(await engine.taskState(failed)).toBe('error');
    const ended = await engine.submitOne(id);
    await cancel(engine.db, ended);
    expect(await purge(engine.db, [open, failed, ended])).toMatchObject({
      purged: { tasks: 1 },
      kept: [
        { taskId: open, reason: 'open', state: 'in_progress' },
        { taskId: failed, reason: 'open', state: 'error' },
      ],
    });
    expect(await rowsOf(ended)).toEqual({});
    expect((await purge(engine.db, [open, failed], { open: true })).purged.tasks).toBe(2);
    // The handler that ran meanwhile has nothing left to complete.
    expect((await worker.complete(steps.filter((step) => step.taskId === open))).lost).toHaveLength(1);
    expect(await examine(engine.db)).toEqual([]);
  });

  it('removes nothing in a dry run', async () => {
    const taskId = await completed();
    const before = await rowsOf(taskId);
    const { purged } = await purge(engine.db, [taskId], { dryRun: true });
    expect(await rowsOf(taskId)).toEqual(before);
    expect(purged).toMatchObject({ tasks: 1 });
    expect(Math.min(purged.steps, purged.edges, purged.transitions)).toBeGreaterThan(0);
    expect((await purge(engine.db, [taskId])).purged).toEqual(purged);
  });
});

describe('the first task of an identity that a later one holds', () => {
  const again = async (identityHash: string): Promise<string> => {
    const submitted = first(
      await submit(engine.db, [{ namedTaskId: id, identityHash, context: '{}', reuse: 'afterFailure' }]),
    );
    expect(submitted.outcome).toBe('created');
    await cancel(engine.db, submitted.taskId);
    return submitted.taskId;
  };

  it('stays while a later one does, and goes with the last of them', async () => {
    const [one, two, three] = [await again('chain'), await again('chain'), await again('chain')];
    const kept = [{ taskId: one, reason: 'identity', heldBy: three }];
    expect(await purge(engine.db, [one, two])).toMatchObject({ purged: { tasks: 1 }, kept });
    expect(await purge(engine.db, [one])).toMatchObject({ purged: { tasks: 0 }, kept });
    expect(await examine(engine.db)).toEqual([]);
    expect(await purge(engine.db, [one, three])).toMatchObject({ purged: { tasks: 2 }, kept: [] });
    expect(await rowsOf(one)).toEqual({});
    // The identity is free: a submit without a rule of reuse creates its first task.
    const submitted = await submit(engine.db, [{ namedTaskId: id, identityHash: 'chain', context: '{}' }]);
    expect(submitted).toMatchObject([{ outcome: 'created' }]);
    expect(await examine(engine.db)).toEqual([]);
  });

  it('stays if the later one may not go', async () => {
    const one = await again('half');
    const [two] = await submit(engine.db, [
      { namedTaskId: id, identityHash: 'half', context: '{}', reuse: 'afterFailure' },
    ]);
    expect(await purge(engine.db, [one, two?.taskId as string])).toMatchObject({
      purged: { tasks: 0 },
      kept: [
        { taskId: two?.taskId, reason: 'open', state: 'pending' },
        { taskId: one, reason: 'identity', heldBy: two?.taskId },
      ],
    });
  });
});

describe('a purge that removes nothing', () => {
  const audit = () =>
    engine.test.query<Record<string, unknown>>(
      `SELECT subject, subject_id, by, reason, outcome, refused, details FROM tasker.tasker_audit WHERE act = 'task.purge' ORDER BY audit_id DESC LIMIT 2`,
    );

  it('is in the audit, with why each task was kept, and so is the part that it kept', async () => {
    const action = { by: 'ada', reason: 'the customer asked' };
    const open = await engine.submitOne(id);
    await purge(engine.db, [open], action);
    const refusal = { subject: 'task', subject_id: open, ...action, outcome: 'kept', refused: true };
    expect((await audit())[0]).toEqual({ ...refusal, details: { reasons: { [open]: 'open' } } });
    const ended = await engine.submitOne(id);
    await cancel(engine.db, ended);
    await purge(engine.db, [open, ended], action);
    expect(await audit()).toMatchObject([
      refusal,
      { subject_id: ended, outcome: 'purged', refused: false, details: { kept: 1, task_ids: [ended] } },
    ]);
  });

  it('leaves no row if it was a dry run', async () => {
    const before = await audit();
    await purge(engine.db, [await engine.submitOne(id)], { by: 'ada', dryRun: true });
    expect(await audit()).toEqual(before);
  });
});
