import { beforeAll, describe, expect, it } from 'vitest';
import { ROLES } from '../../src/api/permissions.ts';
import type { Route } from '../../src/api/route.ts';
import { ROUTES } from '../../src/api/routes/index.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { z } from 'zod';
import { useApi } from './api-fixture.ts';

const fixture = await useApi();
const { call } = fixture;

const inNamespace = (namespace: string) =>
  defineWorkflow({ name: 'secretive', namespace, input: z.unknown() }).step('only', () => 1);

const CANARY = 'canary-9f31';
let own: string;
let foreign: string;
const operations: Record<string, string> = {};
beforeAll(async () => {
  const mine = await fixture.workflow(inNamespace('mine'));
  const theirs = await fixture.workflow(inNamespace('theirs'));
  own = await fixture.submitOne(mine, { context: JSON.stringify({ text: 'own-payload' }) });
  foreign = await fixture.submitOne(theirs, {
    context: JSON.stringify({ text: CANARY }),
    reason: CANARY,
    tags: [CANARY],
  });
  const worker = await fixture.worker();
  for (const step of await worker.claim(10)) await worker.fail(step, { permanent: true });
  for (const [namespace, taskId] of Object.entries({ mine: own, theirs: foreign })) {
    const key = await fixture.key({ namespaces: [namespace] });
    const body = { action: 'retry', task_ids: [taskId], reason: namespace === 'mine' ? 'own' : CANARY };
    const { body: made } = await call('POST', '/v1/operations', { key, body });
    operations[taskId] = made['operation_id'] as string;
  }
});

const PROTECTED = ROUTES.filter(({ permission }) => permission !== 'public');
const pathOf = (route: Route, task: string): string =>
  route.path
    .replace('{task_id}', task)
    .replace('{operation_id}', operations[task] ?? task)
    .replace('{step}', 'only')
    .replace('{document}', 'input')
    .replace('{namespace}', task === own ? 'mine' : 'theirs')
    .replace('{workflow}', 'secretive')
    .replace('{version}', '0.1.0')
    .replace('{worker_id}', '999999')
    .replace('{key}', 'none')
    .replace('{key_id}', '000000000000')
    .replace('{hold_id}', '999999');

it('every route names a permission, and no two have one operation or one path', () => {
  expect(PROTECTED.length).toBeGreaterThan(20);
  expect(new Set(ROUTES.map(({ operation }) => operation)).size).toBe(ROUTES.length);
  expect(new Set(ROUTES.map(({ method, path }) => `${method} ${path}`)).size).toBe(ROUTES.length);
  expect(ROUTES.filter(({ permission }) => permission === 'public').map(({ path }) => path)).toEqual([
    '/livez',
    '/readyz',
  ]);
});

describe('who is not known is refused everywhere: a hook that one chain lacks would let it in', () => {
  it.each(PROTECTED.map((route) => [`${route.method} ${route.path}`, route] as const))('%s', async (_name, route) => {
    const good = await fixture.key();
    const expired = await fixture.key();
    const [, id = ''] = expired.split('_');
    await fixture.test.query(`UPDATE tasker.tasker_api_keys SET expires_at = clock_timestamp() WHERE key_id = $1`, [
      id,
    ]);
    const revoked = await fixture.key();
    await fixture.test.query(`UPDATE tasker.tasker_api_keys SET revoked_at = clock_timestamp() WHERE key_id = $1`, [
      revoked.split('_')[1],
    ]);
    const tokens = {
      none: undefined,
      junk: 'junk',
      'of another form': 'Basic dGVzdDp0ZXN0',
      expired,
      revoked,
      'with another secret': `${good.slice(0, -1)}${good.endsWith('A') ? 'B' : 'A'}`,
      "with another key's secret": `tsk_${id}_${good.split('_').slice(2).join('_')}`,
    };
    for (const [what, key] of Object.entries(tokens)) {
      const reply = await call(route.method, pathOf(route, own), { key });
      expect(reply.status, `${what}: ${reply.text}`).toBe(401);
      expect(reply.headers.get('www-authenticate')).toContain('Bearer');
    }
    // Neither in the URL nor in another header.
    const elsewhere = await call(route.method, `${pathOf(route, own)}?api_key=${good}&access_token=${good}`, {
      headers: { 'x-api-key': good, cookie: `key=${good}` },
    });
    expect(elsewhere.status).toBe(401);
  });
}, 60_000);

describe('a role may do what the table says, and nothing else', () => {
  it.each(Object.keys(ROLES) as (keyof typeof ROLES)[])('%s', async (role) => {
    const key = await fixture.key({ role, payload: false });
    for (const route of PROTECTED) {
      const allowed = (ROLES[role] as readonly string[]).includes(route.permission);
      const { status } = await call(route.method, pathOf(route, '999999'), { key });
      expect(status === 403, `${role} ${route.operation}: ${status}`).toBe(!allowed);
      expect(status, route.operation).toBeLessThan(500);
    }
  });
});

describe('a key of some namespaces', () => {
  it('is refused what is about the whole fleet, and sees nothing of another namespace in any byte', async () => {
    const key = await fixture.key({ namespaces: ['mine'] });
    for (const route of PROTECTED) {
      const reply = await call(route.method, pathOf(route, foreign), {
        key,
        ...(route.operation === 'submitTask'
          ? { body: { namespace: 'theirs', workflow: 'secretive', input: {} } }
          : route.operation === 'startOperation'
            ? { body: { token: 'x' } }
            : route.operation === 'putSchedule'
              ? { body: { cron: '@daily', namespace: 'theirs', workflow: 'secretive' } }
              : route.operation.endsWith('ableSearch')
                ? { body: { path: 'input.order' } }
                : {}),
      });
      if (route.scope === 'fleet') expect(reply.status, route.operation).toBe(403);
      else if (/\{(task_id|namespace|key|operation_id)\}/.test(route.path))
        expect(reply.status, `${route.operation} ${reply.text}`).toBe(404);
      expect(reply.text, route.operation).not.toContain(CANARY);
      if (!['submitTask', 'putSchedule'].includes(route.operation) && !route.path.includes('{namespace}'))
        expect(reply.text, route.operation).not.toContain('theirs');
    }
    const list = await call('GET', '/v1/tasks', { key });
    expect(list.body.items?.map((task) => task['task_id'])).toEqual([own]);
    expect((await call('GET', '/v1/tasks?namespace=theirs', { key })).status).toBe(404);
    expect((await call('GET', `/v1/tasks/${own}`, { key })).status).toBe(200);
  });

  it('cannot use the cursor of a key that sees more', async () => {
    const all = await fixture.key();
    const scoped = await fixture.key({ namespaces: ['mine'] });
    const first = await call('GET', '/v1/tasks?limit=1', { key: all });
    const cursor = encodeURIComponent(first.body['next_cursor'] as string);
    expect(await call('GET', `/v1/tasks?limit=1&cursor=${cursor}`, { key: scoped })).toMatchObject({ status: 400 });
  });

  it('submits nothing of a batch with a line of another namespace (CVE-2025-14986)', async () => {
    const key = await fixture.key({ namespaces: ['mine'] });
    const before = await fixture.test.query(`SELECT count(*) FROM tasker.tasker_tasks`);
    const line = (namespace: string): string => JSON.stringify({ namespace, workflow: 'secretive', input: {} });
    const reply = await call('POST', '/v1/tasks:batch', {
      key,
      body: `${line('mine')}\n${line('theirs')}\n`,
      headers: { 'content-type': 'application/x-ndjson' },
    });
    expect(reply).toMatchObject({ status: 404, body: { code: 'WORKFLOW_UNKNOWN' } });
    expect(await fixture.test.query(`SELECT count(*) FROM tasker.tasker_tasks`)).toEqual(before);
  });
});

it('a viewer without payload:read sees no payload and no message of an error in any byte (CVE-2026-34538)', async () => {
  const key = await fixture.key({ role: 'viewer', payload: false });
  for (const route of PROTECTED.filter(({ method }) => method === 'GET')) {
    const { text } = await call(
      'GET',
      `${pathOf(route, own)}${route.operation === 'getTask' ? '?wait_seconds=1' : ''}`,
      { key },
    );
    expect(text, route.operation).not.toContain('own-payload');
  }
  expect((await call('GET', '/v1/tasks?error=own', { key })).status).toBe(403);
  const withPayload = await fixture.key({ role: 'viewer', payload: true });
  expect((await call('GET', `/v1/tasks/${own}`, { key: withPayload })).text).toContain('own-payload');
});
