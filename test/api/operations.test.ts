import { describe, expect, it } from 'vitest';
import { CAUSES, frailIn, useFailures, workRound } from '../engine/operations-fixture.ts';
import { useApi } from './api-fixture.ts';

const fixture = await useApi();
const { call } = fixture;
const mine = await useFailures(fixture, await fixture.workflow(frailIn('mine')));
const theirs = await useFailures(fixture, await fixture.workflow(frailIn('theirs')));

const create = (key: string, body: object) =>
  call('POST', '/v1/operations', { key, body: { action: 'retry', ...body } });
const itemsOf = async (key: string, id: unknown) =>
  (await call('GET', `/v1/operations/${String(id)}/items`, { key })).body.items ?? [];

it('previews, starts by the token, and shows how far it is and what came of each task', async () => {
  const key = await fixture.key({ role: 'operator', name: 'ada', payload: false });
  const failed = await mine.failed(3, 'bank');
  const made = await create(key, { filter: { fingerprint: CAUSES.bank }, canary: '1%', reason: 'the bank is back' });
  expect(made).toMatchObject({
    status: 201,
    body: {
      state: 'preview',
      total: 3,
      waiting: 3,
      canary: 1,
      by: 'ada',
      preview: { states: { error: 3 }, fingerprints: [{ fingerprint: CAUSES.bank, tasks: 3 }] },
      allowed_actions: ['start'],
      missing: [],
    },
  });
  const { operation_id: id, token } = made.body;
  const path = `/v1/operations/${String(id)}`;
  expect((await call('GET', path, { key })).text).not.toContain(String(token).split('-')[1]);
  const wrong = await call('POST', `${path}:start`, { key, body: { token: `${String(id)}-${'0'.repeat(32)}` } });
  expect(wrong).toMatchObject({ status: 409, body: { code: 'REFUSED', outcome: 'wrong_token' } });
  expect(await call('POST', `${path}:start`, { key, body: { token } })).toMatchObject({
    status: 200,
    body: { state: 'running', allowed_actions: ['pause', 'abort', 'resume'] },
  });
  expect(await call('POST', `${path}:pause`, { key, body: { reason: 'wait' } })).toMatchObject({
    body: { state: 'paused', why: 'by ada: wait' },
  });
  expect(await call('POST', `${path}:pause`, { key })).toMatchObject({ status: 409, body: { state: 'paused' } });
  await call('POST', `${path}:resume`, { key });
  await workRound(fixture);
  await mine.work();
  await workRound(fixture);
  expect(await call('GET', path, { key })).toMatchObject({ body: { state: 'done', done: 3, waiting: 0 } });
  const first = await call('GET', `${path}/items?limit=2`, { key });
  const cursor = encodeURIComponent(first.body['next_cursor'] as string);
  const second = await call('GET', `${path}/items?limit=2&cursor=${cursor}`, { key });
  expect([...(first.body.items ?? []), ...(second.body.items ?? [])].map((item) => item['task_id'])).toEqual(failed);
  expect(second.body).toMatchObject({ next_cursor: null, items: [{ state: 'done', outcome: 'retried' }] });
  expect(await call('POST', `${path}:abort`, { key })).toMatchObject({ status: 409 });
  expect(await call('GET', '/v1/operations?state=done,running', { key })).toMatchObject({
    body: { items: [{ operation_id: id, state: 'done' }], next_cursor: null },
  });
  await mine.work();
});

it('makes one operation for one Idempotency-Key, and the same answer again', async () => {
  const key = await fixture.key();
  await mine.failed(1, 'card');
  const ask = () =>
    call('POST', '/v1/operations', {
      key,
      body: { action: 'retry', filter: { fingerprint: CAUSES.card } },
      headers: { 'idempotency-key': 'once' },
    });
  const [first, again] = [await ask(), await ask()];
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  expect(again.body).toEqual(first.body);
});

describe('a key of one namespace (CVE-2026-5199)', () => {
  it('makes no operation of tasks, fingerprints or filters of another', async () => {
    const key = await fixture.key({ role: 'operator', namespaces: ['mine'] });
    const foreign = await theirs.failed(2, 'mail');
    const own = await mine.failed(1, 'card');
    for (const body of [
      { task_ids: foreign },
      { filter: { fingerprint: CAUSES.mail } },
      { filter: { namespace: 'theirs' } },
      { action: 'cancel', filter: { namespace: 'theirs', workflow: 'frail' } },
      { task_ids: ['999999999'] },
    ])
      expect(await create(key, body)).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    const mixed = await create(key, { task_ids: [...foreign, ...own] });
    expect(mixed.body).toMatchObject({ total: 1, missing: foreign, namespaces: ['mine'] });
    expect((await itemsOf(key, mixed.body['operation_id'])).map((item) => item['task_id'])).toEqual(own);
    expect(mixed.text).not.toContain('theirs');
  });

  it('neither sees nor steers an operation that is about more, and cannot start it with its token', async () => {
    const all = await fixture.key();
    const key = await fixture.key({ role: 'operator', namespaces: ['mine'] });
    const failed = await mine.failed(1, 'bank');
    const { body } = await create(all, { task_ids: failed });
    const path = `/v1/operations/${String(body['operation_id'])}`;
    for (const act of ['start', 'pause', 'resume', 'abort'])
      expect(
        await call('POST', `${path}:${act}`, { key, ...(act === 'start' ? { body: { token: body['token'] } } : {}) }),
      ).toMatchObject({ status: 404 });
    expect(await call('GET', path, { key })).toMatchObject({ status: 404 });
    expect(await call('GET', `${path}/items`, { key })).toMatchObject({ status: 404 });
    expect(await fixture.taskState(failed[0] as string)).toBe('error');
  });
});

it('shows a result and the text of a filter to nobody without payload:read', async () => {
  const admin = await fixture.key();
  const viewer = await fixture.key({ role: 'viewer', payload: false });
  const [failed] = await mine.failed(1, 'bank');
  const body = { action: 'resolve', step: 'only', result: { secret: 'canary-5' }, task_ids: [failed] };
  const made = await call('POST', '/v1/operations', { key: admin, body });
  expect(made.body['options']).toEqual({ step: 'only', result: { secret: 'canary-5' } });
  const seen = await call('GET', `/v1/operations/${String(made.body['operation_id'])}`, { key: viewer });
  expect(seen).toMatchObject({ status: 200, body: { options: { step: 'only' } } });
  expect(seen.text).not.toContain('canary-5');
  expect(await create(viewer, { task_ids: [failed] })).toMatchObject({ status: 403 });
  const filter = { q: 'input.order:"canary-6"', workflow: 'frail', rerun_of: failed };
  expect(await create(admin, { filter })).toMatchObject({ status: 404 });
  const [found] = await fixture.test.query<{ task_id: string }>(
    `UPDATE tasker.tasker_tasks SET context = '{"order": "canary-6"}' WHERE task_id = $1 RETURNING task_id`,
    [failed],
  );
  const searched = await create(admin, { filter: { q: 'input.order:"canary-6"', workflow: 'frail' } });
  expect(searched).toMatchObject({ status: 201, body: { total: 1 } });
  expect(searched.text).toContain('canary-6');
  const hidden = await call('GET', `/v1/operations/${String(searched.body['operation_id'])}`, { key: viewer });
  expect(hidden.body['selection']).toEqual({ filter: { workflow: 'frail', state: ['error'] } });
  expect(found?.task_id).toBe(failed);
});
