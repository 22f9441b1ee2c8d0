import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ROUTES } from '../../src/api/routes/index.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { diamond } from '../engine/engine-fixture.ts';
import { waitFor } from '../support/wait-for.ts';
import { useApi } from './api-fixture.ts';

const fixture = await useApi();
const { call } = fixture;

const order = defineWorkflow({ name: 'order', namespace: 'shop', input: z.object({ amount: z.number() }) })
  .step('charge', () => 1)
  .step('ship', { dependsOn: ['charge'] }, () => 1);
let workflow: number;
let key: string;
beforeAll(async () => {
  workflow = await fixture.workflow(order);
  key = await fixture.key({ name: 'ada' });
});

async function failed(): Promise<string> {
  const id = await fixture.submitOne(workflow, { context: '{"amount": 1}' });
  const worker = await fixture.worker();
  const own = (await worker.claim(100)).filter(({ taskId }) => taskId === id);
  for (const step of own) await worker.fail(step, { permanent: true });
  return id;
}

it('an explanation does not name a task of another namespace that is in the way', async () => {
  const other = await fixture.submitOne(await fixture.workflow(diamond));
  const worker = await fixture.worker(60, 1);
  await worker.claim(1);
  const id = await fixture.submitOne(workflow, { context: '{"amount": 1}' });
  const shop = await fixture.key({ role: 'viewer', namespaces: ['shop'] });
  const names = async (asking: string): Promise<boolean> => {
    const { body } = await call('GET', `/v1/tasks/${id}/explain`, { key: asking });
    const because = body['because'] as { text: string; links: { task_id?: string } }[];
    return because.some(({ text, links }) => links.task_id === other || text.includes(`task ${other}`));
  };
  expect([await names(key), await names(shop)]).toEqual([true, false]);
});

describe('retry with another input', () => {
  it('of a step: refused with a pointer, done, and in the history with the difference', async () => {
    const id = await failed();
    const path = `/v1/tasks/${id}/steps/charge:retry`;
    const wrong = await call('POST', path, { key, body: { input: { amount: 'many' } } });
    expect(wrong).toMatchObject({
      status: 422,
      body: { code: 'INPUT_INVALID', errors: [{ pointer: '/input/amount' }] },
    });
    const done = await call('POST', path, { key, body: { input: { amount: 2 }, reason: 'a text' } });
    expect(done, done.text).toMatchObject({ status: 200, body: { outcome: 'retried', steps: [{ name: 'charge' }] } });
    const audit = await call('GET', `/v1/audit?subject=task&subject_id=${id}`, { key });
    expect(audit.body.items?.[0]).toMatchObject({ act: 'task.retry', by: 'ada', reason: 'a text' });
    expect(audit.body.items?.[0]?.['before_hash']).not.toBe(audit.body.items?.[0]?.['after_hash']);
    const editOf = async (asking: string): Promise<unknown> =>
      (await call('GET', `/v1/tasks/${id}/history`, { key: asking })).body.items?.find(
        ({ edited }) => edited !== null,
      )?.['edited'];
    const changes = [{ path: '/amount', from: 1, to: 2 }];
    expect(await editOf(key)).toEqual({ of: 'step', changes, more: 0 });
    expect(await editOf(await fixture.key({ role: 'viewer', payload: false }))).toEqual({ of: 'step' });
    expect((await call('GET', `/v1/tasks/${id}/payloads/charge.inputs`, { key })).text).toBe('{"amount": 2}');
    const [download] = (await call('GET', `/v1/audit?act=payload.read`, { key })).body.items ?? [];
    expect(download).toMatchObject({ by: 'ada', subject_id: id, details: { asked: { document: 'charge.inputs' } } });
  });

  it('of a task, and no lost update: whoever read an older state is refused, with the act in one transaction', async () => {
    const id = await failed();
    const etag = (await call('GET', `/v1/tasks/${id}`, { key })).headers.get('etag') as string;
    const edits = [2, 3, 4, 5].map((amount) =>
      call('POST', `/v1/tasks/${id}:retry`, { key, body: { input: { amount } }, headers: { 'if-match': etag } }),
    );
    const statuses = (await Promise.all(edits)).map(({ status }) => status);
    expect(statuses.toSorted()).toEqual([200, 412, 412, 412]);
  });
});

it('an act that was refused before it began is in the audit: by whom, of what, and why', async () => {
  const id = await failed();
  const path = `/v1/tasks/${id}:retry`;
  const [eve, far] = await Promise.all([
    fixture.key({ name: 'eve', role: 'viewer' }),
    fixture.key({ name: 'far', role: 'operator', namespaces: ['far'] }),
  ]);
  const stale = { 'if-match': '"1"' };
  expect((await call('POST', path, { key, body: { reason: 'r1' }, headers: stale })).status).toBe(412);
  expect((await call('POST', path, { key, body: { reason: 'r2', input: { amount: 'many' } } })).status).toBe(422);
  expect((await call('POST', path, { key, body: { dry_run: true, input: { amount: 'many' } } })).status).toBe(422);
  expect((await call('POST', path, { key: eve })).status).toBe(403);
  expect((await call('POST', path, { key: far, body: { reason: 'r3' } })).status).toBe(404);
  expect((await call('POST', '/v1/queues/audited:pause', { key: far })).status).toBe(403);
  const rows = async (subject: string, subjectId: string): Promise<unknown[]> =>
    ((await call('GET', `/v1/audit?subject=${subject}&subject_id=${subjectId}`, { key })).body.items ?? []).map(
      ({ act, by, outcome, reason, refused }) => [act, by, outcome, reason, refused],
    );
  await waitFor(async () => (await rows('task', id)).length + (await rows('queue', 'audited')).length === 5, {
    what: 'the refusals in the audit',
  });
  expect((await rows('task', id)).toSorted()).toEqual([
    ['task.retry', 'ada', 'changed', 'r1', true],
    ['task.retry', 'ada', 'invalid_input', 'r2', true],
    ['task.retry', 'eve', 'refused', null, true],
    ['task.retry', 'far', 'not_found', 'r3', true],
  ]);
  expect(await rows('queue', 'audited')).toEqual([['queue.pause', 'far', 'refused', null, true]]);
});

it('If-Match takes the ETag as it came, or a star; anything else is refused, and so is one of what has no ETag', async () => {
  const id = await failed();
  const etag = (await call('GET', `/v1/tasks/${id}`, { key })).headers.get('etag') as string;
  const retry = (match: string) =>
    call('POST', `/v1/tasks/${id}:retry`, { key, body: { dry_run: true }, headers: { 'if-match': match } });
  for (const good of [etag, `"older", ${etag}`, '*', ` ${etag} `]) expect((await retry(good)).status, good).toBe(200);
  for (const other of ['"older"', `W/${etag}`, `"older", W/${etag}`]) {
    const refused = await retry(other);
    expect(refused, other).toMatchObject({ status: 412, body: { code: 'PRECONDITION_FAILED' } });
    expect(refused.headers.get('etag'), other).toBe(etag);
    expect(refused.headers.get('content-type')).toContain('application/problem+json');
  }
  for (const wrong of [etag.replaceAll('"', ''), `${etag}, *`, `${etag} ${etag}`, 'W/', '"']) {
    expect(await retry(wrong), wrong).toMatchObject({
      status: 400,
      body: { code: 'REQUEST_INVALID', errors: [{ pointer: 'If-Match' }] },
    });
  }
});

const yearly = { cron: '@yearly', namespace: 'shop', workflow: 'order', input: { amount: 1 } };
const WRITES = ROUTES.filter(({ method }) => method !== 'GET');
it.each(WRITES.map((route) => [`${route.method} ${route.path}`, route] as const))(
  'If-Match is compared or refused, and never overlooked: %s',
  async (_name, route) => {
    const id = await failed();
    const path = route.path
      .replace('{task_id}', id)
      .replace('{operation_id}', '999')
      .replace('{step}', 'charge')
      .replace('{key_id}', '000000000000')
      .replace('{sign_in_id}', '0123456789abcdef')
      .replace('{hold_id}', '999')
      .replaceAll(/\{\w+\}/g, 'none');
    const lines = route.consumes === undefined ? {} : { 'content-type': route.consumes };
    const given = route.operation === 'putSchedule' ? { ...yearly, cron: '@daily' } : route.example.body;
    if (path.includes('schedules')) await call('PUT', '/v1/schedules/none', { key, body: yearly });
    const reply = await call(route.method, path, {
      key,
      // Lines are given as a text.
      ...(given === undefined ? {} : { body: route.consumes === undefined ? given : JSON.stringify(given) }),
      headers: { 'if-match': '"older"', ...lines },
    });
    if (route.matches === true) expect(reply, reply.text).toMatchObject({ status: 412 });
    else {
      expect(reply, reply.text).toMatchObject({ status: 400, body: { code: 'REQUEST_INVALID' } });
      expect(reply.body['detail']).toContain('If-Match');
    }
    const [task] = await fixture.test.query(`SELECT state FROM tasker.tasker_tasks WHERE task_id = $1`, [id]);
    expect(task).toEqual({ state: 'error' });
  },
);

it('a refusal says why, of what, and what else there is', async () => {
  const id = await failed();
  const at = `/v1/tasks/${id}/steps`;
  const known = { outcome: 'unknown_steps', known: ['charge', 'ship'] };
  for (const act of ['retry', 'resolve', 'release'])
    expect(await call('POST', `${at}/none:${act}`, { key }), act).toMatchObject({
      status: 404,
      body: { code: 'NOT_FOUND', detail: `task ${id} has no step none: its steps are charge, ship`, ...known },
    });
  expect(await call('POST', `${at}/ship:resolve`, { key })).toMatchObject({
    status: 409,
    body: { state: 'error', step_state: 'pending', detail: expect.stringContaining('waits for a step before it') },
  });
  const dry = await call('POST', `/v1/tasks/${id}:rerun`, { key, body: { dry_run: true } });
  expect(dry).toMatchObject({ status: 200, body: { outcome: 'created', ordinal: 1 } });
  expect(dry.body).not.toHaveProperty('task_id');
  expect((await call('POST', '/v1/queues/none:pause', { key })).body).toMatchObject({
    detail: 'no live worker serves a queue none, and no registered workflow uses it',
  });
  const preview = await call('POST', '/v1/operations', { key, body: { action: 'retry', task_ids: [id] } });
  const path = `/v1/operations/${String(preview.body['operation_id'])}`;
  expect(await call('POST', `${path}:pause`, { key })).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining('is a preview, which has not been started'), allowed_actions: ['start'] },
  });
});

it('a rerun is a new task that takes results over, and is refused while the old one goes on', async () => {
  const id = await fixture.submitOne(workflow, { context: '{"amount": 1}' });
  const path = `/v1/tasks/${id}:rerun`;
  expect(await call('POST', path, { key })).toMatchObject({ status: 409, body: { code: 'REFUSED', state: 'pending' } });
  await call('POST', `/v1/tasks/${id}:cancel`, { key });
  expect(await call('POST', path, { key, body: { from: ['none'] } })).toMatchObject({
    body: { outcome: 'unknown_steps' },
  });
  expect(await call('POST', path, { key, body: { from: ['ship'] } })).toMatchObject({ body: { outcome: 'not_done' } });
  const first = await call('POST', path, { key, body: { reason: 'again' } });
  expect(first, first.text).toMatchObject({ status: 201, body: { outcome: 'created', ordinal: 1, taken_over: [] } });
  const viewer = await fixture.key({ role: 'viewer' });
  expect((await call('POST', path, { key: viewer })).status).toBe(403);
});

it('more acts with an Idempotency-Key than there are connections do not wait for each other for ever', async () => {
  const ids = await Promise.all(
    Array.from({ length: 40 }, () => fixture.submitOne(workflow, { context: '{"amount": 1}' })),
  );
  const done = await Promise.all(
    ids.map((id) => call('POST', `/v1/tasks/${id}:cancel`, { key, headers: { 'idempotency-key': `cancel-${id}` } })),
  );
  expect(new Set(done.map(({ status }) => status))).toEqual(new Set([200]));
});

describe('explain', () => {
  it('says why a task and a step wait, and no message of an error to whoever may not read payloads', async () => {
    const id = await failed();
    const whole = await call('GET', `/v1/tasks/${id}/explain`, { key });
    expect(whole, whole.text).toMatchObject({
      status: 200,
      body: { verdict: 'BLOCKED', step: 'charge', who_acts: 'operator' },
    });
    expect(whole.text).toContain('as the test wished');
    const viewer = await fixture.key({ role: 'viewer', payload: false });
    for (const path of ['/explain', '/steps/charge/explain', '/steps/ship/explain']) {
      const reply = await call('GET', `/v1/tasks/${id}${path}`, { key: viewer });
      expect(reply.status, reply.text).toBe(200);
      expect(reply.text).not.toContain('as the test wished');
    }
    expect((await call('GET', `/v1/tasks/${id}/steps/none/explain`, { key })).status).toBe(404);
  });
});
