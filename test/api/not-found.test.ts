import { beforeAll, expect, it } from 'vitest';
import { ROUTES } from '../../src/api/routes/index.ts';
import type { Route } from '../../src/api/route.ts';
import { diamond } from '../engine/engine-fixture.ts';
import { useApi } from './api-fixture.ts';

const fixture = await useApi();
const { call } = fixture;
let key: string;
beforeAll(async () => {
  key = await fixture.key();
  await fixture.workflow(diamond);
});

/** Of each parameter a value that it may have and that nothing has. */
const NOTHING: Readonly<Record<string, string>> = {
  task_id: '424242424242',
  worker_id: '424242424242',
  operation_id: '424242424242',
  hold_id: '424242424242',
  key_id: 'zzzzzzzzzzzz',
  sign_in_id: 'zzzzzzzzzzzzzzzz',
  document: 'input',
};

const isOfOne = ({ path, params }: Route): boolean => params !== undefined && path.includes('{');

const pathOf = (route: Route): string =>
  route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => NOTHING[name] ?? 'nothing');

it.each(ROUTES.filter((route) => route.method === 'GET' && isOfOne(route)).map((route) => [route.operation, route]))(
  '%s of what does not exist is 404',
  async (_, route) => {
    const reply = await call('GET', pathOf(route), { key });
    expect(reply.status, reply.text).toBe(404);
    expect(reply.body).toMatchObject({ code: 'NOT_FOUND', detail: expect.any(String) as string });
  },
);

it('a queue that is idle exists: a workflow uses it, or a worker serves it', async () => {
  const idle = await call('GET', '/v1/queues/default', { key });
  expect(idle.body).toMatchObject({ queue: 'default', ready: 0, minutes: [] });
  const worker = await fixture.worker();
  await fixture.test.query(`UPDATE tasker.tasker_workers SET queues = '{served}' WHERE worker_id = $1`, [worker.id]);
  expect((await call('GET', '/v1/queues/served', { key })).status).toBe(200);
});
