import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isSecret, newKey, parseKey } from '../../../src/api/auth/api-key.ts';
import type { ApiProcess } from '../../../src/api/start-api.ts';
import { loadConfig } from '../../../src/config/load-config.ts';
import { waitFor } from '../../support/wait-for.ts';
import { diamond } from '../../engine/engine-fixture.ts';
import { call as callAt, useApi } from '../../api/api-fixture.ts';
import { openApi } from '../../support/open-api.ts';
import { onPrincipals } from './attacks/on-principals.ts';
import { onRequests } from './attacks/on-requests.ts';
import { onStoredValues } from './attacks/on-stored-values.ts';
import { raw, slowHeaders } from './attacks/raw.ts';

const fixture = await useApi();
const { call } = fixture;

const more: ApiProcess[] = [];
afterEach(async () => {
  for (const api of more.splice(0)) await api.stop();
});
async function open(settings: Parameters<typeof openApi>[1]): Promise<ApiProcess> {
  const api = await openApi(fixture.test.url, settings);
  more.push(api);
  return api;
}

// Begun first: an API gives such a connection ten seconds, in which it serves everybody else.
let slow: ReturnType<typeof slowHeaders>;
beforeAll(() => {
  slow = slowHeaders(fixture.api.apiUrl, 500);
});
afterAll(() => slow.stop());

describe('a body is read of nobody who may not send it (CVE-2026-42294)', () => {
  it('a chunked body of 2 GiB without a key ends at its headers', async () => {
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    const before = process.memoryUsage().rss;
    let left = 2 ** 31 / 65_536;
    const { text, sentBytes } = await raw(
      fixture.api.apiUrl,
      'POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
      () => ((left -= 1) > 0 ? chunk : undefined),
    );
    expect(text).toMatch(/^HTTP\/1\.1 401 /);
    expect(text.toLowerCase()).toContain('connection: close');
    expect(sentBytes).toBeLessThan(64 * 2 ** 20);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20);
  });

  it('a body that is too large is refused, with a key too', async () => {
    const key = await fixture.key();
    const reply = await call('POST', '/v1/tasks', { key, body: JSON.stringify({ input: 'x'.repeat(1_100_000) }) });
    expect(reply).toMatchObject({ status: 413, body: { code: 'BODY_TOO_LARGE' } });
  });
});

describe('a body that is made to hurt is refused', () => {
  it.each([
    ['nested 100,000 deep', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, 400],
    ['nested deep in an object', `{"input":${'{"a":'.repeat(70)}1${'}'.repeat(70)}}`, 400],
    ['with a prototype', '{"workflow":"x","input":{"__proto__":{"admin":true}}}', 400],
    ['with a number that no double holds', '{"workflow":"x","input":9007199254740993}', 422],
    ['with a number that is infinite', '{"workflow":"x","input":1e400}', 422],
    ['no JSON', '{"workflow":', 400],
    ['with a member that is unknown', '{"workflow":"x","input":1,"by":"root"}', 422],
    ['with \\u0000', '{"workflow":"x\\u0000","input":1}', 404],
  ])('%s', async (_what, body, status) => {
    const key = await fixture.key();
    const reply = await call('POST', '/v1/tasks', { key, body });
    expect([status, 422]).toContain(reply.status);
    expect(reply.text).not.toMatch(/at .*\.ts|SELECT|relation/);
  });

  it('another type than JSON is refused, as a form of another site would send', async () => {
    const key = await fixture.key();
    const reply = await call('POST', '/v1/tasks', { key, body: 'a=b', headers: { 'content-type': 'text/plain' } });
    expect(reply).toMatchObject({ status: 415, body: { code: 'MEDIA_TYPE_UNSUPPORTED' } });
  });
});

describe('without authentication', () => {
  it.each(['0.0.0.0', '::', '10.0.0.1', 'tasker.internal'])('refuses to listen on %s', (apiHost) => {
    expect(() => loadConfig('api', {}, { databaseUrl: 'postgres://x', apiHost })).toThrow(/TASKER_API_AUTH is none/);
    expect(() => loadConfig('api', {}, { databaseUrl: 'postgres://x', apiHost, apiAuth: 'keys' })).not.toThrow();
  });

  it('a name that leads to the loopback address is refused, as a page in a browser would use it', async () => {
    const api = await open({ apiAuth: 'none' });
    expect((await callAt(api.apiUrl, 'GET', '/v1/me')).status).toBe(200);
    const { text } = await raw(
      api.apiUrl,
      'GET /v1/me HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n',
      () => undefined,
    );
    expect(text).toMatch(/^HTTP\/1\.1 401 /);
  });

  it('a page of another site changes nothing', async () => {
    const api = await open({ apiAuth: 'none' });
    for (const headers of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
      expect((await callAt(api.apiUrl, 'POST', '/v1/tasks/1:cancel', { headers })).status).toBe(403);
    }
  });
});

describe('a proxy', () => {
  const secret = 'a secret of the proxy of 32 letters';
  it('is believed with its secret alone, and gives what it says', async () => {
    const api = await open({ apiAuth: 'proxy', apiProxySecret: secret });
    const me = async (headers: Record<string, string>) => callAt(api.apiUrl, 'GET', '/v1/me', { headers });
    expect((await me({ 'tasker-user': 'ada', 'tasker-role': 'admin' })).status).toBe(401);
    expect((await me({ 'tasker-proxy-secret': 'wrong', 'tasker-user': 'ada' })).status).toBe(401);
    const good = { 'tasker-proxy-secret': secret };
    expect((await me(good)).status).toBe(401);
    expect((await me({ ...good, 'tasker-user': 'ada', 'tasker-role': 'root' })).status).toBe(401);
    expect((await me({ ...good, 'tasker-user': 'ada', 'tasker-namespaces': ' ' })).status).toBe(401);
    expect((await me({ ...good, 'tasker-user': 'ada', 'tasker-namespaces': 'shop' })).body).toMatchObject({
      id: 'proxy:ada',
      role: 'viewer',
      namespaces: ['shop'],
    });
  });
});

it('a process that only reads refuses every write, of an administrator too', async () => {
  const api = await open({ apiReadOnly: 'true' });
  const key = await fixture.key();
  expect((await callAt(api.apiUrl, 'GET', '/v1/tasks', { key })).status).toBe(200);
  const refused = await callAt(api.apiUrl, 'POST', '/v1/tasks/1:cancel', { key });
  expect(refused).toMatchObject({ status: 403, body: { code: 'READ_ONLY' } });
});

it('who asks too often is asked to wait, and others are not', async () => {
  const api = await open({ apiRequestsPerSecond: '1' });
  const [one, two] = [await fixture.key(), await fixture.key()];
  const statuses = [];
  for (let n = 0; n < 8; n += 1) statuses.push((await callAt(api.apiUrl, 'GET', '/v1/tasks', { key: one })).status);
  expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(0);
  expect((await callAt(api.apiUrl, 'GET', '/v1/tasks', { key: two })).status).toBe(200);
});

it('the statement of whoever has gone away is cancelled', async () => {
  const key = await fixture.key();
  const locker = await fixture.test.pool.connect();
  try {
    await locker.query('BEGIN; LOCK TABLE tasker.tasker_tasks IN ACCESS EXCLUSIVE MODE');
    const gone = new AbortController();
    const active = async (): Promise<number> =>
      (
        await fixture.test.query(
          `SELECT FROM pg_stat_activity WHERE application_name LIKE 'tasker api%' AND state = 'active' AND datname = current_database()`,
        )
      ).length;
    // Lists of their own: several who ask for the same one are one statement.
    const asked = Array.from({ length: 4 }, (_, n) =>
      fetch(`${fixture.api.apiUrl}/v1/tasks?limit=${n + 1}`, {
        headers: { authorization: `Bearer ${key}` },
        signal: gone.signal,
      }).catch(() => undefined),
    );
    await waitFor(async () => (await active()) >= 4, { what: 'four statements' });
    gone.abort();
    await Promise.all(asked);
    await waitFor(async () => (await active()) === 0, { what: 'the cancel of all of them', timeoutMs: 1500 });
  } finally {
    await locker.query('ROLLBACK');
    locker.release();
  }
  expect((await call('GET', '/v1/tasks', { key })).status).toBe(200);
});

it('a request that takes too long ends, and says so', async () => {
  const key = await fixture.key();
  const locker = await fixture.test.pool.connect();
  try {
    await locker.query('BEGIN; LOCK TABLE tasker.tasker_tasks IN ACCESS EXCLUSIVE MODE');
    expect(await call('GET', '/v1/tasks/1', { key })).toMatchObject({ status: 503, body: { code: 'DATABASE_BUSY' } });
    // What has filters can be asked for less.
    const list = await call('GET', '/v1/tasks?tag=vip', { key });
    expect(list).toMatchObject({ status: 503, body: { code: 'QUERY_TOO_BROAD' } });
  } finally {
    await locker.query('ROLLBACK');
    locker.release();
  }
});

it('a wait ends at once when the process drains, and with the end of its task', async () => {
  const key = await fixture.key();
  const id = await fixture.submitOne(await fixture.workflow(diamond));
  const waited = call('GET', `/v1/tasks/${id}?wait_seconds=20`, { key });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect((await call('POST', `/v1/tasks/${id}:cancel`, { key })).status).toBe(200);
  expect((await waited).body).toMatchObject({ state: 'cancelled' });

  const open2 = await openApi(fixture.test.url);
  const second = await fixture.submitOne(await fixture.workflow(diamond));
  const waiting = callAt(open2.apiUrl, 'GET', `/v1/tasks/${second}?wait_seconds=20`, { key });
  await new Promise((resolve) => setTimeout(resolve, 200));
  const began = performance.now();
  await open2.stop();
  expect(performance.now() - began).toBeLessThan(5000);
  expect(await waiting).toMatchObject({ status: 503, body: { code: 'DRAINING' } });
});

it('a key has 256 random bits, of which the database has a hash', async () => {
  const { id, text, secretHash } = newKey();
  const parsed = parseKey(text);
  expect(parsed?.id).toBe(id);
  expect(isSecret(parsed?.secret as string, secretHash)).toBe(true);
  expect(isSecret('another', secretHash)).toBe(false);
  const key = await fixture.key();
  const stored = JSON.stringify(await fixture.test.query('SELECT * FROM tasker.tasker_api_keys'));
  expect(stored).not.toContain(key.split('_').slice(2).join('_'));
});

it('a document is as it is stored, to the last digit, but for what is redacted', async () => {
  const key = await fixture.key();
  const stored = '{"big": 9007199254740993, "tiny": 0.10000000000000000001, "card": {"number": "4111"}}';
  const id = await fixture.submitOne(await fixture.workflow(diamond), { context: stored });
  const whole = await call('GET', `/v1/tasks/${id}/payloads/input`, { key });
  expect(whole.text).toContain('9007199254740993');
  expect(whole.text).toContain('0.10000000000000000001');
  expect((await call('GET', `/v1/tasks/${id}`, { key })).text).toContain('"big":9007199254740993');
  const api = await open({ redact: 'card.number' });
  const hidden = await callAt(api.apiUrl, 'GET', `/v1/tasks/${id}/payloads/input`, { key });
  expect(hidden.text).toContain('9007199254740993');
  expect(hidden.text).not.toContain('4111');
  expect(hidden.headers.get('tasker-redacted')).toBe('true');
  expect((await callAt(api.apiUrl, 'GET', `/v1/tasks/${id}`, { key })).text).not.toContain('4111');
});

describe('requests', () => {
  onRequests({ fixture, open });
});
describe('who asks', () => {
  onPrincipals({ fixture, open });
});
describe('what is stored', () => {
  onStoredValues({ fixture, open });
});

it('500 connections whose headers never end keep nobody out, and are closed (slowloris)', async () => {
  expect((await call('GET', '/v1/me', { key: await fixture.key() })).status).toBe(200);
  const seconds = await slow.closed;
  expect(Math.max(...seconds)).toBeLessThan(40);
}, 60_000);
