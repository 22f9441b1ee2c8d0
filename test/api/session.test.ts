import { describe, expect, it } from 'vitest';
import { Sessions } from '../../src/api/auth/session.ts';
import { useApi } from './api-fixture.ts';

const { call, key, test } = await useApi();

const signIn = (text: unknown, headers: Record<string, string> = {}) =>
  call('POST', '/ui/session', { body: { key: text }, headers });
const cookieOf = (reply: { headers: Headers }): string =>
  (reply.headers.get('set-cookie') ?? '').split(';')[0] as string;
const SAME = { 'sec-fetch-site': 'same-origin' };

describe('a session of the dashboard', () => {
  it('is a cookie that no script reads, for this host alone, and names no secret', async () => {
    const text = await key();
    const reply = await signIn(text);
    expect(reply.status).toBe(200);
    expect(reply.headers.get('set-cookie')).toMatch(
      /^__Host-tasker=[\w.-]+; Max-Age=28800; Path=\/; Secure; HttpOnly; SameSite=Strict$/,
    );
    expect(reply.headers.get('set-cookie')).not.toContain(text.slice(-43));
  });

  it('may do what its key may, and no more', async () => {
    const cookie = cookieOf(await signIn(await key({ role: 'viewer', payload: false, name: 'ada' })));
    const me = await call('GET', '/v1/me', { headers: { cookie } });
    expect(me.body).toMatchObject({ name: 'ada', role: 'viewer', permissions: ['tasks:read', 'fleet:read'] });
    expect((await call('POST', '/v1/tasks/1:cancel', { body: {}, headers: { cookie, ...SAME } })).status).toBe(403);
  });

  it('is not begun by a key that does not exist, has expired or is none', async () => {
    const good = await key();
    const wrong = `${good.slice(0, -1)}${good.endsWith('A') ? 'B' : 'A'}`;
    const expired = await key();
    await test.query(`UPDATE tasker.tasker_api_keys SET expires_at = clock_timestamp() WHERE key_id = $1`, [
      expired.split('_')[1],
    ]);
    for (const text of [wrong, expired, 'junk', 7, null, undefined, { $ne: '' }]) {
      const reply = await signIn(text);
      expect([reply.status, reply.headers.get('set-cookie')], String(text)).toEqual([401, null]);
    }
  });

  it('ends with its key', async () => {
    const [row] = await test.query<{ secret: string }>(
      `SELECT secret FROM tasker.tasker_api_secrets WHERE name = 'cursors'`,
    );
    const sessions = new Sessions(row?.secret ?? '');
    const statusOf = async (id: string) =>
      (await call('GET', '/v1/me', { headers: { cookie: sessions.begin(id).split(';')[0] as string } })).status;
    const [, good = ''] = (await key()).split('_');
    const [, revoked = ''] = (await key()).split('_');
    await test.query(`UPDATE tasker.tasker_api_keys SET revoked_at = clock_timestamp() WHERE key_id = $1`, [revoked]);
    expect([await statusOf(good), await statusOf(revoked), await statusOf('nonesuch0000')]).toEqual([200, 401, 401]);
  });

  it('is refused if it was changed, has ended, comes twice, or beside a header that is wrong', async () => {
    const cookie = cookieOf(await signIn(await key()));
    const [name, value = ''] = cookie.split('=');
    const [id, ends, salt, signature] = value.split('.');
    const later = `${name}=${id}.${Number(ends) + 1}.${salt}.${signature}`;
    const other = `${name}=${(await key()).split('_')[1]}.${ends}.${salt}.${signature}`;
    const foreign = new Sessions('another installation').begin(String(id)).split(';')[0] as string;
    for (const sent of [later, other, foreign, `${cookie}x`, `${cookie}; ${cookie}`, `${name}=`, `tasker=${value}`]) {
      expect((await call('GET', '/v1/me', { headers: { cookie: sent } })).status, sent).toBe(401);
    }
    expect((await call('GET', '/v1/me', { headers: { cookie, authorization: 'Bearer junk' } })).status).toBe(401);
    const sessions = new Sessions('secret');
    const begun = sessions.begin('abcdefghijkl', 0).split(';')[0] as string;
    expect(sessions.keyOf({ cookie: begun }, 8 * 3_600_000 - 1)).toBe('abcdefghijkl');
    expect(sessions.keyOf({ cookie: begun }, 8 * 3_600_000)).toBeUndefined();
  });

  it('changes nothing for a page of another site, nor without the word of a browser', async () => {
    const cookie = cookieOf(await signIn(await key()));
    const cancel = (headers: Record<string, string>) =>
      call('POST', '/v1/tasks/1:cancel', { body: {}, headers: { cookie, ...headers } });
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
      {},
    ] as Record<string, string>[]) {
      expect((await cancel(headers)).status, JSON.stringify(headers)).toBe(403);
    }
    // Behind a proxy that changes the host, the browser's own word counts. Allowed: there is no such task.
    expect((await cancel({ ...SAME, origin: 'https://tasker.example' })).status).toBe(404);
    const form = await call('POST', '/v1/tasks/1:cancel', {
      body: 'reason=x',
      headers: { cookie, ...SAME, 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(form.status).toBe(415);
    expect((await signIn(await key(), { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  });

  it('is taken from the browser by signing out', async () => {
    const reply = await call('DELETE', '/ui/session', { headers: SAME });
    expect(reply.headers.get('set-cookie')).toMatch(/^__Host-tasker=; Max-Age=0;/);
  });
});
