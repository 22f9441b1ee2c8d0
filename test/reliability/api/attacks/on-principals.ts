import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { isSecret, newKey } from '../../../../src/api/auth/api-key.ts';
import { KeyRing } from '../../../../src/api/auth/key-ring.ts';
import { ROUTES } from '../../../../src/api/routes/index.ts';
import type { Database } from '../../../../src/db/connections/database.ts';
import { defineWorkflow } from '../../../../src/workflow/define-workflow.ts';
import { call as callAt, type Reply } from '../../../api/api-fixture.ts';
import { diamond } from '../../../engine/engine-fixture.ts';
import type { Attacked } from './attacked.ts';
import { raw } from './raw.ts';

/** What somebody could send who is not, or not quite, who may. */
export function onPrincipals({ fixture, open }: Attacked): void {
  const { call } = fixture;
  const submission = { workflow: diamond.name, namespace: diamond.namespace };

  it('an Idempotency-Key of somebody else is no way to what they did, nor one of another route', async () => {
    await fixture.workflow(diamond);
    const [ada, eve] = [await fixture.key(), await fixture.key({ role: 'submitter', payload: false })];
    const headers = { 'idempotency-key': 'guessed' };
    const body = { ...submission, input: { secret: 'of ada' } };
    const first = await call('POST', '/v1/tasks', { key: ada, body, headers });
    const again = await call('POST', '/v1/tasks', { key: ada, body, headers });
    expect(again).toMatchObject({ status: 201, body: first.body });
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    const foreign = await call('POST', '/v1/tasks', { key: eve, body, headers });
    expect(foreign.headers.get('idempotency-replayed')).toBeNull();
    expect(await call('POST', '/v1/tasks', { key: ada, body: { ...body, input: 1 }, headers })).toMatchObject({
      status: 422,
      body: { code: 'IDEMPOTENCY_KEY_REUSED' },
    });
    const cancel = `/v1/tasks/${String(first.body['task_id'])}:cancel`;
    expect((await call('POST', cancel, { key: eve, headers })).status).toBe(403);
    expect((await call('POST', cancel, { key: ada, headers })).body).toMatchObject({ outcome: 'cancelled' });
    // Who may no longer act gets no stored response either.
    await fixture.test.query(`UPDATE tasker.tasker_api_keys SET role = 'viewer' WHERE key_id = $1`, [
      ada.split('_')[1],
    ]);
    const api = await open({});
    expect((await callAt(api.apiUrl, 'POST', cancel, { key: ada, headers })).status).toBe(403);
  });

  it('a cursor of which one character was changed, of another list or of another filter is refused', async () => {
    const workflow = await fixture.workflow(diamond);
    for (let n = 0; n < 3; n += 1) await fixture.submitOne(workflow);
    const key = await fixture.key();
    const page = await call('GET', '/v1/tasks?limit=1', { key });
    const cursor = page.body['next_cursor'] as string;
    const statusOf = async (path: string, given: string): Promise<number> =>
      (await call('GET', `${path}${path.includes('?') ? '&' : '?'}cursor=${encodeURIComponent(given)}`, { key }))
        .status;
    expect(await statusOf('/v1/tasks?limit=1', cursor)).toBe(200);
    expect(await statusOf('/v1/tasks?limit=1&state=error', cursor)).toBe(400);
    expect(await statusOf('/v1/audit', cursor)).toBe(400);
    expect(await statusOf('/v1/failures', cursor)).toBe(400);
    const changed = Array.from({ length: cursor.length }, (_, at) => {
      const other = cursor[at] === 'A' ? 'B' : 'A';
      return `${cursor.slice(0, at)}${other}${cursor.slice(at + 1)}`;
    });
    const [signature = '', place = ''] = cursor.split('.');
    const more = [signature, `.${place}`, `${cursor}.`, `${cursor}=`, ` ${cursor}`, `${cursor}A`, '.', 'null', '[]'];
    for (const given of [...changed, ...more]) expect(await statusOf('/v1/tasks?limit=1', given), given).toBe(400);
  });

  it('what belongs to another namespace responds as what does not exist (no oracle)', async () => {
    const theirs = defineWorkflow({ name: 'theirs', namespace: 'theirs', input: z.unknown() }).step('only', () => 1);
    const foreign = await fixture.submitOne(await fixture.workflow(theirs));
    const key = await fixture.key({ namespaces: [diamond.namespace] });
    const shown = ({ status, text }: Reply, id: string): string =>
      `${status} ${text.replaceAll(id, 'ID').replace(/"request_id":"[^"]*"/, '')}`;
    for (const route of ROUTES.filter(({ path }) => path.includes('{task_id}') && !path.includes('archived'))) {
      const at = (id: string): string =>
        route.path.replace('{task_id}', id).replace('{step}', 'only').replace('{document}', 'input');
      const options = { key, ...(route.example.body === undefined ? {} : { body: route.example.body }) };
      const there = await call(route.method, at(foreign), options);
      const absent = await call(route.method, at('999999999'), options);
      expect(shown(there, foreign), route.operation).toBe(shown(absent, '999999999'));
      expect([404, 422]).toContain(there.status);
    }
  });

  it('junk is no key (CVE-2026-28229)', async () => {
    const good = await fixture.key();
    const [, id = '', secret = ''] = /^tsk_([^_]+)_(.+)$/.exec(good) ?? [];
    const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
    const claims = Buffer.from('{"sub":"admin","role":"admin"}').toString('base64url');
    const values = [
      'nothing',
      'Bearer',
      'Bearer nothing',
      'Bearer null',
      `Bearer ${none}.${claims}.`,
      `Bearer ${good} x`,
      `Bearer x ${good}`,
      `Bearer ${good},${good}`,
      `Bearer "${good}"`,
      `Basic ${Buffer.from(`tasker:${good}`).toString('base64')}`,
      `Digest ${good}`,
      good,
      `Bearer ${good.toUpperCase()}`,
      `Bearer ${good.slice(0, -1)}`,
      `Bearer tsk__${secret}`,
      `Bearer tsk_${id}_`,
      `Bearer tsk_${id}_${'A'.repeat(43)}`,
      `Bearer tsk_'||key_id||'_${secret}`,
      `Bearer tsk_%_${secret}`,
      `Bearer tsk_${'_'.repeat(12)}_${secret}`,
      `Bearer ${'a'.repeat(12_000)}`,
      `Bearer ${Buffer.from(good).toString('base64')}`,
      `Bearer \u00e9${good}`,
    ];
    for (const authorization of values) {
      expect((await call('GET', '/v1/me', { headers: { authorization } })).status, authorization).toBe(401);
    }
  });

  it('guesses of keys cost the database next to nothing, and keep nobody out whose key is good', async () => {
    const { text, id, secretHash } = newKey();
    const stored = {
      key_id: id,
      secret_hash: secretHash,
      name: 'ada',
      role: 'viewer',
      expires_at: null,
      namespaces: null,
    };
    let statements = 0;
    const run = async (_statement: unknown, { key_id: asked }: { key_id: string }): Promise<unknown[]> => {
      statements += 1;
      return asked === id ? [stored] : [];
    };
    const keys = new KeyRing({ run } as unknown as Database);
    expect(await keys.find(text)).toMatchObject({ name: 'ada' });
    const found = await Promise.allSettled(Array.from({ length: 20_000 }, () => keys.find(newKey().text)));
    const refused = found.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(15_000);
    expect((refused[0] as PromiseRejectedResult).reason).toMatchObject({ code: 'TOO_MANY_REQUESTS' });
    expect(statements).toBeLessThan(5000);
    expect(found.some((each) => each.status === 'fulfilled' && each.value !== undefined)).toBe(false);
    expect(await keys.find(text)).toMatchObject({ name: 'ada' });
  });

  it('a secret is compared in a time that does not depend on where it differs', () => {
    const { text, secretHash } = newKey();
    const secret = text.slice(-43);
    const early = `${secret.startsWith('A') ? 'B' : 'A'}${secret.slice(1)}`;
    const late = `${secret.slice(0, -1)}${secret.endsWith('A') ? 'E' : 'A'}`;
    const timeOf = (given: string): number => {
      const began = performance.now();
      for (let n = 0; n < 200; n += 1) isSecret(given, secretHash);
      return performance.now() - began;
    };
    const times = Array.from({ length: 300 }, () => [timeOf(early), timeOf(late)] as const);
    const median = (values: readonly number[]): number =>
      values.toSorted((a, b) => a - b)[values.length >> 1] as number;
    const ratio = median(times.map(([each]) => each)) / median(times.map(([, each]) => each));
    expect(ratio).toBeGreaterThan(0.8);
    expect(ratio).toBeLessThan(1.25);
  });

  describe('a proxy that adds its headers to those from outside', () => {
    const secret = 'a secret of the proxy of 32 letters';
    it('is not believed: a header that comes twice is none', async () => {
      const api = await open({ apiAuth: 'proxy', apiProxySecret: secret });
      const statusOf = async (more: string): Promise<string> => {
        const own = `Tasker-Proxy-Secret: ${secret}\r\nTasker-User: ada\r\nTasker-Role: viewer\r\nTasker-Namespaces: mine`;
        const head = `GET /v1/me HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${more}${own}\r\n\r\n`;
        return (await raw(api.apiUrl, head)).text.split(' ')[1] as string;
      };
      expect(await statusOf('')).toBe('200');
      for (const more of ['Namespaces: theirs', 'Role: admin', 'User: eve', 'Payload: true\r\nTasker-Payload: false'])
        expect(await statusOf(`Tasker-${more}\r\n`), more).toBe('401');
    });
  });

  it.each([
    '127.0.0.1.nip.io',
    'localhost.evil.example',
    'evil.example:8280',
    'localhost:8280:1',
    '[::1].evil.example',
    '',
  ])('without authentication the host %s is none of this machine (DNS rebinding)', async (host) => {
    const api = await open({ apiAuth: 'none' });
    const { text } = await raw(api.apiUrl, `GET /v1/me HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 401 /);
  });

  it('no secret of the configuration is in what is served to everybody (CVE-2024-9014)', async () => {
    const canary = 'canary-of-the-configuration-32-letters';
    const api = await open({ apiAuth: 'proxy', apiProxySecret: canary });
    const page = await callAt(api.apiUrl, 'GET', '/ui/');
    const assets = [...page.text.matchAll(/(?:src|href)="([^"]*\.(?:js|css|svg))"/g)].map(([, name]) => `/ui/${name}`);
    const password = new URL(fixture.test.url).password || 'no password here';
    for (const path of ['/', '/ui/', '/openapi.json', '/livez', '/readyz', '/nothing', '/v1/me', ...assets]) {
      const { text, headers } = await callAt(api.apiUrl, 'GET', path);
      const whole = `${text}${JSON.stringify([...headers])}`;
      expect(whole.includes(canary) || whole.includes(`:${password}@`) || whole.includes('postgres://'), path).toBe(
        false,
      );
    }
  });
}
