import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { Counter, Registry } from 'prom-client';
import { afterEach, expect, it } from 'vitest';
import { createApi, createLogger, loadConfig } from '../../src/entry/api.ts';
import { createApiClient } from '../../src/entry/http.ts';
import { diamond, useEngine } from '../engine/engine-fixture.ts';

const fixture = await useEngine();
const servers: FastifyInstance[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const USERS: Record<string, { name: string; role: 'viewer' | 'operator'; namespaces?: string[] }> = {
  ada: { name: 'ada', role: 'operator' },
  eve: { name: 'eve', role: 'viewer', namespaces: ['elsewhere'] },
};

/** A server of somebody else, with people and paths of its own. */
async function serverWith(
  principal: (request: FastifyRequest) => unknown,
  prefix = '/ops/tasker',
  options: { registry?: Registry } = {},
): Promise<string> {
  const app = fastify({ logger: false });
  servers.push(app);
  app.addHook('onRequest', async (request) => {
    (request as { user?: unknown }).user = USERS[String(request.headers['x-user'])];
  });
  app.get('/', async () => 'home');
  const config = loadConfig('api', {}, { databaseUrl: fixture.test.url, logLevel: 'silent' });
  const log = createLogger({ level: 'silent', role: 'api' });
  await app.register(createApi({ config, log, principal: principal as never, ...options }), { prefix });
  await app.listen({ host: '127.0.0.1', port: 0 });
  return `http://127.0.0.1:${(app.server.address() as { port: number }).port}`;
}

const byUser = (request: FastifyRequest): unknown => (request as { user?: unknown }).user;
const as = (url: string, user: string) =>
  createApiClient({ url: `${url}/ops/tasker`, headers: { 'x-user': user }, retries: 0 });

it('serves below a prefix, to people of that server, with the rights that it gives', async () => {
  const url = await serverWith(byUser);
  const id = await fixture.submitOne(await fixture.workflow(diamond));
  const params = { task_id: id };
  const ada = as(url, 'ada');
  expect(await ada.get('/v1/me')).toMatchObject({ id: 'host:ada', role: 'operator', namespaces: null });
  const task = await ada.get('/v1/tasks/{task_id}', { params });
  expect(task).toMatchObject({ task_id: id, input: null });
  await ada.post('/v1/tasks/{task_id}:cancel', { params, body: { reason: 'enough' } });
  const history = await ada.get('/v1/tasks/{task_id}/history', { params });
  expect(history.items.map(({ by }) => by)).toContain('ada');

  const eve = as(url, 'eve');
  await expect(eve.get('/v1/tasks/{task_id}', { params })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(eve.post('/v1/tasks/{task_id}:cancel', { params })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await expect(as(url, 'nobody').get('/v1/me')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });

  expect(await (await fetch(url)).text()).toBe('home');
  expect(await (await fetch(`${url}/ops/tasker/v1/none`)).json()).toMatchObject({ code: 'NOT_FOUND' });
  expect((await fetch(`${url}/v1/tasks`)).headers.get('content-type')).not.toContain('problem');
  expect((await fetch(`${url}/ops/tasker/readyz`)).status).toBe(200);
});

it('gives its metrics to the registry of the program, until it closes', async () => {
  const registry = new Registry();
  new Counter({ name: 'orders_total', help: 'Of the program.', registers: [registry] }).inc();
  const url = await serverWith(byUser, '/ops/tasker', { registry });
  await as(url, 'ada').get('/v1/me');
  await as(url, 'ada').get('/v1/me');
  const text = await registry.metrics();
  expect(text).toContain('tasker_api_requests_total{role="api",operation="getMe",status="200"} 2\n');
  expect(text).toMatch(/tasker_api_request_duration_seconds_count\{role="api",operation="getMe"\} 2\n/);
  expect(text).toMatch(/tasker_pool_connections\{role="api",state="total"\} [1-9]/);
  expect(text).toContain('\norders_total 1\n');
  expect(text).not.toMatch(/^(process|nodejs)_/m);
  // A second one would count under the same names.
  await expect(serverWith(byUser, '/ops/second', { registry })).rejects.toThrow('tasker_');
  expect(await registry.metrics()).toContain('tasker_api_requests_total');
  await servers[0]?.close();
  expect(await registry.metrics()).not.toContain('tasker_');
  await serverWith(byUser, '/ops/tasker', { registry });
  expect(() => createApi({ principal: () => undefined, registry: 'x' } as never)).toThrow('registry');
});

it('a wait ends with the server', async () => {
  const url = await serverWith(byUser);
  const id = await fixture.submitOne(await fixture.workflow(diamond));
  const waiting = as(url, 'ada')
    .waitForTask(id)
    .catch((error: unknown) => error);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const began = performance.now();
  await servers.splice(0)[0]?.close();
  expect(performance.now() - began).toBeLessThan(5000);
  expect(await waiting).toMatchObject({ code: 'DRAINING' });
});

it.each([
  ['a role that there is not', { name: 'ada', role: 'root' }],
  ['no name', { name: '', role: 'admin' }],
  ['no namespaces at all', { name: 'ada', role: 'admin', namespaces: [] }],
])('a principal with %s is a mistake of the program, and lets nobody in', async (_what, returned) => {
  const url = await serverWith(() => returned);
  await expect(as(url, 'ada').get('/v1/me')).rejects.toMatchObject({ status: 500, code: 'INTERNAL' });
});

it('a program that does not say who asks is refused at once', () => {
  expect(() => createApi({ principal: undefined } as never)).toThrow(/principal is undefined/);
});

it('a registration without a database rejects, and leaves nothing open', async () => {
  const app = fastify({ logger: false });
  const config = loadConfig('api', {}, { databaseUrl: 'postgres://127.0.0.1:1/none', logLevel: 'silent' });
  const log = createLogger({ level: 'silent', role: 'api' });
  await expect(
    (async () => {
      await app.register(createApi({ config, log, principal: () => undefined }));
      await app.ready();
    })(),
  ).rejects.toThrow(/ECONNREFUSED/);
});
