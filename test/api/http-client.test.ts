import { beforeAll, describe, expect, it } from 'vitest';
import { ApiError, createApiClient, type ApiClient } from '../../src/entry/http.ts';
import { diamond } from '../engine/engine-fixture.ts';
import { useApi } from './api-fixture.ts';

const fixture = await useApi();
let api: ApiClient;
beforeAll(async () => {
  api = createApiClient({ url: `${fixture.api.apiUrl}/`, key: await fixture.key({ name: 'ada' }), retries: 0 });
});

describe('the client of the HTTP API, against an API', () => {
  it('submits once for each call, in lines too, and waits for the end', async () => {
    await fixture.workflow(diamond);
    const body = { namespace: diamond.namespace, workflow: 'diamond', input: { n: 1 } };
    const one = await api.post('/v1/tasks', { body, idempotencyKey: 'order-1' });
    const again = await api.request('POST /v1/tasks', { body, idempotencyKey: 'order-1' });
    expect(again.body).toEqual(one);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    const lines = await api.post('/v1/tasks:batch', { body: [{ ...body, input: { n: 2 } }, { workflow: 7 }] });
    expect(lines).toMatchObject([
      { outcome: 'created' },
      { code: 'INPUT_INVALID', request_id: expect.stringMatching(/./) },
    ]);
    const waited = api.waitForTask(one.task_id);
    await api.post('/v1/tasks/{task_id}:cancel', { params: { task_id: one.task_id }, body: { reason: 'enough' } });
    expect(await waited).toMatchObject({ task_id: one.task_id, state: 'cancelled' });
  });

  it('gives up a wait at its time, and when it is aborted', async () => {
    const id = await fixture.submitOne(await fixture.workflow(diamond));
    await expect(api.waitForTask(id, { timeoutMs: 50 })).rejects.toMatchObject({ name: 'ApiError', code: 'TIMEOUT' });
    const reason = new Error('the page was left');
    const signal = AbortSignal.abort(reason);
    await expect(api.waitForTask(id, { signal })).rejects.toBe(reason);
  });

  it('walks a list to its end', async () => {
    const workflow = await fixture.workflow(diamond);
    const ids: string[] = [];
    for (let n = 0; n < 5; n += 1) ids.push(await fixture.submitOne(workflow, { tags: ['walked'] }));
    const seen: string[] = [];
    for await (const task of api.items('GET /v1/tasks', { query: { tag: ['walked'], limit: 2 } }))
      seen.push(task.task_id);
    expect(seen).toEqual(ids.toReversed());
  });

  it('knows what has not changed, and does not act on what has', async () => {
    const params = { task_id: await fixture.submitOne(await fixture.workflow(diamond)) };
    const { etag } = await api.request('GET /v1/tasks/{task_id}', { params });
    expect(await api.request('GET /v1/tasks/{task_id}', { params, ifNoneMatch: etag })).toMatchObject({
      status: 304,
      body: undefined,
    });
    const acted = api.post('/v1/tasks/{task_id}:cancel', { params, ifMatch: '"1"' });
    await expect(acted).rejects.toMatchObject({ code: 'PRECONDITION_FAILED', status: 412 });
  });

  it('throws what the API says, with the place of each mistake', async () => {
    const missing = await api
      .get('/v1/tasks/{task_id}', { params: { task_id: '999' } })
      .catch((error: unknown) => error);
    expect(missing).toBeInstanceOf(ApiError);
    expect(missing).toMatchObject({ code: 'NOT_FOUND', status: 404, requestId: expect.any(String) });
    const wrong = api.get('/v1/tasks', { query: { limit: 1000 } });
    await expect(wrong).rejects.toMatchObject({ code: 'REQUEST_INVALID', errors: [{ pointer: 'limit' }] });
    const unknown = createApiClient({ url: fixture.api.apiUrl, key: 'tsk_no', retries: 0 });
    await expect(unknown.get('/v1/me')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('has documents to the last digit', async () => {
    const id = await fixture.submitOne(await fixture.workflow(diamond), { context: '{"n": 9007199254740993}' });
    const { body, text } = await api.request('GET /v1/tasks/{task_id}', { params: { task_id: id } });
    expect(text).toContain('9007199254740993');
    const link = api.urlOf(body?.input?.href ?? '');
    expect(link).toBe(`${fixture.api.apiUrl}/v1/tasks/${id}/payloads/input`);
  });
});
