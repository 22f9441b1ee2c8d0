import { describe, expect, it } from 'vitest';
import { inCallersTransaction } from '../../src/db/connections/callers-transaction.ts';
import { submit, submitIn } from '../../src/engine/submit.ts';
import { byName, diamond, useEngine } from './engine-fixture.ts';

const engine = await useEngine();
const id = await engine.workflow(diamond);
const task = (identityHash: string) => ({ namedTaskId: id, identityHash, context: '{"n":1}' });

describe('submit', () => {
  it('creates every step and edge of the workflow, with only the roots ready', async () => {
    const taskId = await engine.submitOne(id);
    const steps = byName(await engine.steps(taskId));
    expect(steps['a']).toMatchObject({ state: 'pending', ready: true, unmet_parents: 0 });
    expect(steps['b']).toMatchObject({ state: 'pending', ready: false, unmet_parents: 1 });
    expect(steps['d']).toMatchObject({ state: 'pending', ready: false, unmet_parents: 2 });
    const [edges] = await engine.test.query<{ n: string }>(
      'SELECT count(*) AS n FROM tasker.tasker_workflow_step_edges WHERE task_id = $1',
      [taskId],
    );
    expect(edges?.n).toBe('4');
  });

  it('returns the existing task for a duplicate identity, and creates nothing', async () => {
    const [first] = await submit(engine.db, [task('same')]);
    const [second] = await submit(engine.db, [task('same')]);
    expect(first?.outcome).toBe('created');
    expect(second).toEqual({ outcome: 'existing', taskId: first?.taskId, inputDiffers: false });
    expect(await engine.steps(first?.taskId as string)).toHaveLength(4);
  });

  it('keeps the order of the input, and folds duplicates within one batch', async () => {
    const submitted = await submit(engine.db, [task('x1'), task('x2'), task('x1'), task('x3')]);
    expect(submitted.map((each) => each.outcome)).toEqual(['created', 'created', 'existing', 'created']);
    expect(submitted[2]?.taskId).toBe(submitted[0]?.taskId);
    expect(new Set(submitted.map((each) => each.taskId)).size).toBe(3);
  });

  it('creates one task when many submit the same identity at once', async () => {
    const submitted = (await Promise.all(Array.from({ length: 20 }, () => submit(engine.db, [task('race')])))).flat();
    expect(submitted.filter((each) => each.outcome === 'created')).toHaveLength(1);
    expect(new Set(submitted.map((each) => each.taskId)).size).toBe(1);
    expect(submitted[0]?.taskId).toMatch(/^\d+$/);
  });

  it('belongs to the transaction of the caller: a rollback leaves nothing, a commit everything', async () => {
    const client = await engine.test.pool.connect();
    try {
      await client.query('BEGIN');
      await submitIn(inCallersTransaction(client), [task('rolled back')]);
      await client.query('ROLLBACK');
      await client.query('BEGIN');
      const [kept] = await submitIn(inCallersTransaction(client), [task('kept')]);
      await client.query('COMMIT');
      expect(await engine.steps(kept?.taskId as string)).toHaveLength(4);
    } finally {
      client.release();
    }
    const rows = await engine.test.query(
      `SELECT identity_hash FROM tasker.tasker_tasks WHERE identity_hash IN ('rolled back', 'kept')`,
    );
    expect(rows).toEqual([{ identity_hash: 'kept' }]);
  });

  it('creates thousands in one statement', async () => {
    const submitted = await submit(
      engine.db,
      Array.from({ length: 3000 }, (_, index) => task(`bulk ${index}`)),
    );
    expect(submitted.every((each) => each.outcome === 'created')).toBe(true);
  });
});
