import { beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useApi } from './api-fixture.ts';

const fixture = await useApi();
const { call } = fixture;

const workflow = defineWorkflow({ name: 'checkout', namespace: 'shop', input: z.unknown() })
  .step('charge', () => 1)
  .step('ship', { dependsOn: ['charge'], queue: 'ships' }, () => 1);

let key: string;
const ids: Record<string, string> = {};
beforeAll(async () => {
  key = await fixture.key();
  const id = await fixture.workflow(workflow);
  const submit = async (name: string, context: string, more: object = {}): Promise<void> => {
    ids[name] = await fixture.submitOne(id, { context, ...more });
  };
  await submit('number', '{"order": 10248, "lines": [{"sku": "a"}, {"sku": "b"}]}');
  await submit('text', '{"order": "10248"}', { tags: ['vip'] });
  await submit('big', '{"order": 9007199254740993, "a.b": {"ü": "日本"}}', { sourceSystem: 'web' });
  await submit('like it', '{"order": {"order": 10248}}');
  const worker = await fixture.worker();
  const steps = await worker.claim(10);
  const failing = steps.find(({ taskId }) => taskId === ids['text']);
  await worker.fail(failing as never, { permanent: true });
  await call('POST', `/v1/tasks/${ids['like it']}:cancel`, { key });
});

const find = async (q: string): Promise<(string | undefined)[]> => {
  const reply = await call('GET', `/v1/tasks?q=${encodeURIComponent(q)}`, { key });
  expect(reply.status, reply.text).toBe(200);
  expect(reply.body['complete']).toBe(true);
  const names = Object.fromEntries(Object.entries(ids).map(([name, id]) => [id, name]));
  return (reply.body.items ?? []).map((task) => names[String(task['task_id'])]).toReversed();
};

it.each([
  ['input.order:10248', ['number', 'text']],
  ['input.order:"10248"', ['text']],
  ['input.order:9007199254740993', ['big']],
  ['input.order:9007199254740992', []],
  ['input."a.b".ü:日本', ['big']],
  ['input.lines[].sku:b', ['number']],
  ['input.lines[].sku:b input.lines[].sku:a', ['number']],
  ['input.lines[].sku:c', []],
  ['input.order.order:10248', ['like it']],
  ['state:error error:"as the TEST"', ['text']],
  ['attempts:>=1', ['number', 'text', 'big', 'like it']],
  ['attempts:>=2', []],
  ['queue:ships', ['number', 'text', 'big']],
  ['queue:none', []],
  ['source:web', ['big']],
  ['ended:>2020-01-01', ['like it']],
  ['ended:<2020-01-01', []],
  ['age:<1h workflow:shop/checkout tag:vip', ['text']],
  ['age:>1h', []],
])('%s', async (q, found) => {
  expect(await find(q)).toEqual(found);
});

it('goes on with a cursor, although an age is another time on each page', async () => {
  const path = `/v1/tasks?limit=1&q=${encodeURIComponent('age:<1h workflow:checkout')}`;
  const first = await call('GET', path, { key });
  const cursor = encodeURIComponent(String(first.body['next_cursor']));
  const second = await call('GET', `${path}&cursor=${cursor}`, { key });
  expect(second.body.items, second.text).toHaveLength(1);
  expect(second.body.items?.[0]?.['task_id']).not.toBe(first.body.items?.[0]?.['task_id']);
  const other = `/v1/tasks?limit=1&q=${encodeURIComponent('age:<2h workflow:checkout')}&cursor=${cursor}`;
  expect((await call('GET', other, { key })).body['code']).toBe('CURSOR_INVALID');
});

it('is refused with the place of a mistake, and without payload:read if it looks into payloads', async () => {
  const wrong = await call('GET', '/v1/tasks?q=stat:error', { key });
  expect(wrong).toMatchObject({
    status: 400,
    body: { code: 'REQUEST_INVALID', position: 1, errors: [{ pointer: 'q' }] },
  });
  expect(wrong.text).toContain('character 1');
  expect((await call('GET', '/v1/tasks?q=state:error&state=pending', { key })).status).toBe(400);
  const viewer = await fixture.key({ role: 'viewer', payload: false });
  for (const q of ['input.order:1', 'error:x'])
    expect((await call('GET', `/v1/tasks?q=${q}`, { key: viewer })).status).toBe(403);
  const scoped = await fixture.key({ namespaces: ['elsewhere'] });
  expect((await call('GET', '/v1/tasks?q=namespace:shop', { key: scoped })).status).toBe(404);
  expect((await call('GET', '/v1/tasks?q=input.order:10248', { key: scoped })).body.items).toEqual([]);
});
