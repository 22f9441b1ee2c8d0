import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { needsReason, type Route } from '../../src/api/route.ts';
import { ROUTES } from '../../src/api/routes/index.ts';
import { REASON_MISSING } from '../../src/engine/require-reason.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { waitFor } from '../support/wait-for.ts';
import { openApi } from '../support/open-api.ts';
import { useApi } from './api-fixture.ts';

const fixture = await useApi({ requireReason: true });
const { call } = fixture;

const WRITES = ROUTES.filter(({ method }) => method !== 'GET');
const ACTS = ROUTES.filter(needsReason);
const named = (routes: readonly Route[]) => routes.map((route) => [route.operation, route] as const);

const order = defineWorkflow({ name: 'order', namespace: 'shop', input: z.object({ n: z.number() }) }).step(
  'only',
  () => 1,
);
let admin: string;
let task: string;
beforeAll(async () => {
  admin = await fixture.key({ name: 'root' });
  const workflow = await fixture.workflow(order);
  task = await fixture.submitOne(workflow, { context: '{"n": 1}' });
  const worker = await fixture.worker();
  await worker.fail(await worker.claimOne(), { permanent: true });
});

/** What the route is about is not there, so that whatever it says of its reason is said before it looks. */
const pathOf = (route: Route): string =>
  route.path
    .replace('{key_id}', '000000000000')
    .replace('{sign_in_id}', '0000000000000000')
    .replace(/\{\w+_id\}/, '999999')
    .replaceAll(/\{\w+\}/g, 'none');

const bodyOf = ({ body, example }: Route): Record<string, unknown> | undefined => {
  if (body === undefined) return undefined;
  const { reason: _reason, dry_run: _dryRun, ...rest } = (example.body ?? {}) as Record<string, unknown>;
  return rest;
};

interface AuditItem {
  act: string;
  by: string;
  outcome: string;
  refused: boolean;
}

async function refusalsOf(by: string): Promise<[string, string, boolean][]> {
  const { body } = await call('GET', `/v1/audit?by=${by}`, { key: admin });
  return (body.items as unknown as AuditItem[]).map(({ act, outcome, refused }) => [act, outcome, refused]);
}

it('every route that writes is an act, and each but a submit and a preview needs a reason', () => {
  expect(WRITES.filter(({ act }) => act === undefined).map(({ operation }) => operation)).toEqual([]);
  expect(WRITES.filter((route) => !ACTS.includes(route)).map(({ operation }) => operation)).toEqual([
    'submitTask',
    'submitTasks',
    'createOperation',
  ]);
  for (const route of ACTS) {
    const takes = (route.query ?? route.body) as z.ZodType;
    expect(JSON.stringify(z.toJSONSchema(takes, { io: 'input' })), route.operation).toContain('"reason"');
  }
});

describe('with TASKER_REQUIRE_REASON an act without a reason is refused, and the audit has it', () => {
  it.each(named(ACTS))('%s', async (operation, route) => {
    const by = `no-reason-${operation}`;
    const key = await fixture.key({ name: by });
    const body = bodyOf(route);
    // The reason of a hold was always required, by the schema of its body.
    const [pointer, detail] =
      route.act === 'hold.set' ? ['/', ''] : [body === undefined ? 'reason' : '/reason', REASON_MISSING];
    for (const reason of route.act === 'hold.set' ? [undefined] : [undefined, '', ' \n']) {
      const query = body === undefined && reason !== undefined ? `?reason=${encodeURIComponent(reason)}` : '';
      const reply = await call(route.method, `${pathOf(route)}${query}`, {
        key,
        body: body && { ...body, ...(reason === undefined ? {} : { reason }) },
      });
      expect(reply, reply.text).toMatchObject({ status: 422, body: { code: 'INPUT_INVALID' } });
      const [problem] = reply.body['errors'] as { pointer: string; detail: string }[];
      expect(problem?.pointer).toContain(pointer);
      expect(problem?.detail).toContain(detail);
    }
    await waitFor(async () => (await refusalsOf(by)).length > 0, { what: 'the refusal in the audit' });
    expect((await refusalsOf(by))[0]).toEqual([route.act, 'invalid_input', true]);
  });
});

it.each(named(ACTS.filter(({ body }) => JSON.stringify([body && z.toJSONSchema(body)]).includes('"dry_run"'))))(
  'a dry run needs none: %s',
  async (_operation, route) => {
    const { text } = await call(route.method, pathOf(route), { key: admin, body: { ...bodyOf(route), dry_run: true } });
    expect(text).not.toContain(REASON_MISSING);
  },
);

it.each(named(ACTS))('with one it is done, or refused for what it is about: %s', async (_operation, route) => {
  const body = bodyOf(route);
  const path = `${pathOf(route)}${body === undefined ? '?reason=because' : ''}`;
  const reply = await call(route.method, path, { key: admin, body: body && { ...body, reason: 'because' } });
  expect(reply.status, reply.text).toBeLessThan(500);
  expect(reply.text).not.toContain(REASON_MISSING);
  expect([200, 201, 404, 409, 503], reply.text).toContain(reply.status);
});

describe('who lacks the right for what writes is in the audit, whatever it is', () => {
  it.each(named(WRITES))('%s', async (operation, route) => {
    const by = `no-right-${operation}`;
    const key = await fixture.key({ name: by, role: 'viewer', payload: false });
    expect((await call(route.method, pathOf(route), { key })).status).toBe(403);
    await waitFor(async () => (await refusalsOf(by)).length > 0, { what: 'the refusal in the audit' });
    expect(await refusalsOf(by)).toEqual([[route.act, 'refused', true]]);
  });
});

it('a submit whose input is not accepted is no act, and a preview without tasks is no refusal: neither is in the audit', async () => {
  const key = await fixture.key({ name: 'quiet' });
  const body = { namespace: 'shop', workflow: 'order', input: { n: 'many' } };
  expect((await call('POST', '/v1/tasks', { key, body })).status).toBe(422);
  expect((await call('POST', '/v1/tasks', { key, body: { ...body, workflow: 'none' } })).status).toBe(404);
  const none = { action: 'retry', task_ids: ['999999'] };
  expect((await call('POST', '/v1/operations', { key, body: none })).status).toBe(404);
  // Whatever came before the row that does come.
  const viewer = await fixture.key({ name: 'loud', role: 'viewer' });
  await call('POST', '/v1/tasks', { key: viewer });
  await waitFor(async () => (await refusalsOf('loud')).length > 0, { what: 'the refusal in the audit' });
  expect(await refusalsOf('quiet')).toEqual([]);
});

it('a bulk operation is chosen without a reason and started with one; /v1/me says that one is required', async () => {
  const made = await call('POST', '/v1/operations', { key: admin, body: { action: 'retry', task_ids: [task] } });
  expect(made.status, made.text).toBe(201);
  const path = `/v1/operations/${String(made.body['operation_id'])}:start`;
  const { token } = made.body;
  expect(await call('POST', path, { key: admin, body: { token } })).toMatchObject({ status: 422 });
  const started = await call('POST', path, { key: admin, body: { token, reason: 'ticket 7' } });
  expect(started.body).toMatchObject({ state: 'running', reason: 'ticket 7' });
  expect((await call('GET', '/v1/me', { key: admin })).body).toMatchObject({ reason_required: true });
  const other = await openApi(fixture.test.url);
  try {
    const me = await fetch(`${other.apiUrl}/v1/me`, { headers: { authorization: `Bearer ${admin}` } });
    expect(await me.json()).toMatchObject({ reason_required: false });
  } finally {
    await other.stop();
  }
});
