import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { needsReason } from '../../src/api/route.ts';
import { ROUTES } from '../../src/api/routes/index.ts';
import { createKey, revokeKey } from '../../src/api/auth/create-key.ts';
import { endSignInOf } from '../../src/api/auth/oidc/people.ts';
import { type Client, createClient } from '../../src/client/client.ts';
import { InvalidInputError, UnknownWorkflowError } from '../../src/errors.ts';
import type { OperatorAction } from '../../src/engine/operator-action.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from '../engine/engine-fixture.ts';

const engine = await useEngine();
const options = { url: engine.test.url, notify: false };
const client = createClient(options);
const strict = createClient({ ...options, requireReason: true });
afterAll(() => Promise.all([client.close(), strict.close()]));

const order = defineWorkflow({ name: 'order', namespace: 'shop', input: z.object({ n: z.number() }) }).step(
  'only',
  () => 1,
);
const workflow = await engine.workflow(order);

const of = { namespace: 'shop', workflow: 'order' };
const token = `1-${'0'.repeat(32)}`;
/** Every act of a client by what the audit calls it, with the subject that it then has. */
const ACTS: Readonly<Record<string, [on: string, (client: Client, action: OperatorAction) => Promise<unknown>][]>> = {
  'task.cancel': [['task 1', (by, action) => by.cancel('1', action)]],
  'task.retry': [['task 1', (by, action) => by.retry('1', action)]],
  'task.rerun': [['task 1', (by, action) => by.rerun('1', action)]],
  'task.resolve': [['task 1', (by, action) => by.resolveTask('1', action)]],
  'task.purge': [
    ['task 1', (by, action) => by.purge({ taskIds: ['1'] }, { by: action.by, reason: action.reason })],
    ['task 2 tasks', (by, action) => by.purge({ taskIds: ['1', '2'] }, { by: action.by, reason: action.reason })],
    ['tag old', (by, action) => by.purge({ tag: 'old' }, { by: action.by, reason: action.reason })],
  ],
  'task.restore': [['task 1', (by, action) => by.archive.restore('1', action)]],
  'step.resolve': [['step 1/only', (by, action) => by.resolveStep('1', 'only', action)]],
  'step.release': [['step 1/only', (by, action) => by.releaseStep('1', 'only', action)]],
  'queue.pause': [['queue q', (by, action) => by.pause({ queue: 'q' }, action)]],
  'queue.resume': [['queue q', (by, action) => by.resume({ queue: 'q' }, action)]],
  'workflow.pause': [['workflow default/w', (by, action) => by.pause({ workflow: 'w' }, action)]],
  'workflow.resume': [['workflow shop/order', (by, action) => by.resume({ workflow: 'shop/order' }, action)]],
  'hold.set': [
    ['task 1', (by, { by: who, reason }) => by.holds.add({ taskId: '1', reason: reason as string, by: who as string })],
    ['tag t', (by, { by: who, reason }) => by.holds.add({ tag: 't', reason: reason as string, by: who as string })],
  ],
  'hold.end': [['hold 1', (by, action) => by.holds.remove('1', action)]],
  'search.enable': [['workflow shop/order', (by, action) => by.search.enable(of, 'input.n', action)]],
  'search.disable': [['workflow shop/order', (by, action) => by.search.disable(of, 'input.n', action)]],
  'schedule.put': [
    ['schedule s', (by, action) => by.schedule(order, { key: 's', cron: '0 3 * * *', input: { n: 1 } }, action)],
    ['schedule those of code', (by, action) => by.applySchedules([order], action as { by?: string; reason?: string })],
  ],
  'schedule.pause': [['schedule s', (by, action) => by.pauseSchedule('s', action)]],
  'schedule.resume': [['schedule s', (by, action) => by.resumeSchedule('s', action)]],
  'schedule.trigger': [['schedule s', (by, action) => by.triggerSchedule('s', action)]],
  'schedule.remove': [['schedule s', (by, action) => by.unschedule('s', action)]],
  'operation.start': [['operation 1', (by, action) => by.operations.start(token, action)]],
  'operation.pause': [['operation 1', (by, action) => by.operations.pause('1', action)]],
  'operation.resume': [['operation 1', (by, action) => by.operations.resume('1', action)]],
  'operation.abort': [['operation 1', (by, action) => by.operations.abort('1', action)]],
  'archive.mend': [
    ['archive orphans', (by, action) => by.archive.verify({ ...action, mend: true })],
    ['archive a.tasks', (by, action) => by.archive.mend('a.tasks', action)],
  ],
  'key.create': [['key k', (by, action) => keyAct(by, 'create', action)]],
  'key.revoke': [['key k', (by, action) => keyAct(by, 'revoke', action)]],
  'sign_in.end': [
    [
      'sign_in i',
      (by, action) =>
        by.act({ act: 'sign_in.end', on: { kind: 'sign_in', id: 'i' } }, action, (checked) =>
          endSignInOf(by.db, 'i', checked),
        ),
    ],
  ],
};

function keyAct(by: Client, verb: 'create' | 'revoke', action: OperatorAction): Promise<unknown> {
  return by.act({ act: `key.${verb}`, on: { kind: 'key', id: 'k' } }, action, (checked): Promise<unknown> =>
    verb === 'create' ? createKey(by.db, { name: 'k', role: 'viewer' }, checked) : revokeKey(by.db, 'k', checked),
  );
}

const CASES = Object.entries(ACTS).flatMap(([act, ways]) =>
  ways.map(([on, run]) => [`${act} of ${on}`, { act, on, run }] as const),
);

async function rowsOf(by: string) {
  return (await client.audit({ by })).map(({ act, subject, subject_id, outcome, refused, reason }) => ({
    act,
    on: `${subject} ${subject_id}`,
    outcome,
    refused,
    reason,
  }));
}

it('has every act of the HTTP API that needs a reason', () => {
  const routes = new Set(ROUTES.filter(needsReason).map(({ act }) => act));
  expect(Object.keys(ACTS)).toEqual(expect.arrayContaining([...routes]));
});

describe('an act that is refused before it begins is in the audit', () => {
  it.each(CASES)('%s, with a reason that cannot be stored', async (name, { act, on, run }) => {
    const by = `bad ${name}`;
    await expect(run(client, { by, reason: 'a \u0000' })).rejects.toBeInstanceOf(InvalidInputError);
    expect(await rowsOf(by)).toEqual([{ act, on, outcome: 'invalid_input', refused: true, reason: null }]);
  });

  it.each(CASES)('%s, without a reason where one is required', async (name, { act, on, run }) => {
    const by = `none ${name}`;
    const refusal = await run(strict, { by }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(InvalidInputError);
    expect((refusal as InvalidInputError).details['field']).toBe('reason');
    expect((refusal as InvalidInputError).message).toMatch(/^reason is missing/);
    expect(await rowsOf(by)).toEqual([{ act, on, outcome: 'invalid_input', refused: true, reason: null }]);
  });

  it('an edit that the schema of the workflow refuses, beside a transaction of the caller that is rolled back', async () => {
    const taskId = await engine.submitOne(workflow, { context: '{"n": 1}' });
    const on = `task ${taskId}`;
    const why = { by: 'editor', reason: 'a typo' };
    const input = { n: 'many' };
    await expect(client.retry(taskId, { ...why, input })).rejects.toThrow(/n/);
    await expect(client.rerun(taskId, { ...why, input })).rejects.toThrow(/n/);
    const begun = await engine.test.pool.connect();
    try {
      await begun.query('BEGIN');
      await expect(client.retry(taskId, { ...why, input, transaction: begun })).rejects.toThrow(/n/);
      await begun.query('ROLLBACK');
    } finally {
      begun.release();
    }
    const refused = { on, outcome: 'invalid_input', refused: true, reason: 'a typo' };
    expect(await rowsOf('editor')).toEqual([
      { act: 'task.retry', ...refused },
      { act: 'task.rerun', ...refused },
      { act: 'task.retry', ...refused },
    ]);
  });

  it('a schedule that is triggered, whose workflow nobody has registered', async () => {
    await client.schedule(order, { key: 'gone', cron: '0 3 * * *', input: { n: 1 } }, { by: 'x' });
    await engine.test.query(`UPDATE tasker_cron.schedule SET data = data || '{"workflow": "gone"}' WHERE key = 'gone'`);
    const by = 'trigger';
    await expect(client.triggerSchedule('gone', { by })).rejects.toBeInstanceOf(UnknownWorkflowError);
    expect(await rowsOf(by)).toMatchObject([{ act: 'schedule.trigger', outcome: 'not_found', refused: true }]);
  });

  it('a dry run is not, nor what is about nothing that can be, nor more than ten at once of one person', async () => {
    const by = 'hasty';
    await expect(client.cancel('1', { by, reason: '\u0000', dryRun: true })).rejects.toThrow('reason');
    await expect(client.cancel('one', { by })).rejects.toThrow('task id');
    expect(await rowsOf(by)).toEqual([]);
    for (let times = 0; times < 15; times += 1)
      await expect(client.cancel('1', { by, reason: '\u0000' })).rejects.toThrow('reason');
    const { length } = await rowsOf(by);
    expect(length).toBeGreaterThanOrEqual(10);
    expect(length).toBeLessThan(15);
  });
});

it('where a reason is required a dry run needs none, and an act with one is done', async () => {
  const taskId = await engine.submitOne(workflow, { context: '{"n": 1}' });
  expect(await strict.cancel(taskId, { dryRun: true })).toMatchObject({ outcome: 'cancelled' });
  await expect(strict.cancel(taskId, { reason: '  ' })).rejects.toThrow('reason is missing');
  expect(await strict.cancel(taskId, { reason: 'ticket 7' })).toMatchObject({ outcome: 'cancelled' });
});
