import { beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../src/client/client.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useApi } from './api-fixture.ts';

const fixture = await useApi();
const { call } = fixture;
const checkout = defineWorkflow({
  name: 'checkout',
  namespace: 'shop',
  version: '1.0.0',
  input: z.object({ n: z.number() }),
}).step('pay', () => 1);
let key: string;
let id: string;
beforeAll(async () => {
  key = await fixture.key();
  id = await fixture.submitOne(await fixture.workflow(checkout), { context: '{"n":1}' });
});

const idsOf = async (query: string): Promise<unknown> =>
  (await call('GET', `/v1/tasks?${query}`, { key })).body.items?.map((item) => item['task_id']);

it('a list takes the names of a workflow apart or in one', async () => {
  for (const query of [
    'workflow=checkout',
    'workflow=shop/checkout',
    'workflow=shop/checkout@1.0.0',
    'namespace=shop&workflow=checkout@1.0.0',
  ])
    expect(await idsOf(query), query).toEqual([id]);
  expect(await idsOf('workflow=shop/checkout@2.0.0')).toEqual([]);
  expect((await call('GET', '/v1/tasks?namespace=other&workflow=shop/checkout', { key })).body).toMatchObject({
    code: 'INPUT_INVALID',
    detail: 'workflow is "shop/checkout", and namespace is "other": give one of them',
    errors: [{ pointer: 'workflow' }],
  });
  const other = await fixture.key({ namespaces: ['other'] });
  expect((await call('GET', '/v1/tasks?workflow=shop/checkout', { key: other })).status).toBe(404);
  const client = createClient({ url: fixture.test.url, poolSize: 1, notify: false });
  expect((await client.taskPage({ workflow: 'shop/checkout' })).tasks).toHaveLength(1);
  await client.close();
  const filter = { workflow: 'shop/checkout', state: ['pending'] };
  expect((await call('POST', '/v1/operations', { key, body: { action: 'cancel', filter } })).body).toMatchObject({
    total: 1,
  });
});

it('a submission as well, and a misspelt one has a hint within its namespace', async () => {
  const made = await call('POST', '/v1/tasks', { key, body: { workflow: 'shop/checkout@1.0.0', input: { n: 2 } } });
  expect(made, made.text).toMatchObject({ status: 201, body: { version: '1.0.0' } });
  const lines = ['{"workflow":"shop/checkout","input":{"n":3}}', '{"workflow":"a/b/c","input":{}}'].join('\n');
  const batch = await call('POST', '/v1/tasks:batch', {
    key,
    body: lines,
    headers: { 'content-type': 'application/x-ndjson' },
  });
  const [first, second] = batch.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  expect(first).toMatchObject({ outcome: 'created' });
  expect(second).toMatchObject({ detail: expect.stringContaining('write [namespace/]name[@version]') });
  expect((await call('POST', '/v1/tasks', { key, body: { workflow: 'shop/chekout', input: {} } })).body).toMatchObject({
    code: 'WORKFLOW_UNKNOWN',
    detail: 'workflow shop/chekout is not registered: did you mean "checkout"?',
  });
  const other = await fixture.key({ namespaces: ['other'], role: 'submitter' });
  const foreign = await call('POST', '/v1/tasks', { key: other, body: { workflow: 'shop/chekout', input: {} } });
  expect(foreign.body['detail']).toBe(
    'workflow shop/chekout is not registered in this database: start a worker that has it',
  );
});

it.each([
  ['tag=%00', 'tag', /^tag is /],
  [
    'requested_since=2026-02-01T00:00:00Z&requested_before=2026-01-01T00:00:00Z',
    'requested_before',
    /^requested_before is not after requested_since \(/,
  ],
  ['key=1', 'key', /^key is given without workflow/],
])('what a filter refuses is called by the name of its parameter: %s', async (query, pointer, detail) => {
  expect((await call('GET', `/v1/tasks?${query}`, { key })).body).toMatchObject({
    detail: expect.stringMatching(detail),
    errors: [{ pointer }],
  });
});
