import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { Client } from '../../src/client/client.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useApi } from './api-fixture.ts';

const fixture = await useApi({ redact: 'card.number' });
const { call } = fixture;
const client = new Client({ url: fixture.test.url });
afterAll(() => client.close());
let key: string;

const input = z.object({ region: z.string(), card: z.object({ number: z.string() }).optional() });
const report = defineWorkflow({ namespace: 'shop', name: 'report', input }).step('write', () => 1);
const ofCode = defineWorkflow({ namespace: 'shop', name: 'of_code', input })
  .step('write', () => 1)
  .schedule({ key: 'in-code', cron: '30 2 * * *', input: { region: 'eu' } });

beforeAll(async () => {
  key = await fixture.key({ name: 'ada' });
  await fixture.workflow(report);
  await fixture.workflow(defineWorkflow({ namespace: 'theirs', name: 'report', input }).step('write', () => 1));
});
beforeEach(async () => {
  for (const { key: name } of await client.schedules()) await client.unschedule(name);
});

const nightly = { cron: '0 3 * * *', namespace: 'shop', workflow: 'report', input: { region: 'eu' } };
const put = (body: object, headers: Record<string, string> = {}, name = 'nightly') =>
  call('PUT', `/v1/schedules/${name}`, { key, body, headers });
const read = async (name = 'nightly') => (await call('GET', `/v1/schedules/${name}?runs=1`, { key })).body;

it('makes a schedule, leaves it as it is, and changes it with what differs', async () => {
  const made = await put({ ...nightly, timezone: 'Europe/Berlin', tags: ['a'], task_reason: 'books', paused: true });
  expect(made).toMatchObject({ status: 201, body: { outcome: 'created', next: null, live_schedulers: 0 } });
  expect(made.headers.get('etag')).toBe(made.body['etag']);
  expect(await read()).toMatchObject({
    cron: '0 3 * * *',
    timezone: 'Europe/Berlin',
    version_policy: 'latest',
    made_with: '0.1.0',
    tags: ['a'],
    task_reason: 'books',
    source: 'hand',
    paused_at: expect.any(String) as string,
    input: { region: 'eu' },
    etag: made.body['etag'],
  });
  const again = await put({ ...nightly, timezone: 'Europe/Berlin', tags: ['a'], task_reason: 'books' });
  expect(again).toMatchObject({ status: 200, body: { outcome: 'unchanged', changes: [], etag: made.body['etag'] } });
  const changed = await put({
    ...nightly,
    cron: '0 4 * * *',
    input: { region: 'secret-region' },
    paused: false,
    reason: 'later',
  });
  expect(changed.body).toMatchObject({
    outcome: 'changed',
    next: expect.stringMatching(/T04:00:00/) as string,
    changes: expect.arrayContaining([
      { path: '/cron', from: '0 3 * * *', to: '0 4 * * *' },
      { path: '/input/region' },
      { path: '/paused', from: true, to: false },
    ]) as unknown,
  });
  expect(changed.body['etag']).not.toBe(made.body['etag']);
  const { items = [] } = (await call('GET', '/v1/audit?act=schedule.put', { key })).body;
  expect(items).toMatchObject([
    { by: 'ada', reason: 'later', outcome: 'replaced', refused: false, details: { changes: changed.body['changes'] } },
    { outcome: 'created', refused: false },
  ]);
  expect(JSON.stringify(items)).not.toContain('secret-region');
});

it('keeps the stored input when none is given, as whoever may not read payloads does', async () => {
  const stored = { region: 'eu', card: { number: '4242' } };
  await put({ ...nightly, input: stored });
  const { input: shown } = await read();
  expect(shown).toEqual({ region: 'eu', card: { number: '[redacted]' } });
  const back = await put({ ...nightly, input: shown });
  expect(back).toMatchObject({
    status: 422,
    body: {
      errors: [
        { pointer: '/input/card/number', detail: expect.stringContaining('leave the whole input out') as string },
      ],
    },
  });
  const { input: _, ...without } = nightly;
  expect((await put({ ...without, cron: '5 3 * * *' })).body['changes']).toEqual([
    { path: '/cron', from: '0 3 * * *', to: '5 3 * * *' },
  ]);
  expect((await client.getSchedule('nightly'))?.data).toMatchObject({ input: stored });
});

it('names what is wrong: the field, its value, what would be right', async () => {
  const cases: [object, number, string, RegExp][] = [
    [{ ...nightly, cron: '0 3 * *' }, 422, '/cron', /five fields/],
    [{ ...nightly, timezone: 'Local' }, 422, '/timezone', /time ?zone/i],
    [{ ...nightly, input: { region: 1 } }, 422, '/input/region', /string/],
    [{ ...nightly, make_up: 'none' }, 422, '/make_up', /is "none": send one of all, last, skip/],
    [{ ...nightly, make_up_window_seconds: 60 }, 422, '/make_up_window_seconds', /at least 120/],
    [{ ...nightly, make_up: 'skip', make_up_window_seconds: 300 }, 422, '/make_up_window_seconds', /no meaning/],
    [{ ...nightly, crom: '' }, 422, '/crom', /did you mean "cron"/],
  ];
  for (const [body, status, pointer, detail] of cases) {
    const reply = await put(body);
    expect(reply, reply.text).toMatchObject({ status, body: { errors: [{ pointer }] } });
    expect(reply.body['detail']).toMatch(detail);
  }
  expect(await put(nightly, {}, 'a%20b')).toMatchObject({ status: 422, body: { errors: [{ pointer: '/key' }] } });
  expect(await put({ ...nightly, workflow: 'no' })).toMatchObject({ status: 404, body: { code: 'WORKFLOW_UNKNOWN' } });
  expect(await put({ ...nightly, version: '9.0.0' })).toMatchObject({ status: 404 });
  expect((await client.schedules()).length).toBe(0);
});

it('replaces only what was read, and makes only what is not there, if that is asked for', async () => {
  expect((await put(nightly, { 'if-match': '*' })).status).toBe(412);
  const { etag } = (await put(nightly, { 'if-none-match': '*' })).body as { etag: string };
  expect((await put(nightly, { 'if-none-match': '*' })).status).toBe(412);
  expect((await put(nightly, { 'if-none-match': etag })).status).toBe(400);
  expect((await put({ ...nightly, cron: '1 3 * * *' }, { 'if-match': etag })).body['outcome']).toBe('changed');
  const stale = await put({ ...nightly, cron: '2 3 * * *' }, { 'if-match': etag });
  expect(stale).toMatchObject({ status: 412, body: { code: 'PRECONDITION_FAILED' } });
  expect(stale.headers.get('etag')).toBe((await read())['etag']);
  // A pause is a change as well.
  const now = (await read())['etag'] as string;
  await call('POST', '/v1/schedules/nightly:pause', { key, body: {} });
  expect((await put(nightly, { 'if-match': now })).status).toBe(412);
  expect(await call('DELETE', '/v1/schedules/nightly', { key, headers: { 'if-match': now } })).toMatchObject({
    status: 412,
  });
  const last = (await read())['etag'] as string;
  const removal = '/v1/schedules/nightly?reason=gone';
  expect((await call('DELETE', `${removal}&dry_run=true`, { key })).body['outcome']).toBe('removed');
  expect((await call('DELETE', removal, { key, headers: { 'if-match': last } })).status).toBe(200);
  expect((await call('DELETE', removal, { key })).status).toBe(404);
  const { items } = (await call('GET', '/v1/audit?act=schedule.remove&refused=false&limit=1', { key })).body;
  expect(items).toMatchObject([{ reason: 'gone', outcome: 'removed' }]);
});

it('of writers at the same time with one ETag, one writes', async () => {
  const { etag } = (await put(nightly)).body as { etag: string };
  const replies = await Promise.all(
    [1, 2, 3, 4].map((minute) => put({ ...nightly, cron: `${minute} 3 * * *` }, { 'if-match': etag })),
  );
  expect(replies.map(({ status }) => status).toSorted()).toEqual([200, 412, 412, 412]);
});

it('a dry run says what would come of it and changes nothing', async () => {
  const dry = await put({ ...nightly, dry_run: true });
  expect(dry.body).toMatchObject({ outcome: 'created', etag: null });
  expect((await call('GET', '/v1/schedules/nightly', { key })).status).toBe(404);
});

it('what is written in code is changed there, unless it is taken over', async () => {
  await client.applySchedules([ofCode]);
  const body = { ...nightly, workflow: 'of_code' };
  const refused = await put(body, {}, 'in-code');
  expect(refused).toMatchObject({ status: 409, body: { code: 'REFUSED', source: 'code', outcome: 'kept' } });
  expect(refused.body['detail']).toContain('take_over');
  await expect(client.schedule(ofCode, { key: 'in-code', cron: '@daily', input: { region: 'us' } })).rejects.toThrow(
    /schedule "in-code" is written in the code of its workflow/,
  );
  const { items } = (
    await call('GET', '/v1/audit?act=schedule.put&subject=schedule&subject_id=in-code&limit=2', { key })
  ).body;
  expect(items).toMatchObject([
    { outcome: 'kept', refused: true },
    { outcome: 'kept', refused: true, by: 'ada' },
  ]);
  // The same once more is no change of whose it is, and a pause belongs to operators.
  expect((await put({ ...body, cron: '30 2 * * *' }, {}, 'in-code')).body['outcome']).toBe('unchanged');
  const paused = await put({ ...body, cron: '30 2 * * *', paused: true, reason: 'closed' }, {}, 'in-code');
  expect(paused.body).toMatchObject({ outcome: 'changed', changes: [{ path: '/paused', from: false, to: true }] });
  expect(await read('in-code')).toMatchObject({ source: 'code', pause_reason: 'closed' });
  const taken = await put({ ...body, take_over: true }, {}, 'in-code');
  expect(taken.body).toMatchObject({
    outcome: 'changed',
    changes: expect.arrayContaining([{ path: '/source', from: 'code', to: 'hand' }]) as unknown,
  });
  expect(await client.applySchedules([ofCode])).toMatchObject([{ key: 'in-code', outcome: 'kept' }]);
});

it('takes part in what an Idempotency-Key commits', async () => {
  const headers = { 'idempotency-key': 'once' };
  const first = await put({ ...nightly, cron: '7 3 * * *' }, headers);
  await put({ ...nightly, cron: '8 3 * * *' });
  const replayed = await put({ ...nightly, cron: '7 3 * * *' }, headers);
  expect(replayed.headers.get('idempotency-replayed')).toBe('true');
  expect(replayed.body).toEqual(first.body);
  expect(await read()).toMatchObject({ cron: '8 3 * * *' });
  const trigger = () =>
    call('POST', '/v1/schedules/nightly:trigger', { key, body: {}, headers: { 'idempotency-key': 'now' } });
  expect((await trigger()).body).toEqual((await trigger()).body);
  expect((await client.listTasks({ schedule: 'nightly' })).length).toBe(1);
});

it('a key of some namespaces neither replaces nor learns of a schedule of another one', async () => {
  await put({ ...nightly, namespace: 'theirs', input: { region: 'canary' } });
  const scoped = await fixture.key({ namespaces: ['shop'] });
  const reply = await call('PUT', '/v1/schedules/nightly', { key: scoped, body: nightly });
  expect(reply.status).toBe(404);
  expect(reply.text).not.toContain('canary');
  expect(
    await call('PUT', '/v1/schedules/other', { key: scoped, body: { ...nightly, namespace: 'theirs' } }),
  ).toMatchObject({ status: 404 });
  expect(await call('GET', '/v1/schedules/nightly', { key: scoped })).toMatchObject({ status: 404 });
  expect(await call('DELETE', '/v1/schedules/nightly', { key: scoped })).toMatchObject({ status: 404 });
  const viewer = await fixture.key({ role: 'submitter' });
  expect((await call('PUT', '/v1/schedules/nightly', { key: viewer, body: nightly })).status).toBe(403);
  expect((await read())['namespace']).toBe('theirs');
});

it('whatever has an ETag is 304 for whoever has it already, with what a cache needs and nothing else', async () => {
  await put(nightly);
  const workflow = await fixture.workflow(report);
  const id = await fixture.submitOne(workflow, { context: '{"region": "eu"}' });
  for (const path of [
    '/v1/schedules/nightly',
    `/v1/tasks/${id}`,
    `/v1/tasks/${id}/steps`,
    `/v1/tasks/${id}/payloads/input`,
    `/v1/workflows/shop/report/${report.version}/layout`,
  ]) {
    const whole = await call('GET', path, { key });
    const etag = whole.headers.get('etag') as string;
    for (const has of [etag, `W/${etag}`, `"older", ${etag}`, '*']) {
      const known = await call('GET', path, { key, headers: { 'if-none-match': has, range: 'bytes=1-' } });
      expect([path, has, known.status, known.headers.get('etag'), known.headers.get('content-type')]).toEqual([
        path,
        has,
        304,
        etag,
        null,
      ]);
      expect(known.headers.get('cache-control')).toBe(whole.headers.get('cache-control'));
    }
    for (const has of ['"older"', etag.replaceAll('"', ''), 'W/', '"'])
      expect((await call('GET', path, { key, headers: { 'if-none-match': has } })).status, `${path} ${has}`).toBe(200);
  }
});

it('a trigger that is tried only has no id of a task, since none is made', async () => {
  await put(nightly);
  const trigger = (body: object) => call('POST', '/v1/schedules/nightly:trigger', { key, body });
  expect(await trigger({ dry_run: true })).toMatchObject({ status: 200, body: { outcome: 'triggered' } });
  expect((await trigger({ dry_run: true })).body).toEqual({ outcome: 'triggered' });
  expect((await trigger({})).body).toEqual({ outcome: 'triggered', task_id: expect.stringMatching(/^\d+$/) });
  expect(await client.triggerSchedule('nightly', { dryRun: true })).toMatchObject({ taskId: '' });
});

it('a key with a slash, a colon or dots in it is one key for whatever is done with it', async () => {
  for (const name of ['shop/nightly', '../../v1/me', 'a/b/c', 'x'.repeat(128)]) {
    const path = `/v1/schedules/${encodeURIComponent(name)}`;
    expect((await put(nightly, {}, encodeURIComponent(name))).status, name).toBe(201);
    expect((await call('GET', path, { key })).body).toMatchObject({ key: name });
    for (const act of ['pause', 'resume', 'trigger']) {
      const done = await call('POST', `${path}:${act}`, { key, body: { dry_run: act === 'trigger' } });
      expect([act, done.status], done.text).toEqual([act, 200]);
    }
    expect((await call('DELETE', path, { key })).body).toEqual({ outcome: 'removed' });
  }
  const unknown = await call('POST', '/v1/schedules/shop%2Fweekly:pause', { key });
  expect(unknown).toMatchObject({ status: 404, body: { detail: 'there is no schedule "shop/weekly"' } });
});
