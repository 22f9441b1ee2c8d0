import { beforeAll, describe, expect, it } from 'vitest';
import { inCallersTransaction } from '../../src/db/connections/callers-transaction.ts';
import { cancel } from '../../src/engine/cancel.ts';
import { resolveStep, resolveTask } from '../../src/engine/resolve.ts';
import { retry } from '../../src/engine/retry.ts';
import { UnknownWorkflowError } from '../../src/errors.ts';
import { type NewTask, submit, submitIn } from '../../src/engine/submit.ts';
import { readTask } from '../../src/reads/task.ts';
import { first } from '../support/first.ts';
import { diamond, useEngine } from './engine-fixture.ts';

const engine = await useEngine();
const id = await engine.workflow(diamond);
const request = (identityHash: string, options: Partial<NewTask> = {}): NewTask => ({
  namedTaskId: id,
  identityHash,
  context: '{"n":1}',
  ...options,
});
const submitOne = async (identityHash: string, options: Partial<NewTask> = {}) =>
  first(await submit(engine.db, [request(identityHash, options)]));

let worker: Awaited<ReturnType<typeof engine.worker>>;
beforeAll(async () => {
  worker = await engine.worker();
});

async function complete(taskId: string): Promise<void> {
  for (let steps = await worker.claim(); steps.length > 0; steps = await worker.claim()) await worker.complete(steps);
  expect((await readTask(engine.db, taskId))?.state).toBe('complete');
}

async function failFirstStep(taskId: string): Promise<void> {
  const steps = await worker.claim();
  await worker.fail(first(steps.filter((step) => step.taskId === taskId)), { permanent: true });
  expect((await readTask(engine.db, taskId))?.state).toBe('error');
}

/** A task of this identity in this state. */
async function ended(identity: string, state: 'complete' | 'error' | 'cancelled' | 'resolved_manually') {
  const { taskId } = await submitOne(identity);
  if (state === 'complete') await complete(taskId);
  else if (state === 'cancelled') await cancel(engine.db, taskId);
  else await failFirstStep(taskId);
  if (state === 'resolved_manually') await resolveTask(engine.db, taskId);
  return taskId;
}

describe('a submit of an identity that is taken says whether its input is another one', () => {
  it('by the values of jsonb: order and spaces do not matter', async () => {
    const { taskId } = await submitOne('other input', { context: '{"a":1,"b":[1.0,2]}' });
    const existing = (inputDiffers: boolean) => ({ outcome: 'existing', taskId, inputDiffers });
    expect(await submitOne('other input', { context: '{ "b": [1, 2.00], "a": 1 }' })).toEqual(existing(false));
    expect(await submitOne('other input', { context: '{"a":1,"b":[2,1]}' })).toEqual(existing(true));
    expect(await submitOne('other input', { context: 'null' })).toEqual(existing(true));
  });

  it('within one batch, each for itself', async () => {
    const contexts = ['{"n":1}', '{"n":2}', '{"n":1}'];
    const submitted = await submit(
      engine.db,
      contexts.map((context) => request('one batch', { context })),
    );
    expect(submitted.map((each) => (each.outcome === 'existing' ? each.inputDiffers : each.outcome))).toEqual([
      'created',
      true,
      false,
    ]);
  });
});

describe('a reuse rule', () => {
  it.each([
    ['never', 'error', 'existing'],
    ['afterFailure', 'error', 'created'],
    ['afterFailure', 'cancelled', 'created'],
    ['afterFailure', 'complete', 'existing'],
    ['afterFailure', 'resolved_manually', 'existing'],
    ['afterEnd', 'error', 'created'],
    ['afterEnd', 'cancelled', 'created'],
    ['afterEnd', 'complete', 'created'],
    ['afterEnd', 'resolved_manually', 'created'],
  ] as const)('%s: after a task in state %s the outcome is %s', async (reuse, state, outcome) => {
    const identity = `${reuse} ${state}`;
    const former = await ended(identity, state);
    const again = await submitOne(identity, { reuse });
    expect(again.outcome).toBe(outcome);
    if (outcome === 'existing') expect(again.taskId).toBe(former);
    else expect(again).toEqual({ outcome, taskId: expect.any(String), replaces: former });
    await cancel(engine.db, again.taskId);
  });

  it('leaves a task alone that has not ended', async () => {
    const { taskId } = await submitOne('goes on');
    expect(await submitOne('goes on', { reuse: 'afterEnd' })).toMatchObject({ outcome: 'existing', taskId });
    await cancel(engine.db, taskId);
  });

  it('counts its window from the end of the present task, of one in error too', async () => {
    for (const [state, moved] of [
      ['cancelled', `UPDATE tasker.tasker_tasks SET completed_at = completed_at - interval '1 h' WHERE task_id = $1`],
      [
        'error',
        `UPDATE tasker.tasker_task_transitions SET created_at = created_at - interval '1 h' WHERE task_id = $1`,
      ],
    ] as const) {
      const identity = `window ${state}`;
      const former = await ended(identity, state);
      const rule = { reuse: 'afterFailure', reuseAfterSeconds: 1800 } as const;
      expect(await submitOne(identity, rule)).toMatchObject({ outcome: 'existing', taskId: former });
      await engine.test.query(moved, [former]);
      const again = await submitOne(identity, rule);
      expect(again).toMatchObject({ outcome: 'created', replaces: former });
      await cancel(engine.db, again.taskId);
    }
  });

  it('makes one chain: each task replaces the one before, and later submits find the last', async () => {
    const chain = [await ended('chain', 'cancelled')];
    for (let generation = 2; generation <= 12; generation += 1) {
      const again = await submitOne('chain', { reuse: 'afterFailure' });
      expect(again).toMatchObject({ outcome: 'created', replaces: chain.at(-1) });
      await cancel(engine.db, again.taskId);
      chain.push(again.taskId);
    }
    expect(await submitOne('chain', { context: '{}' })).toEqual({
      outcome: 'existing',
      taskId: chain.at(-1),
      inputDiffers: true,
    });
    const hashes = await Promise.all(chain.map(async (task) => (await readTask(engine.db, task))?.identity_hash));
    expect(new Set(hashes).size).toBe(chain.length);
    const middle = await readTask(engine.db, chain[5] as string);
    expect(middle).toMatchObject({ replaces: chain[4], superseded_by: chain[6] });
    expect(await readTask(engine.db, chain[0] as string)).toMatchObject({ replaces: null, superseded_by: chain[1] });
  });

  it('creates complete tasks, in a batch with others, in the order of the input', async () => {
    const former = await ended('batch', 'cancelled');
    const submitted = await submit(engine.db, [
      request('batch new', { reuse: 'afterEnd' }),
      request('batch', { reuse: 'afterEnd', priority: 7 }),
      request('batch', { reuse: 'afterEnd', context: '{}' }),
    ]);
    expect(submitted).toMatchObject([
      { outcome: 'created' },
      { outcome: 'created', replaces: former },
      { outcome: 'existing', taskId: submitted[1]?.taskId, inputDiffers: true },
    ]);
    const task = await readTask(engine.db, submitted[1]?.taskId as string);
    expect(task).toMatchObject({ priority: 7, context: { n: 1 } });
    expect(task?.steps.map((step) => [step.name, step.parents.length, step.ready])).toEqual([
      ['a', 0, true],
      ['b', 1, false],
      ['c', 1, false],
      ['d', 2, false],
    ]);
    await Promise.all(submitted.map(({ taskId }) => cancel(engine.db, taskId)));
  });

  it('of a batch, the request whose rule allows it creates the task', async () => {
    const former = await ended('mixed rules', 'cancelled');
    const submitted = await submit(engine.db, [
      request('mixed rules', { context: '"first"' }),
      request('mixed rules', { context: '"second"', reuse: 'afterEnd' }),
    ]);
    const taskId = submitted[1]?.taskId as string;
    expect(submitted).toEqual([
      { outcome: 'existing', taskId, inputDiffers: true },
      { outcome: 'created', taskId, replaces: former },
    ]);
    await cancel(engine.db, taskId);
  });

  it('creates nothing under an id that is not the workflow, and says so', async () => {
    const former = await ended('another workflow', 'cancelled');
    const refused = submit(engine.db, [request('another workflow', { reuse: 'afterEnd' })], {
      namespace: 'default',
      name: 'another',
      version: '0.1.0',
    });
    await expect(refused).rejects.toBeInstanceOf(UnknownWorkflowError);
    expect(await submitOne('another workflow')).toMatchObject({ outcome: 'existing', taskId: former });
  });

  it('creates one task when many submit at once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const former = await ended(`race ${round}`, 'cancelled');
      const submitted = await Promise.all(
        Array.from({ length: 12 }, () => submitOne(`race ${round}`, { reuse: 'afterEnd' })),
      );
      expect(submitted.filter(({ outcome }) => outcome === 'created')).toHaveLength(1);
      expect(new Set(submitted.map(({ taskId }) => taskId)).size).toBe(1);
      expect(submitted[0]?.taskId).not.toBe(former);
      await cancel(engine.db, first(submitted).taskId);
    }
  });

  it('belongs to the transaction of the caller', async () => {
    const former = await ended('in a transaction', 'cancelled');
    const client = await engine.test.pool.connect();
    try {
      await client.query('BEGIN');
      const [again] = await submitIn(inCallersTransaction(client), [
        request('in a transaction', { reuse: 'afterEnd' }),
      ]);
      expect(again).toMatchObject({ outcome: 'created', replaces: former });
      await client.query('ROLLBACK');
    } finally {
      client.release();
    }
    expect(await submitOne('in a transaction')).toMatchObject({ outcome: 'existing', taskId: former });
  });
});

describe('a task whose identity was taken over', () => {
  it('does not go on: retry and resolve of a step name the task that took over', async () => {
    const former = await ended('taken', 'error');
    const { taskId } = await submitOne('taken', { reuse: 'afterFailure' });
    const superseded = { outcome: 'superseded', state: 'error', by: taskId };
    expect(await retry(engine.db, former)).toEqual(superseded);
    expect(await resolveStep(engine.db, former, 'a')).toEqual(superseded);
    expect((await readTask(engine.db, former))?.state).toBe('error');
    await cancel(engine.db, taskId);
  });

  it('cannot be locked by a transaction whose snapshot is older, and which would let it go on', async () => {
    const former = await ended('taken in another snapshot', 'error');
    const client = await engine.test.pool.connect();
    try {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      await client.query('SELECT FROM tasker.tasker_identities');
      const { taskId } = await submitOne('taken in another snapshot', { reuse: 'afterFailure' });
      const locked = client.query('SELECT FROM tasker.tasker_tasks WHERE task_id = $1 FOR NO KEY UPDATE', [former]);
      await expect(locked).rejects.toMatchObject({ code: '40001' });
      await cancel(engine.db, taskId);
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
  });

  it('can be declared done', async () => {
    const former = await ended('taken and resolved', 'error');
    const { taskId } = await submitOne('taken and resolved', { reuse: 'afterFailure' });
    expect(await resolveTask(engine.db, former)).toMatchObject({ outcome: 'resolved' });
    await cancel(engine.db, taskId);
  });
});
