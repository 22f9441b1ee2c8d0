import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ROUTES } from '../../src/api/routes/index.ts';
import { registerWorkflow } from '../../src/engine/register-workflow.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { diamond } from '../engine/engine-fixture.ts';
import { useApi } from './api-fixture.ts';

const fixture = await useApi();
const { call } = fixture;

describe('reads', () => {
  it('lists tasks in pages whose cursors belong to one list', async () => {
    const key = await fixture.key();
    const workflow = await fixture.workflow(diamond);
    const ids = [];
    for (let n = 0; n < 5; n += 1) ids.push(await fixture.submitOne(workflow));
    const seen: unknown[] = [];
    let path = '/v1/tasks?limit=2&workflow=diamond';
    for (let pages = 0; pages < 5; pages += 1) {
      const page = await call('GET', path, { key });
      expect(page.status, page.text).toBe(200);
      seen.push(...(page.body.items ?? []).map((task) => task['task_id']));
      const next = page.body['next_cursor'] as string | null;
      if (next === null) break;
      path = `/v1/tasks?limit=2&workflow=diamond&cursor=${encodeURIComponent(next)}`;
    }
    expect(seen).toEqual(ids.toReversed());
    const tampered = await call(
      'GET',
      path.replace(/cursor=(.)/, (_, c: string) => `cursor=${c === 'A' ? 'B' : 'A'}`),
      { key },
    );
    expect(tampered).toMatchObject({ status: 400, body: { code: 'CURSOR_INVALID' } });
    const foreign = await call('GET', path.replace('workflow=diamond', 'workflow=other'), { key });
    expect(foreign).toMatchObject({ status: 400, body: { code: 'CURSOR_INVALID' } });
  });

  it('shows a task, its steps, attempts and history, and knows what has not changed', async () => {
    const key = await fixture.key();
    const workflow = await fixture.workflow(diamond);
    const id = await fixture.submitOne(workflow);
    const worker = await fixture.worker();
    const step = (await worker.claim(100)).find(({ taskId }) => taskId === id);
    await worker.fail(step as never, { permanent: true });
    const task = await call('GET', `/v1/tasks/${id}`, { key });
    expect(task.status, task.text).toBe(200);
    const etag = task.headers.get('etag') as string;
    expect((await call('GET', `/v1/tasks/${id}`, { key, headers: { 'if-none-match': etag } })).status).toBe(304);
    for (const path of ['/steps', '/steps/a', '/steps/a/attempts', '/history?limit=1', '/payloads/input']) {
      const reply = await call('GET', `/v1/tasks/${id}${path}`, { key });
      expect(reply.status, `${path} ${reply.text}`).toBe(200);
    }
    const stale = await call('POST', `/v1/tasks/${id}:retry`, { key, headers: { 'if-match': '"1"' } });
    expect(stale).toMatchObject({ status: 412, body: { code: 'PRECONDITION_FAILED' } });
    const retried = await call('POST', `/v1/tasks/${id}:retry`, {
      key,
      headers: { 'if-match': etag },
      body: { reason: 'again' },
    });
    expect(retried.status, retried.text).toBe(200);
    const again = await call('POST', `/v1/tasks/${id}:retry`, { key });
    expect(again).toMatchObject({ status: 409, body: { code: 'REFUSED', outcome: 'nothing_to_retry' } });
  });

  it('serves every route that needs no task', async () => {
    const key = await fixture.key();
    const plain = ROUTES.filter(
      ({ method, path, produces }) => method === 'GET' && !path.includes('{') && produces !== 'text/event-stream',
    );
    for (const route of plain) {
      // There is no archive here: test/api/retention-routes.test.ts has one.
      if (route.path.startsWith('/v1/archived-tasks') || route.operation === 'verifyArchive') continue;
      const reply = await call('GET', route.path, { key });
      expect(reply.status, `${route.operation} ${reply.text}`).toBe(200);
      expect(route.response.safeParse(JSON.parse(reply.text)).error, route.operation).toBeUndefined();
    }
  });
});

describe('acts', () => {
  it('say what they would do, are in the audit with who did them, and refusals too', async () => {
    const key = await fixture.key({ name: 'ada' });
    const viewer = await fixture.key({ name: 'eve', role: 'viewer' });
    const id = await fixture.submitOne(await fixture.workflow(diamond));
    const path = `/v1/tasks/${id}:cancel`;
    expect(await call('POST', path, { key, body: { dry_run: true } })).toMatchObject({
      body: { outcome: 'cancelled' },
    });
    expect((await call('GET', `/v1/tasks/${id}`, { key })).body['state']).toBe('pending');
    expect((await call('POST', path, { key: viewer })).status).toBe(403);
    const headers = { 'idempotency-key': 'cancel-1' };
    expect((await call('POST', path, { key, body: { reason: 'enough' }, headers })).status).toBe(200);
    expect((await call('POST', path, { key, headers: { 'idempotency-key': 'cancel-2' } })).status).toBe(409);
    const audit = await call('GET', `/v1/audit?subject=task&subject_id=${id}`, { key });
    expect(audit.body.items?.map(({ by, outcome, refused }) => [by, outcome, refused]).toSorted()).toEqual([
      ['ada', 'cancelled', false],
      ['ada', 'refused', true],
      ['eve', 'refused', true],
    ]);
  });

  it('are apart from the inputs that somebody has read, of one task and of all', async () => {
    const key = await fixture.key({ name: 'ada' });
    const id = await fixture.submitOne(await fixture.workflow(diamond));
    expect((await call('GET', `/v1/tasks/${id}/payloads/input`, { key })).status).toBe(200);
    expect((await call('POST', `/v1/tasks/${id}:cancel`, { key })).status).toBe(200);
    expect((await call('GET', `/v1/tasks/${id}/payloads/input`, { key })).status).toBe(200);
    const actsOf = async (query: string) =>
      (await call('GET', `/v1/audit?limit=3${query}`, { key })).body.items?.map(({ act }) => act);
    const ofTask = `&subject=task&subject_id=${id}`;
    expect(await actsOf(ofTask)).toEqual(['payload.read', 'task.cancel', 'payload.read']);
    expect(await actsOf(`${ofTask}&reads=false`)).toEqual(['task.cancel']);
    expect(await actsOf(`${ofTask}&reads=true`)).toEqual(['payload.read', 'payload.read']);
    expect((await actsOf('&reads=false'))?.[0]).toBe('task.cancel');
    expect(await actsOf('&reads=true&act=task.cancel')).toEqual([]);
    expect((await call('GET', '/v1/audit?reads=yes', { key })).status).toBe(400);
  });

  it('pause and resume a queue', async () => {
    const key = await fixture.key({ name: 'ada' });
    expect((await call('POST', '/v1/queues/default:pause', { key, body: { reason: 'down' } })).status).toBe(200);
    expect((await call('GET', '/v1/pauses', { key })).body.items).toMatchObject([{ name: 'default', by: 'ada' }]);
    expect((await call('POST', '/v1/queues/default:resume', { key })).status).toBe(200);
    expect((await call('GET', '/v1/pauses', { key })).body.items).toEqual([]);
  });

  it('whoever has paused or resumed sees that at once, although queues and the overview are read for many', async () => {
    const key = await fixture.key({ name: 'ada' });
    const seen = async (): Promise<boolean[]> => {
      const queue = await call('GET', '/v1/queues/seen', { key });
      const { attention } = (await call('GET', '/v1/overview', { key })).body as { attention?: { paused: unknown[] } };
      return [queue.body['paused'] !== null && queue.status === 200, (attention?.paused.length ?? 0) > 0];
    };
    await fixture.test.query(
      `INSERT INTO tasker.tasker_workers (role, name, version, queues, slots, lease_seconds, lease_expires_at)
       VALUES ('worker', 'far', '1', '{seen}', 1, 60, clock_timestamp() + interval '1 hour')`,
    );
    for (let round = 0; round < 3; round += 1) {
      const headers = round === 0 ? {} : { 'idempotency-key': `seen-${round}` };
      expect((await call('POST', '/v1/queues/seen:pause', { key, body: {}, headers })).status).toBe(200);
      expect(await seen()).toEqual([true, true]);
      expect((await call('POST', '/v1/queues/seen:resume', { key, body: {}, headers })).status).toBe(200);
      expect(await seen()).toEqual([false, false]);
    }
  });
});

describe('a submit', () => {
  it('happens once under an Idempotency-Key', async () => {
    const key = await fixture.key();
    const definition = defineWorkflow({ name: 'order', namespace: 'shop', input: z.object({ n: z.number() }) }).step(
      'a',
      () => 1,
    );
    await registerWorkflow(fixture.db, definition);
    const body = { namespace: 'shop', workflow: 'order', input: { n: 1 } };
    const headers = { 'idempotency-key': 'k1' };
    const first = await call('POST', '/v1/tasks', { key, body, headers });
    expect(first.status, first.text).toBe(201);
    const second = await call('POST', '/v1/tasks', { key, body, headers });
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect(second.body).toEqual(first.body);
    const other = await call('POST', '/v1/tasks', { key, body: { ...body, input: { n: 2 } }, headers });
    expect(other).toMatchObject({ status: 422, body: { code: 'IDEMPOTENCY_KEY_REUSED' } });
    const wrong = await call('POST', '/v1/tasks', { key, body: { ...body, input: { n: 'x' } } });
    expect(wrong).toMatchObject({ status: 422, body: { code: 'INPUT_INVALID', errors: [{ pointer: '/input/n' }] } });
  });
});
