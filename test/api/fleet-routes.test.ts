import { beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useApi } from './api-fixture.ts';

const fixture = await useApi({ poolSize: 5, reservedConnections: 7 });
const { call } = fixture;
let key: string;
let workflow: number;

const order = defineWorkflow({
  namespace: 'shop',
  name: 'order',
  version: '1.2.0',
  input: z.object({ n: z.number() }),
  keep: { complete: '30d' },
})
  .step('charge', { queue: 'payments' }, () => 1)
  .step('ship', { dependsOn: ['charge'] }, () => 1);

beforeAll(async () => {
  key = await fixture.key();
  workflow = await fixture.workflow(order);
});

it('one worker: its lease, what it serves and refuses, and what it holds', async () => {
  const tasks = [
    await fixture.submitOne(workflow),
    await fixture.submitOne(workflow),
    await fixture.submitOne(workflow),
  ];
  const worker = await fixture.worker(600);
  await worker.claim(2, 'payments');
  await fixture.test.query(
    `INSERT INTO tasker.tasker_worker_workflows (worker_id, namespace, name, version, named_task_id, problem)
     VALUES ($1, 'shop', 'order', '1.2.0', $2, NULL), ($1, 'shop', 'order', '1.3.0', NULL, 'another definition is registered')`,
    [worker.id, workflow],
  );
  const reply = await call('GET', `/v1/workers/${worker.id}`, { key });
  expect(reply, reply.text).toMatchObject({
    status: 200,
    body: {
      worker_id: worker.id,
      role: 'worker',
      live: true,
      lease_seconds: 600,
      serves: [{ namespace: 'shop', workflow: 'order', version: '1.2.0' }],
      refuses: [{ version: '1.3.0', problem: 'another definition is registered' }],
      steps: tasks
        .slice(0, 2)
        .map((id) => ({ task_id: id, step: 'charge', version: '1.2.0', queue: 'payments', attempt: 1 })),
      complete: true,
    },
  });
  expect(reply.body['lease_left_seconds']).toBeGreaterThan(0);
  expect((await call('GET', '/v1/workers/999999', { key })).status).toBe(404);
  expect((await call('GET', '/v1/workers/x', { key })).status).toBe(400);
});

it('one version of a workflow: graph, schema, who serves it, open tasks, retention', async () => {
  const path = '/v1/workflows/shop/order/1.2.0';
  const { body } = await call('GET', path, { key });
  expect(body).toMatchObject({
    version: '1.2.0',
    versions: ['1.2.0'],
    input_schema: { type: 'object', required: ['n'] },
    steps: [
      { name: 'charge', queue: 'payments', depends_on: [], last_day: null },
      { name: 'ship', depends_on: ['charge'] },
    ],
    keep: { complete: { time: '30d', source: 'definition' }, error: { time: 'forever', source: 'none' } },
    open_tasks: { complete: true },
    layout: `${path}/layout`,
  });
  expect((await call('GET', body['layout'] as string, { key })).status).toBe(200);
  expect(await call('GET', '/v1/workflows/shop/order/9.9.9', { key })).toMatchObject({ status: 404 });
  expect(await call('GET', '/v1/workflows/shop/none/1.2.0', { key })).toMatchObject({ status: 404 });
});

it('the connections that a fleet may open, for the processes that live or for others', async () => {
  const { body } = await call('GET', '/v1/health/connections?workers=2&schedulers=1&apis=2', { key });
  expect(body).toMatchObject({
    workers: 2,
    schedulers: 1,
    pool_size: 5,
    reserved_for_others: 7,
    apis: 2,
    budget: { per_worker: 7, per_scheduler: 10, per_api: 6 },
    committed: 36,
    problems: [],
  });
  // This one, by its connections.
  expect((await call('GET', '/v1/health/connections', { key })).body).toMatchObject({ apis: 1 });
  const large = (await call('GET', '/v1/health/connections?workers=5000&pool_size=9', { key })).body;
  expect(large).toMatchObject({ pool_size: 9, budget: { per_worker: 11 } });
  expect(large['problems']).toEqual([expect.stringMatching(/5000 workers, .* may open 55\d+ connections/)]);
  expect(await call('GET', '/v1/health/connections?workers=-1', { key })).toMatchObject({ status: 400 });
  const operator = await fixture.key({ role: 'operator' });
  expect((await call('GET', '/v1/health/connections', { key: operator })).status).toBe(403);
});

it('a download goes on where it broke off', async () => {
  const id = await fixture.submitOne(workflow, { context: '{"n": 12345}' });
  const get = async (headers: Record<string, string> = {}) => {
    const url = `${fixture.api.apiUrl}/v1/tasks/${id}/payloads/input`;
    const response = await fetch(url, { headers: { authorization: `Bearer ${key}`, ...headers } });
    return { status: response.status, etag: response.headers.get('etag') ?? '', text: await response.text() };
  };
  const first = await get({ range: 'bytes=0-5' });
  expect(first).toMatchObject({ status: 206, text: '{"n": ' });
  const rest = await get({ range: 'bytes=6-', 'if-range': first.etag });
  expect(`${first.text}${rest.text}`).toBe((await get()).text);
  const behind = await get({ range: 'bytes=99-' });
  expect(behind).toMatchObject({ status: 416, text: expect.stringContaining('RANGE_UNSATISFIABLE') });
});

it('names what is not known of a request, and the methods that a path has', async () => {
  const typo = await call('GET', '/v1/tasks?requested_sinse=2026-01-01T00:00:00Z', { key });
  expect(typo).toMatchObject({
    status: 400,
    body: { errors: [{ pointer: 'requested_sinse', detail: 'is not known: did you mean "requested_since"?' }] },
  });
  const none = await call('GET', '/v1/tasks/1?dry_run=true', { key });
  expect(none.body['detail']).toContain('dry_run is not known: there are wait_seconds, steps');
  const removal = await call('DELETE', '/v1/tasks/1', { key });
  expect(removal).toMatchObject({ status: 405, body: { code: 'METHOD_NOT_ALLOWED' } });
  expect(removal.headers.get('allow')).toBe('GET, HEAD');
  expect((await call('DELETE', '/v1/nothing', { key })).status).toBe(404);
});

it('a refused act says what the task would not refuse', async () => {
  const id = await fixture.submitOne(workflow);
  expect(await call('POST', `/v1/tasks/${id}:resolve`, { key, body: {} })).toMatchObject({
    status: 409,
    body: { code: 'REFUSED', state: 'pending', allowed_actions: ['cancel'] },
  });
});

it('the doctor has the keys of rows that violate an invariant, and nothing else of them', async () => {
  const taskId = await fixture.submitOne(workflow, { context: '{"card": "4111"}' });
  await fixture.test.query(
    'UPDATE tasker.tasker_workflow_steps SET unmet_parents = 7 WHERE task_id = $1 AND unmet_parents = 1',
    [taskId],
  );
  const reply = await call('GET', '/v1/health/doctor', { key });
  const findings = reply.body['findings'] as { examples: Record<string, unknown>[] }[];
  expect(findings.flatMap(({ examples }) => examples)).toContainEqual(expect.objectContaining({ task_id: taskId }));
  expect(findings.every(({ examples }) => examples.length > 0 && examples.length <= 5)).toBe(true);
  expect(reply.text).not.toMatch(/4111|"mend"/);
});
