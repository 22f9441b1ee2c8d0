import { afterAll, describe, expect, it } from 'vitest';
import { createKey } from '../../src/api/auth/create-key.ts';
import { createClient } from '../../src/client/client.ts';
import type { NewOperation } from '../../src/client/new-operation.ts';
import type { PreviewedOperation } from '../../src/client/operations.ts';
import { examine } from '../../src/db/doctor/examine.ts';
import { countOperations, type OperationRow } from '../../src/db/statements/operations/operations.ts';
import { pruneOperations, workOnOperations } from '../../src/engine/operations/work.ts';
import { watchHaltedOperations } from '../../src/engine/operations/watch.ts';
import { useEngine } from './engine-fixture.ts';
import { CAUSES, frailIn, useFailures, workRound } from './operations-fixture.ts';

const engine = await useEngine();
const client = createClient({ url: engine.test.url, notify: false });
afterAll(() => client.close());
const tasks = await useFailures(engine, await engine.workflow(frailIn('shop')));
const others = await useFailures(engine, await engine.workflow(frailIn('office')));

const preview = async (request: Partial<NewOperation>): Promise<PreviewedOperation> => {
  const previewed = await client.operations.preview({ action: 'retry', by: 'ada', reason: 'ticket 7', ...request });
  if (previewed === undefined) throw new Error('nothing was chosen');
  return previewed;
};
const started = async (request: Partial<NewOperation>, steer = {}): Promise<string> => {
  const { token, operation } = await preview(request);
  expect(await client.operations.start(token, { by: 'ada', ...steer })).toMatchObject({ outcome: 'started' });
  return operation.operation_id;
};
const get = async (id: string): Promise<OperationRow> => (await client.operations.get(id)) as OperationRow;
const statesOf = async (taskIds: readonly string[]): Promise<string[]> => {
  const rows = await engine.test.query<{ state: string }>(
    `SELECT DISTINCT state FROM tasker.tasker_tasks WHERE task_id = ANY ($1::bigint[]) ORDER BY 1`,
    [taskIds],
  );
  return rows.map(({ state }) => state);
};
const round = () => workRound(engine);
const untilEnded = async (id: string): Promise<OperationRow> => {
  for (let rounds = 0; rounds < 50; rounds += 1) {
    await round();
    const row = await get(id);
    if (row.state !== 'running') return row;
  }
  throw new Error('it goes on');
};
const expectSound = async (): Promise<void> => expect(await examine(engine.db)).toEqual([]);

describe('a preview', () => {
  it('counts exactly, changes nothing, and freezes the set', async () => {
    const bank = await tasks.failed(7, 'bank');
    const card = await tasks.failed(5, 'card');
    const { operation, token, missing } = await preview({ filter: { workflow: 'frail', namespace: 'shop' } });
    expect(operation).toMatchObject({
      state: 'preview',
      total: 12,
      by: 'ada',
      reason: 'ticket 7',
      canary: 0,
      stop_share: 0.2,
      selection: { filter: { workflow: 'frail', namespace: 'shop', state: ['error'] } },
      preview: {
        states: { error: 12 },
        allowed: { retry: 12, edit: 12, resolve: 12, rerun: 12 },
        workflows: [{ namespace: 'shop', workflow: 'frail', tasks: 12 }],
        fingerprints: [
          { fingerprint: CAUSES.bank, tasks: 7 },
          { fingerprint: CAUSES.card, tasks: 5 },
        ],
      },
    });
    expect(missing).toEqual([]);
    const later = await tasks.failed(4, 'bank');
    await round();
    expect(await statesOf([...bank, ...card, ...later])).toEqual(['error']);
    await client.operations.start(token, { by: 'ada' });
    expect(await untilEnded(operation.operation_id)).toMatchObject({ state: 'done', done: 12, refused: 0 });
    expect(await statesOf([...bank, ...card])).toEqual(['in_progress']);
    expect(await statesOf(later)).toEqual(['error']);
    await tasks.work();
    await client.operations.preview({ action: 'resolve', taskIds: later });
    await expectSound();
  });

  it('takes ids, says which are missing, and refuses a wrong token, an old one, and a second start', async () => {
    const [one = ''] = await tasks.failed(1, 'mail');
    const { operation, token, missing } = await preview({ taskIds: [one, '999999999', one] });
    expect({ total: operation.total, missing }).toEqual({ total: 1, missing: ['999999999'] });
    const id = operation.operation_id;
    expect(await client.operations.start(`${id}-${'0'.repeat(32)}`)).toEqual({ outcome: 'wrong_token' });
    expect(await client.operations.start(`999999-${'0'.repeat(32)}`)).toEqual({ outcome: 'not_found' });
    expect(await client.operations.pause(id)).toEqual({ outcome: 'refused', state: 'preview' });
    await engine.test.query(
      `UPDATE tasker.tasker_operations SET expires_at = clock_timestamp() WHERE operation_id = $1`,
      [id],
    );
    expect(await client.operations.start(token)).toEqual({ outcome: 'expired' });
    expect(await pruneOperations(engine.db)).toBe(true);
    expect(await client.operations.get(id)).toBeUndefined();
    expect(await client.operations.preview({ action: 'retry', taskIds: ['999999999'] })).toBeUndefined();
    const again = await started({ taskIds: [one] });
    const { token: used } = await preview({ taskIds: [one] });
    await client.operations.start(used, { by: 'bob' });
    expect(await client.operations.start(used)).toMatchObject({ outcome: 'refused', state: 'running' });
    expect(await untilEnded(again)).toMatchObject({ state: 'done' });
    await tasks.work();
  });

  it.each([
    ['action', { action: 'retrie' as never }],
    ['filter', {}],
    ['filter', { filter: {} }],
    ['filter', { filter: { namespaces: ['shop'] } }],
    ['filter', { filter: { workflow: 'frail' }, taskIds: ['1'] }],
    ['filter.states', { action: 'rerun' as const, filter: { workflow: 'frail' } }],
    ['taskIds', { taskIds: [] }],
    ['taskIds[1]', { taskIds: ['1', 'x'] }],
    ['attempts', { action: 'cancel' as const, taskIds: ['1'], attempts: 2 }],
    ['result', { action: 'resolve' as const, taskIds: ['1'], result: 1 }],
    ['from', { action: 'rerun' as const, taskIds: ['1'], from: [] }],
    ['pacePerSecond', { taskIds: ['1'], pacePerSecond: 0 }],
    ['canary', { taskIds: ['1'], canary: '101%' }],
    ['canary', { taskIds: ['1'], canary: -1 }],
    ['stopShare', { taskIds: ['1'], stopShare: 0 }],
  ])('refuses a wrong %s and names it', async (field, request) => {
    const error = await client.operations.preview({ action: 'retry', ...request }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'INPUT_INVALID', details: { field } });
  });
});

describe('what it does to each task', () => {
  it('is the act for one task: audited, in the history, with the number of the operation', async () => {
    const [one = ''] = await tasks.failed(1, 'bank');
    const id = await started({ taskIds: [one], attempts: 3 });
    const worked = await round();
    expect(worked).toMatchObject({ ended: [{ action: 'retry', state: 'done', items: 1 }], queues: ['default'] });
    const [act] = await client.audit({ on: { kind: 'task', id: one }, limit: 1 });
    expect(act).toMatchObject({
      act: 'task.retry',
      by: 'ada',
      reason: 'ticket 7',
      outcome: 'retried',
      details: { operation: id, asked: { attempts: 3 } },
    });
    const [last] = await engine.test.query(
      `SELECT cause, metadata FROM tasker.tasker_task_transitions WHERE task_id = $1 AND most_recent`,
      [one],
    );
    expect(last).toMatchObject({ cause: 'operator_retry', metadata: { by: 'ada', operation: id } });
    expect(await client.audit({ on: { kind: 'operation', id } })).toMatchObject([
      { act: 'operation.start', by: 'ada' },
    ]);
    await tasks.work();
  });

  it('cancels, resolves and reruns; each item says what came of it', async () => {
    const open = await tasks.submit(3);
    const cancelled = await started({ action: 'cancel', filter: { workflow: 'frail', namespace: 'shop' } });
    expect(await untilEnded(cancelled)).toMatchObject({ done: 3, stop_share: null });
    expect(await statesOf(open)).toEqual(['cancelled']);

    const failed = await tasks.failed(2, 'mail');
    await untilEnded(await started({ action: 'resolve', taskIds: [failed[0] as string] }));
    await untilEnded(
      await started({ action: 'resolve', taskIds: [failed[1] as string], step: 'only', result: { by: 1 } }),
    );
    expect(await statesOf(failed)).toEqual(['complete', 'resolved_manually']);

    const rerun = await started({ action: 'rerun', filter: { workflow: 'frail', states: ['cancelled'] } });
    expect(await untilEnded(rerun)).toMatchObject({ done: 3 });
    const items = await client.operations.items(rerun);
    expect(items).toMatchObject(
      open.map((task_id) => ({
        task_id,
        task_state: 'cancelled',
        state: 'done',
        outcome: 'created',
        state_now: 'pending',
      })),
    );
    const page = await client.operations.items(rerun, { state: 'done', after: open[0], limit: 1 });
    expect(page.map(({ task_id: taskId }) => taskId)).toEqual([open[1]]);
    await tasks.work();
    await expectSound();
  });

  it('is refused for a task that changed since, and the others go on', async () => {
    const [retried = '', purged = '', resolved = '', same = ''] = await tasks.failed(4, 'card');
    const { token, operation } = await preview({ taskIds: [retried, purged, resolved, same] });
    await client.retry(retried);
    await tasks.work(() => 'card');
    await client.purge({ taskIds: [purged] }, { open: true });
    await client.resolveTask(resolved);
    await client.operations.start(token);
    expect(await untilEnded(operation.operation_id)).toMatchObject({ state: 'done', done: 1, refused: 3, failed: 0 });
    const items = await client.operations.items(operation.operation_id, { state: 'refused' });
    expect(items.map(({ outcome, state_now: now }) => [outcome, now])).toEqual([
      ['changed', 'error'],
      ['not_found', null],
      ['changed', 'resolved_manually'],
    ]);
    const [act] = await client.audit({ on: { kind: 'task', id: retried }, limit: 1 });
    expect(act).toMatchObject({ act: 'task.retry', outcome: 'changed', refused: true });
    await tasks.work();
    await client.resolveTask(retried);
  });

  it('fails for one whose act the database refuses, and not for the others', async () => {
    const failed = await tasks.failed(4, 'card');
    await engine.test.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'no good' USING ERRCODE = '23514'; END $$`);
    await engine.test.query(`CREATE TRIGGER refuse BEFORE UPDATE ON tasker.tasker_tasks FOR EACH ROW
      WHEN (NEW.task_id = ${failed[1]}) EXECUTE FUNCTION refuse()`);
    const id = await started({ taskIds: failed });
    expect(await untilEnded(id)).toMatchObject({ state: 'done', done: 3, failed: 1 });
    await engine.test.query(`DROP TRIGGER refuse ON tasker.tasker_tasks`);
    expect(await client.operations.items(id, { state: 'failed' })).toMatchObject([
      { task_id: failed[1], outcome: 'error', detail: 'no good', state_now: 'error' },
    ]);
    await tasks.work();
    await client.resolveTask(failed[1] as string);
    await expectSound();
  });
});

describe('canary, stop, pause', () => {
  it('waits until it is known how the canary went on', async () => {
    const failed = await tasks.failed(30, 'bank');
    const id = await started({ taskIds: failed, canary: '10%' });
    await round();
    await round();
    expect(await get(id)).toMatchObject({ done: 3, canary: 3, canary_passed: false, settled: 0 });
    await tasks.work();
    await round();
    expect(await get(id)).toMatchObject({ canary_passed: true, settled: 3, came_back: 0 });
    expect(await untilEnded(id)).toMatchObject({ state: 'done', done: 30 });
    await tasks.work();
  });

  it('stops if what is retried fails again as before, and not if it fails with something else', async () => {
    const failed = await tasks.failed(60, 'bank');
    const id = await started({ taskIds: failed, canary: 5 });
    await round();
    await tasks.work((taskId) => (failed.indexOf(taskId) === 0 ? 'bank' : 'mail'));
    const worked = await round();
    const why = '1 of 5 tasks of the canary failed again with what they had failed with before';
    expect(worked.stopped).toEqual([{ operationId: id, why }]);
    expect(await get(id)).toMatchObject({
      state: 'stopped',
      why,
      done: 5,
      settled: 5,
      came_back: 1,
      canary_passed: false,
    });
    expect(await client.audit({ on: { kind: 'operation', id }, limit: 1 })).toMatchObject([
      { act: 'operation.stop', by: 'scheduler', reason: why },
    ]);
    await round();
    expect(await get(id)).toMatchObject({ done: 5 });

    expect(await client.operations.resume(id, { by: 'bob' })).toMatchObject({
      outcome: 'resumed',
      operation: { state: 'running', by: 'bob', canary_passed: true, why: null },
    });
    await round();
    // Of the 25 since then: four are no fifth.
    await tasks.work((taskId) => (failed.indexOf(taskId) < 9 ? 'bank' : undefined));
    await round();
    expect(await get(id)).toMatchObject({ state: 'running', came_back: 5 });
    await tasks.work(() => 'bank');
    expect((await round()).stopped).toHaveLength(1);
    expect(await client.operations.abort(id, { by: 'bob', reason: 'the bank is gone' })).toMatchObject({
      outcome: 'aborted',
      operation: { why: 'by bob: the bank is gone' },
    });
    expect(await client.operations.resume(id)).toMatchObject({ outcome: 'refused', state: 'aborted' });
    await tasks.work();
    await expectSound();
  });

  it('finds out how the last tasks went on when it has ended, and while it is paused, until an hour after its end', async () => {
    const watched = async (): Promise<void> => {
      while ((await watchHaltedOperations(engine.db)) > 0) continue;
    };
    const failed = await tasks.failed(30, 'bank');
    const id = await started({ taskIds: failed });
    expect(await untilEnded(id)).toMatchObject({ state: 'done', done: 30, settled: 0 });
    await tasks.work((taskId) => (failed.indexOf(taskId) < 12 ? 'bank' : undefined));
    await round();
    // Two schedulers at once count nothing twice.
    await Promise.all([watched(), watched()]);
    expect(await get(id)).toMatchObject({ state: 'done', done: 30, settled: 30, came_back: 12 });
    await expectSound();

    const late = await started({ taskIds: failed.slice(0, 12) });
    await untilEnded(late);
    await engine.test.query(
      `UPDATE tasker.tasker_operations SET ended_at = ended_at - interval '61 minutes' WHERE operation_id = $1`,
      [late],
    );
    await tasks.work();
    await watched();
    expect(await get(late)).toMatchObject({ state: 'done', done: 12, settled: 0 });

    // What is found out while it is paused counts for the stop.
    const more = await tasks.failed(40, 'bank');
    const paused = await started({ taskIds: more });
    await round();
    await client.operations.pause(paused);
    await tasks.work(() => 'bank');
    await watched();
    expect(await get(paused)).toMatchObject({ state: 'paused', came_back: 25 });
    await client.operations.resume(paused);
    expect((await round()).stopped).toHaveLength(1);
    await client.operations.abort(paused);
    await tasks.work();
  });

  it('does nothing while it is paused, goes on after, and a resume ends a canary that waits', async () => {
    const failed = await tasks.failed(3, 'bank');
    const id = await started({ taskIds: failed, canary: 1 });
    expect(await client.operations.pause(id, { by: 'ada', reason: 'slow' })).toMatchObject({ outcome: 'paused' });
    await round();
    expect(await get(id)).toMatchObject({ state: 'paused', done: 0, why: 'by ada: slow' });
    await client.operations.resume(id);
    await round();
    expect(await get(id)).toMatchObject({ state: 'running', done: 1, canary_passed: false });
    await client.operations.resume(id);
    expect(await untilEnded(id)).toMatchObject({ state: 'done', done: 3 });
    expect((await client.operations.list({ states: ['done'], limit: 1 }))[0]).toMatchObject({ operation_id: id });
    await tasks.work();
  });

  it('says for how long it stands still, and whether its canary or a scheduler is waited for', async () => {
    const idle = async (): Promise<{ canary: number; scheduler: number }> => {
      const row = (await engine.db.run(countOperations)).find(({ state }) => state === 'running');
      return {
        canary: Math.round((row?.canary_idle_seconds ?? 0) / 100),
        scheduler: Math.round((row?.idle_seconds ?? 0) / 100),
      };
    };
    const passes = (id: string) =>
      engine.test.query(
        `UPDATE tasker.tasker_operations SET paced_at = paced_at - interval '600 s' WHERE operation_id = $1`,
        [id],
      );
    const failed = await tasks.failed(3, 'bank');
    const id = await started({ taskIds: failed, canary: 1 });
    expect(await idle()).toEqual({ canary: 0, scheduler: 0 });
    await passes(id);
    expect(await idle()).toEqual({ canary: 0, scheduler: 6 });
    await round();
    expect(await idle()).toEqual({ canary: 0, scheduler: 0 });
    await passes(id);
    // A round that looks at the canary and finds nothing new is no progress.
    await workOnOperations(engine.db);
    expect(await idle()).toEqual({ canary: 6, scheduler: 0 });
    await client.operations.pause(id);
    expect(await idle()).toEqual({ canary: 0, scheduler: 0 });
    await client.operations.abort(id);
    await tasks.work();
  });

  it('keeps its pace: nothing is due before its time, and no more is made up for than two seconds', async () => {
    const failed = await tasks.failed(20, 'bank');
    const id = await started({ taskIds: failed, pacePerSecond: 4 });
    await round();
    expect(await get(id)).toMatchObject({ done: 8 });
    const { ended } = await workOnOperations(engine.db);
    expect(ended).toEqual([]);
    await client.operations.abort(id);
    await tasks.work();
  });
});

describe('whoever started it', () => {
  const keyed = async (options: { role?: 'operator'; namespaces?: string[] } = {}) => {
    const { key_id: keyId } = await createKey(engine.db, { name: 'ops', role: 'operator', ...options });
    return { keyId, scope: { principal: `key:${keyId}`, namespaces: options.namespaces } };
  };

  it.each([
    ['is revoked', `revoked_at = clock_timestamp()`, 'is revoked or has expired'],
    ['has expired', `expires_at = clock_timestamp()`, 'is revoked or has expired'],
    ['has a lesser role', `role = 'submitter'`, 'has the role submitter'],
  ])('stops it within one chunk if the key %s', async (_what, change, why) => {
    const failed = await tasks.failed(30, 'bank');
    const { keyId, scope } = await keyed();
    const id = await started({ taskIds: failed, ...scope }, scope);
    await round();
    expect(await get(id)).toMatchObject({ done: 25 });
    await engine.test.query(`UPDATE tasker.tasker_api_keys SET ${change} WHERE key_id = $1`, [keyId]);
    await round();
    const stopped = await get(id);
    expect(stopped).toMatchObject({ state: 'stopped', done: 25 });
    expect(stopped.why).toContain(why);
    await client.operations.abort(id);
    await tasks.work();
  });

  it('acts on no task of a namespace that the key has no longer, and never on one of another', async () => {
    const mine = await tasks.failed(1, 'bank');
    const theirs = await others.failed(1, 'bank');
    const { keyId, scope } = await keyed({ namespaces: ['shop', 'office'] });
    const id = await started({ taskIds: [...mine, ...theirs], ...scope }, scope);
    await engine.test.query(`UPDATE tasker.tasker_api_keys SET namespaces = '{shop}' WHERE key_id = $1`, [keyId]);
    expect(await untilEnded(id)).toMatchObject({ done: 1, refused: 1 });
    expect(await client.operations.items(id, { state: 'refused' })).toMatchObject([{ outcome: 'not_found' }]);
    expect(await statesOf(theirs)).toEqual(['error']);

    const scoped = { namespaces: ['shop'] };
    const request = { action: 'retry' as const, ...scoped };
    expect(await client.operations.preview({ ...request, taskIds: theirs })).toBeUndefined();
    expect(
      await client.operations.preview({ ...request, filter: { workflow: 'frail', namespace: 'office' } }),
    ).toBeUndefined();
    expect(await client.operations.get(id, scoped)).toBeUndefined();
    expect(await client.operations.list(scoped)).toEqual([]);
    expect(await client.operations.abort(id, scoped)).toEqual({ outcome: 'not_found' });
    const all = await preview({ taskIds: theirs });
    expect(await client.operations.start(all.token, scoped)).toEqual({ outcome: 'not_found' });
    await tasks.work();
    await expectSound();
  });
});
