import { beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { runTasker } from '../cli/in-process.ts';
import { useApi } from './api-fixture.ts';

const fixture = await useApi();
const { call } = fixture;

const order = defineWorkflow({ name: 'order', namespace: 'shop', input: z.object({ order: z.string() }) }).step(
  'only',
  () => 1,
);
let key: string;
beforeAll(async () => {
  await fixture.workflow(order);
  key = await fixture.key({ name: 'ada', role: 'operator' });
});

const AT = '/v1/workflows/shop/order';
const enable = (path: string, more: object = {}, by = key, at = AT) =>
  call('POST', `${at}:search`, { key: by, body: { path, ...more } });
const disable = (path: string, more: object = {}) => call('POST', `${AT}:unsearch`, { key, body: { path, ...more } });
const paths = async () => (await call('GET', '/v1/search-paths', { key })).body.items?.map(({ path }) => path);

it('paths of inputs are enabled and disabled over HTTP, with who and why in the audit', async () => {
  const why = { reason: 'support asks for it' };
  const dry = await enable('input.order', { dry_run: true });
  expect(dry).toMatchObject({ status: 200, body: { outcome: 'enabled' } });
  expect(await paths()).toEqual([]);
  expect((await enable('input.order', why)).body).toEqual({
    outcome: 'enabled',
    namespace: 'shop',
    workflow: 'order',
    path: 'input.order',
  });
  expect((await enable('input.order')).body).toMatchObject({ outcome: 'enabled_before' });
  expect(await paths()).toEqual(['input.order']);
  expect((await disable('input.order', why)).body).toMatchObject({ outcome: 'disabled', path: 'input.order' });
  expect(await paths()).toEqual([]);
  expect(await disable('input.order')).toMatchObject({ status: 404 });
  const rows = await fixture.test.query(
    `SELECT act, subject_id, by, reason, outcome, details -> 'asked' AS asked FROM tasker.tasker_audit
     WHERE act LIKE 'search.%' ORDER BY audit_id`,
  );
  const row = { subject_id: 'shop/order', by: 'ada', asked: { path: 'input.order' } };
  expect(rows).toEqual([
    { ...row, act: 'search.enable', ...why, outcome: 'enabled' },
    { ...row, act: 'search.enable', reason: null, outcome: 'enabled_before' },
    { ...row, act: 'search.disable', ...why, outcome: 'disabled' },
    { ...row, act: 'search.disable', reason: null, outcome: 'not_found' },
  ]);
});

it('who may see another namespace alone, or only look, enables nothing; nor is an unknown workflow or a path too many', async () => {
  const [far, viewer] = [
    await fixture.key({ role: 'operator', namespaces: ['far'] }),
    await fixture.key({ role: 'viewer' }),
  ];
  expect(await enable('input.order', {}, far)).toMatchObject({ status: 404 });
  expect(await enable('input.order', {}, viewer)).toMatchObject({ status: 403 });
  expect(await enable('input.order', {}, key, '/v1/workflows/shop/none')).toMatchObject({ status: 404 });
  expect(await enable('order', {})).toMatchObject({ status: 422, body: { code: 'INPUT_INVALID' } });
  for (let n = 0; n < 10; n += 1) expect(await enable(`input.p${n}`)).toMatchObject({ status: 200 });
  expect(await enable('input.p10')).toMatchObject({ status: 409, body: { outcome: 'too_many', most: 10 } });
  for (let n = 0; n < 10; n += 1) expect(await disable(`input.p${n}`)).toMatchObject({ status: 200 });
  // Once: the same request again is the same act.
  const headers = { 'idempotency-key': 'once' };
  const again = () => call('POST', `${AT}:search`, { key, headers, body: { path: 'input.once' } });
  expect((await again()).body).toMatchObject({ outcome: 'enabled' });
  expect((await again()).body).toMatchObject({ outcome: 'enabled' });
});

it('the command does the same through the HTTP API as on the database', async () => {
  const ways = [{ DATABASE_URL: fixture.test.url }, { TASKER_API_URL: fixture.api.apiUrl, TASKER_API_KEY: key }];
  const said: unknown[] = [];
  for (const env of ways) {
    const run = async (...args: string[]) => {
      const { code, stdout, stderr } = await runTasker(['search', ...args], env);
      return [code, stdout.replace(/\d{4}-\d\d-\d\d.*/g, ''), stderr];
    };
    said.push([
      await run('enable', 'shop/order', 'input.cli', '--dry-run'),
      await run('enable', 'shop/order', 'input.cli', '--reason', 'why'),
      await run('enable', 'shop/order', 'input.cli'),
      await run('enable', 'shop/none', 'input.cli'),
      await run('list'),
      await run('disable', 'shop/order', 'input.cli', '--reason', 'why'),
      await run('disable', 'shop/order', 'input.cli'),
    ]);
  }
  expect(said[1]).toEqual(said[0]);
});
