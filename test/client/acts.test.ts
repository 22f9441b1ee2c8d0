import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TaskFilter } from '../../src/reads/task-filter.ts';
import { createClient } from '../../src/client/client.ts';
import { BROKEN_CHAIN } from '../../src/db/reads/audit.ts';
import { examine } from '../../src/db/doctor/examine.ts';
import { sealActs } from '../../src/engine/audit.ts';
import type { ChainedAct } from '../../src/reads/audit.ts';
import { type ChainedLine, verifyExport } from '../../src/reads/verify-export.ts';
import { diamond, useEngine } from '../engine/engine-fixture.ts';
import { first } from '../support/first.ts';

const engine = await useEngine();
const client = createClient({ url: engine.test.url, notify: false });
afterAll(() => client.close());
const id = await engine.workflow(diamond);

const act = { by: 'ada', reason: 'ticket 7' };
const newest = async (on: { kind: string; id: string }) => first(await client.audit({ on, limit: 1 }));

async function failedTask(): Promise<string> {
  const worker = await engine.worker();
  const taskId = await engine.submitOne(id);
  const steps = await worker.claim();
  await worker.fail(first(steps.filter((step) => step.taskId === taskId)), { permanent: true });
  return taskId;
}

describe('the audit', () => {
  it('has each act with who, why, on what, and what came of it, also of refusals', async () => {
    const taskId = await failedTask();
    await client.retry(taskId, { ...act, steps: ['a'], attempts: 2 });
    expect(await newest({ kind: 'task', id: taskId })).toMatchObject({
      act: 'task.retry',
      by: 'ada',
      reason: 'ticket 7',
      outcome: 'retried',
      refused: false,
      details: { asked: { steps: ['a'], attempts: 2 }, steps: [{ name: 'a', retryLimit: 3 }] },
    });
    await client.resolveTask(taskId, { by: 'bob' });
    expect(await newest({ kind: 'task', id: taskId })).toMatchObject({
      act: 'task.resolve',
      by: 'bob',
      reason: null,
      outcome: 'refused',
      refused: true,
    });
    await client.cancel('999999', act);
    expect(await newest({ kind: 'task', id: '999999' })).toMatchObject({ outcome: 'not_found', refused: true });
    await client.cancel(taskId, act);
    await client.purge({ taskIds: [taskId] }, act);
    expect(await newest({ kind: 'task', id: taskId })).toMatchObject({
      act: 'task.purge',
      by: 'ada',
      outcome: 'purged',
    });
  });

  it('lists the acts on the steps of a task with those on the task, and none of another task whose id begins alike', async () => {
    const taskId = await failedTask();
    await client.resolveStep(taskId, 'a', { ...act, result: { paid: true } });
    await client.resolveStep(`${taskId}1`, 'a', act);
    const rows = await client.audit({ on: { kind: 'task', id: taskId } });
    expect(rows.map((row) => row.subject_id)).toEqual([`${taskId}/a`]);
    expect(first(rows).after_hash).toMatch(/^[0-9a-f]{64}$/);
  });

  it('has nothing of an act whose transaction was rolled back, nor of a dry run, which changes nothing', async () => {
    const taskId = await failedTask();
    const before = first(await client.audit({ limit: 1 })).audit_id;
    const transaction = await engine.test.pool.connect();
    await transaction.query('BEGIN');
    expect(await client.retry(taskId, { ...act, transaction })).toMatchObject({ outcome: 'retried' });
    await transaction.query('ROLLBACK');
    expect(await client.retry(taskId, { ...act, dryRun: true })).toMatchObject({ outcome: 'retried' });
    await transaction.query('BEGIN');
    await expect(client.retry(taskId, { ...act, transaction, dryRun: true })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      details: { field: 'transaction' },
    });
    await transaction.query('ROLLBACK');
    transaction.release();
    expect(await engine.taskState(taskId)).toBe('error');
    expect(first(await client.audit({ limit: 1 })).audit_id).toBe(before);
  });
});

describe('what is allowed', () => {
  it('is what the verbs do not refuse, for tasks and steps in every state', async () => {
    const worker = await engine.worker();
    const pending = await engine.submitOne(id);
    const failed = await failedTask();
    const cancelled = await engine.submitOne(id);
    await client.cancel(cancelled);
    const running = await engine.submitOne(id);
    await worker.claim();
    const dryRun = { dryRun: true } as const;
    for (const taskId of [pending, failed, cancelled, running]) {
      const task = await client.getTask(taskId);
      const outcomes = {
        cancel: (await client.cancel(taskId, dryRun)).outcome === 'cancelled',
        retry: (await client.retry(taskId, dryRun)).outcome === 'retried',
        edit: (await client.retry(taskId, { ...dryRun, input: {} })).outcome === 'retried',
        resolve: (await client.resolveTask(taskId, dryRun)).outcome === 'resolved',
        rerun: (await client.rerun(taskId, dryRun)).outcome === 'created',
      };
      expect(task?.allowed_actions.toSorted()).toEqual(allowedOf(outcomes));
      for (const { name, allowed_actions } of task?.steps ?? []) {
        const steps = [name];
        const ofStep = {
          retry: (await client.retry(taskId, { ...dryRun, steps })).outcome === 'retried',
          edit: (await client.retry(taskId, { ...dryRun, steps, input: {} })).outcome === 'retried',
          resolve: (await client.resolveStep(taskId, name, dryRun)).outcome === 'resolved',
          release: (await client.releaseStep(taskId, name, { ...dryRun, force: true })).outcome === 'released',
        };
        expect(allowed_actions.toSorted(), `${taskId}/${name}`).toEqual(allowedOf(ofStep));
      }
    }
  });
});

const allowedOf = (outcomes: Record<string, boolean>): string[] =>
  Object.keys(outcomes)
    .filter((action) => outcomes[action] === true)
    .toSorted();

describe('a rerun', () => {
  async function completeTask(): Promise<string> {
    const worker = await engine.worker();
    const taskId = await engine.submitOne(id, { context: '{"n": 9007199254740993}', tags: ['vip'] });
    for (let steps = await worker.claim(); steps.length > 0; steps = await worker.claim())
      await worker.complete(steps, { result: '{"n": 9007199254740993}' });
    return taskId;
  }
  const text = async (of: string, table: string, column: string): Promise<unknown[]> =>
    (
      await engine.test.query<{ text: string }>(
        `SELECT ${column}::text AS text FROM tasker.${table} WHERE task_id = $1 ORDER BY 1`,
        [of],
      )
    ).map((row) => row.text);

  it('is a new task with the same input; each has an identity of its own, also if they are made at once', async () => {
    const taskId = await completeTask();
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => client.rerun(taskId, act)));
    const ordinals = outcomes.map((outcome) => (outcome.outcome === 'created' ? outcome.ordinal : outcome.outcome));
    expect(ordinals.toSorted()).toEqual([1, 2, 3, 4, 5, 6]);
    const created = first(outcomes);
    if (created.outcome !== 'created') return expect.fail(created.outcome);
    expect(await text(created.taskId, 'tasker_tasks', 'context')).toEqual(['{"n": 9007199254740993}']);
    expect(await client.getTask(created.taskId)).toMatchObject({
      state: 'pending',
      reason: `rerun of task ${taskId}: ticket 7`,
      initiator: 'ada',
      tags: ['vip'],
    });
    for (const outcome of outcomes) if (outcome.outcome === 'created') await client.cancel(outcome.taskId);
    // They are found by what they were made of, and what was made of one of them is not among them.
    await client.rerun(created.taskId, act);
    const made = outcomes.map((outcome) => (outcome.outcome === 'created' ? outcome.taskId : ''));
    const newestFirst = made.toSorted((a, b) => Number(b) - Number(a));
    const listed = async (filter: TaskFilter) => (await client.listTasks(filter)).map((task) => task.task_id);
    expect(await listed({ rerunOf: taskId })).toEqual(newestFirst);
    expect(await listed({ rerunOf: created.taskId })).toHaveLength(1);
    expect(await listed({ rerunOf: '999999' })).toEqual([]);
    expect(await listed({ rerunOf: taskId, states: ['complete'] })).toEqual([]);
    const page = await client.taskPage({ rerunOf: taskId, limit: 4 });
    expect((await client.taskPage({ cursor: page.nextCursor, limit: 4 })).tasks.map((task) => task.task_id)).toEqual(
      newestFirst.slice(4),
    );
    await expect(client.listTasks({ rerunOf: 'x' })).rejects.toMatchObject({ details: { field: 'rerunOf' } });
    expect(await examine(engine.db)).toEqual([]);
  });

  it('from a step on takes over the results of all others as they are stored, and runs to its end', async () => {
    const taskId = await completeTask();
    const outcome = await client.rerun(taskId, { ...act, from: ['c'] });
    expect(outcome).toMatchObject({ outcome: 'created', takenOver: ['a', 'b'] });
    if (outcome.outcome !== 'created') return;
    expect((await engine.steps(outcome.taskId)).map(({ name, state, ready }) => [name, state, ready])).toEqual([
      ['a', 'resolved_manually', false],
      ['b', 'resolved_manually', false],
      ['c', 'pending', true],
      ['d', 'pending', false],
    ]);
    expect((await text(outcome.taskId, 'tasker_workflow_steps', 'results')).slice(0, 2)).toEqual([
      '{"n": 9007199254740993}',
      '{"n": 9007199254740993}',
    ]);
    expect(await examine(engine.db)).toEqual([]);
    const worker = await engine.worker();
    for (let steps = await worker.claim(); steps.length > 0; steps = await worker.claim()) await worker.complete(steps);
    expect(await engine.taskState(outcome.taskId)).toBe('complete');
    expect(await examine(engine.db)).toEqual([]);
  });

  it('is refused for a task that goes on, for steps that are unknown, and for results that are missing', async () => {
    expect(await client.rerun(await engine.submitOne(id), act)).toEqual({ outcome: 'refused', state: 'pending' });
    expect(await client.rerun('999999', act)).toEqual({ outcome: 'not_found' });
    const failed = await failedTask();
    expect(await client.rerun(failed, { from: ['x'] })).toMatchObject({ outcome: 'unknown_steps', steps: ['x'] });
    expect(await client.rerun(failed, { from: ['d'] })).toEqual({ outcome: 'not_done', steps: ['a', 'b', 'c'] });
    await expect(client.rerun(failed, { from: [] })).rejects.toMatchObject({ details: { field: 'from' } });
  });
});

describe('the chain of the audit', () => {
  it('gives each act one place, whichever schedulers do it at once, while acts go on', async () => {
    const acts = Array.from({ length: 60 }, (_, n) => client.cancel(String(1_000_000 + n), act));
    const sealing = Array.from({ length: 20 }, () => sealActs(engine.db));
    await Promise.all([...acts, ...sealing]);
    const report = await client.verifyAudit();
    expect(report).toMatchObject({ broken: null });
    expect(Number(report.position)).toBe(report.acts);
    const lines = await chainOf(client);
    expect(lines.map(({ position }) => Number(position))).toEqual(lines.map((_, index) => index + 1));
    // The export verifies by itself, to the same hash.
    expect(await verifyExport(asLines(lines))).toEqual(report);
  });

  it('shows a row that was changed, deleted, inserted or cut off at the end', async () => {
    await client.verifyAudit();
    for (const tampering of [
      `UPDATE tasker.tasker_audit SET by = 'eve' WHERE position = 3`,
      `UPDATE tasker.tasker_audit SET details = '{}' WHERE position = 1`,
      `DELETE FROM tasker.tasker_audit WHERE position = 2`,
      `DELETE FROM tasker.tasker_audit WHERE position = (SELECT max(position) FROM tasker.tasker_audit)`,
      `DELETE FROM tasker.tasker_audit`,
      `DELETE FROM tasker.tasker_audit_head`,
      `UPDATE tasker.tasker_audit_head SET position = position - 1`,
    ]) {
      const connection = await engine.test.pool.connect();
      await connection.query('BEGIN');
      expect((await connection.query(BROKEN_CHAIN)).rows, 'before').toEqual([]);
      await connection.query(tampering);
      expect((await connection.query(BROKEN_CHAIN)).rows.length, tampering).toBeGreaterThan(0);
      await connection.query('ROLLBACK');
      connection.release();
    }
  });

  it('shows a line of an export that was changed or left out', async () => {
    const lines = await chainOf(client);
    const changed = lines.map((line) =>
      line.position === '4' ? { ...line, record: line.record.replace('ada', 'eve') } : line,
    );
    expect(await verifyExport(asLines(changed))).toMatchObject({ broken: { position: '4' } });
    expect(await verifyExport(asLines(lines.filter(({ position }) => position !== '4')))).toMatchObject({
      broken: { position: '5' },
    });
  });
});

async function chainOf(of: typeof client): Promise<ChainedAct[]> {
  const lines: ChainedAct[] = [];
  for await (const line of of.auditChain()) lines.push(line);
  return lines;
}

async function* asLines(lines: readonly ChainedAct[]): AsyncGenerator<ChainedLine> {
  for (const line of lines) yield line as ChainedLine;
}

describe('pauses', () => {
  beforeAll(() => engine.worker());

  it('pause and resume a queue, with who, why and until when', async () => {
    expect(await client.pause({ queue: 'default' }, { ...act, forSeconds: 60 })).toMatchObject({ outcome: 'paused' });
    const [pause] = await client.pauses();
    expect(pause).toMatchObject({ kind: 'queue', name: 'default', by: 'ada', reason: 'ticket 7' });
    expect(Math.abs((pause?.until?.getTime() ?? 0) - Date.now() - 60_000)).toBeLessThan(10_000);
    expect(await client.pause({ queue: 'default' }, { by: 'bob' })).toEqual({ outcome: 'extended', until: null });
    expect((await client.queues()).find(({ queue }) => queue === 'default')).toMatchObject({ paused: { by: 'bob' } });
    expect(await client.resume({ queue: 'default' }, act)).toEqual({ outcome: 'resumed' });
    expect(await client.resume({ queue: 'default' }, act)).toEqual({ outcome: 'not_paused' });
    expect(await newest({ kind: 'queue', id: 'default' })).toMatchObject({ act: 'queue.resume', refused: true });
  });

  it('end by themselves', async () => {
    await client.pause({ workflow: 'diamond' }, { forSeconds: 0.05 });
    await expect.poll(() => client.pauses()).toEqual([]);
    expect(await client.resume({ workflow: 'default/diamond' })).toEqual({ outcome: 'not_paused' });
  });

  it('refuse names that nothing has', async () => {
    expect(await client.pause({ queue: 'mial' })).toEqual({ outcome: 'not_found' });
    expect(await client.pause({ workflow: 'default/dimaond' })).toEqual({ outcome: 'not_found' });
    expect(await client.pauses()).toEqual([]);
  });

  it.each([
    [{ queue: '' }, {}, 'queue'],
    [{}, {}, 'queue'],
    [{ queue: 'a', workflow: 'b' }, {}, 'queue'],
    [{ queue: 'default' }, { forSeconds: 0 }, 'forSeconds'],
    [{ queue: 'default' }, { forSeconds: Number.NaN }, 'forSeconds'],
    [{ queue: 'default' }, { until: new Date(0) }, 'until'],
    [{ queue: 'default' }, { until: new Date(Date.now() + 1e6), forSeconds: 5 }, 'until'],
    [{ queue: 'default' }, { by: '\u0000' }, 'by'],
  ])('refuse %j with %j', async (what, options, field) => {
    await expect(client.pause(what as never, options)).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      details: { field },
    });
  });
});
