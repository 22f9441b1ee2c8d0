import { beforeEach, describe, expect, it } from 'vitest';
import { placeOf } from '../../src/api/auth/oidc/login-state.ts';
import { claimAt } from '../../src/api/auth/oidc/claims.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { readRoleRules } from '../../src/config/role-rules.ts';
import { call as callAt, useApi } from './api-fixture.ts';
import { openApi } from '../support/open-api.ts';
import { CLIENT, openIdProvider } from './openid-provider.ts';

const provider = await openIdProvider();
const settings = {
  apiAuth: 'oidc',
  apiPublicUrl: 'https://tasker.example/ops/',
  oidcIssuer: provider.issuer,
  oidcClientId: CLIENT.id,
  oidcClientSecret: CLIENT.secret,
  oidcRolesClaim: 'realm_access.roles',
  oidcRoles: 'tasker-admins=admin,shop-ops=operator+payload@shop|office,staff=viewer',
} as const;
const fixture = await useApi(settings);
const SAME = { 'sec-fetch-site': 'same-origin' };

beforeEach(() => {
  provider.person = { sub: 'ada-1', preferred_username: 'ada', realm_access: { roles: ['staff', 'shop-ops'] } };
  provider.userinfo = {};
  provider.wrong = {};
});

interface Ended {
  readonly location: string | null;
  readonly cookies: readonly string[];
  /** Of the session, as a browser sends it. */
  readonly session: string | undefined;
}

const cookieIn = (cookies: readonly string[], name: string): string | undefined =>
  cookies
    .map((cookie) => cookie.split(';')[0] as string)
    .find((cookie) => cookie.startsWith(`${name}=`) && !cookie.endsWith('='));

async function begin(to = '', api = fixture.api.apiUrl): Promise<{ cookie: string; location: string }> {
  const reply = await fetch(`${api}/ui/login?to=${encodeURIComponent(to)}`, { redirect: 'manual' });
  expect(reply.status).toBe(302);
  return {
    cookie: cookieIn(reply.headers.getSetCookie(), '__Host-tasker-login') ?? '',
    location: reply.headers.get('location') ?? '',
  };
}

/** Where the provider sends the browser: the query of the callback. */
async function atProvider(location: string): Promise<URL> {
  const reply = await fetch(location, { redirect: 'manual' });
  return new URL(reply.headers.get('location') ?? '');
}

async function comeBack(search: string, cookie: string, api = fixture.api.apiUrl): Promise<Ended> {
  const reply = await fetch(`${api}/ui/login/callback${search}`, { headers: { cookie }, redirect: 'manual' });
  expect(reply.status).toBe(302);
  const cookies = reply.headers.getSetCookie();
  return { location: reply.headers.get('location'), cookies, session: cookieIn(cookies, '__Host-tasker') };
}

async function signIn(to = '', api = fixture.api.apiUrl): Promise<Ended> {
  const { cookie, location } = await begin(to, api);
  return comeBack((await atProvider(location)).search, cookie, api);
}

const me = (session: string | undefined, api = fixture.api.apiUrl) =>
  callAt(api, 'GET', '/v1/me', { headers: { cookie: session ?? '' } });

describe('a person', () => {
  it('signs in, and may do what the first rule says that fits', async () => {
    const { location, cookies, session } = await signIn('tasks?q=state%3Aerror');
    expect(location).toBe('../tasks?q=state%3Aerror');
    expect(cookies.at(-1)).toMatch(
      /^__Host-tasker=oidc\.[\w-]{16}\.[\w-]{43}; Max-Age=28800; Path=\/; Secure; HttpOnly; SameSite=Strict$/,
    );
    expect(cookies[0]).toMatch(/^__Host-tasker-login=; Max-Age=0;/);
    expect((await me(session)).body).toMatchObject({
      id: 'oidc:ada-1',
      name: 'ada',
      role: 'operator',
      namespaces: ['shop', 'office'],
      permissions: expect.arrayContaining(['payload:read', 'tasks:operate']) as unknown,
    });
    const key = await fixture.key();
    expect((await fixture.call('GET', '/v1/audit?act=sign_in.begin', { key })).body.items?.[0]).toMatchObject({
      by: 'ada',
      outcome: 'signed_in',
    });
    const stored = JSON.stringify(await fixture.test.query('SELECT * FROM tasker.tasker_sign_ins'));
    expect(stored).not.toContain(session?.split('.').at(-1));
  });

  it('whom no rule lets in gets no session, and the audit has it', async () => {
    provider.person = { sub: 'eve', preferred_username: 'eve', realm_access: { roles: ['guests'] } };
    const { location, session } = await signIn();
    expect([location, session]).toEqual(['../?sign_in=refused', undefined]);
    const key = await fixture.key();
    expect((await fixture.call('GET', '/v1/audit?act=sign_in.begin', { key })).body.items?.[0]).toMatchObject({
      by: 'eve',
      outcome: 'refused',
      refused: true,
    });
  });

  it('who is not to be relied on gets no session, and the audit says why', async () => {
    provider.wrong = { claims: { realm_access: undefined, _claim_names: { 'realm_access.roles': 'src1' } } };
    const { location, session } = await signIn();
    expect([location, session]).toEqual(['../?sign_in=refused', undefined]);
    const key = await fixture.key();
    expect((await fixture.call('GET', '/v1/audit?act=sign_in.begin', { key })).body.items?.[0]).toMatchObject({
      by: 'ada-1',
      outcome: 'refused',
      refused: true,
      reason: expect.stringContaining('too many of them') as unknown,
    });
  });

  it('is known by what is at the address for user information, if the ID token lacks it', async () => {
    provider.person = { sub: 'bob-2', email: 'bob@example.org', email_verified: true };
    provider.userinfo = { realm_access: { roles: ['tasker-admins'] } };
    expect((await me((await signIn()).session)).body).toMatchObject({ name: 'bob@example.org', role: 'admin' });
    provider.person = { sub: 'mallory', email: 'ada@example.org', email_verified: false };
    expect((await me((await signIn()).session)).body).toMatchObject({ name: 'mallory', id: 'oidc:mallory' });
  });

  it('signs out: the session is good nowhere any more', async () => {
    const { session = '' } = await signIn();
    const out = await fixture.call('DELETE', '/ui/session', { headers: { cookie: session, ...SAME } });
    expect(out.headers.get('set-cookie')).toMatch(/^__Host-tasker=; Max-Age=0;/);
    expect((await me(session)).status).toBe(401);
    const other = await openApi(fixture.test.url, settings);
    expect((await me(session, other.apiUrl)).status).toBe(401);
    await other.stop();
  });

  it('is refused as soon as an administrator has ended the sign-in, it has expired, or the rules are others', async () => {
    const [ended, expired, kept] = [await signIn(), await signIn(), await signIn()];
    const idOf = ({ session }: Ended): string => session?.split('.')[1] as string;
    const key = await fixture.key({ name: 'root' });
    const listed = await fixture.call('GET', '/v1/sign-ins', { key });
    expect(listed.body.items?.map((item) => item['sign_in_id'])).toEqual(expect.arrayContaining([idOf(ended)]));
    expect(listed.text).not.toContain('secret_hash');
    const { status, body } = await fixture.call('DELETE', `/v1/sign-ins/${idOf(ended)}`, { key });
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { subject: 'ada-1', ended_at: expect.any(String) as unknown },
    });
    expect((await fixture.call('DELETE', '/v1/sign-ins/0123456789abcdef', { key })).status).toBe(404);
    await fixture.test.query(`UPDATE tasker.tasker_sign_ins SET expires_at = clock_timestamp() WHERE sign_in_id = $1`, [
      idOf(expired),
    ]);
    const other = await openApi(fixture.test.url, { ...settings, oidcRoles: 'staff=viewer' });
    const statuses = [];
    for (const { session } of [ended, expired, kept]) statuses.push((await me(session, other.apiUrl)).status);
    expect(statuses).toEqual([401, 401, 200]);
    expect((await me(kept.session, other.apiUrl)).body).toMatchObject({ role: 'viewer', namespaces: null });
    await other.stop();
    const elsewhere = await openApi(fixture.test.url, { ...settings, oidcIssuer: 'https://other.example' });
    expect((await me(kept.session, elsewhere.apiUrl)).status).toBe(401);
    await elsewhere.stop();
  });

  it('has a session that nobody can make, change or use from another site', async () => {
    const { session = '' } = await signIn();
    const [name, id, secret = ''] = session.split('.');
    const other = (await signIn()).session?.split('.')[1];
    const flipped = `${secret.startsWith('A') ? 'B' : 'A'}${secret.slice(1)}`;
    for (const sent of [
      `${name}.${id}.${flipped}`,
      `${name}.${other}.${secret}`,
      `${session}; ${session}`,
      `${session}x`,
    ])
      expect((await me(sent)).status, sent).toBe(401);
    const cancel = (headers: Record<string, string>) =>
      fixture.call('POST', '/v1/tasks/1:cancel', { body: {}, headers: { cookie: session, ...headers } });
    expect((await cancel({ 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await cancel({})).status).toBe(403);
    expect((await cancel(SAME)).status).toBe(404);
    // Keys are for programs still.
    expect((await fixture.call('GET', '/v1/me', { key: await fixture.key() })).status).toBe(200);
  });
});

describe('a way back from the provider is refused', () => {
  it.each([
    ['whose state is another one', (url: URL) => url.searchParams.set('state', 'x'.repeat(43))],
    ['without a state', (url: URL) => url.searchParams.delete('state')],
    ['of another issuer (mix-up)', (url: URL) => url.searchParams.set('iss', 'https://evil.example')],
    ['without the issuer that the provider always names', (url: URL) => url.searchParams.delete('iss')],
    ['with a code that the provider does not know', (url: URL) => url.searchParams.set('code', 'guessed')],
    ['with an error of the provider', (url: URL) => url.searchParams.set('error', 'access_denied')],
    ['with two codes', (url: URL) => url.searchParams.append('code', 'another')],
  ])('%s', async (_what, change) => {
    const { cookie, location } = await begin();
    const url = await atProvider(location);
    change(url);
    const ended = await comeBack(url.search, cookie);
    expect([ended.location, ended.session]).toEqual(['../?sign_in=failed', undefined]);
  });

  it.each([
    ['another nonce (replay)', { claims: { nonce: 'another' } }],
    ['another issuer', { claims: { iss: 'https://evil.example' } }],
    ['another audience', { claims: { aud: 'another' } }],
    ['a time that is over', { claims: { exp: 1, iat: 1 } }],
    ['no signature (alg none)', { alg: 'none' as const }],
    ['a signature with the secret of the client', { alg: 'HS256' as const }],
    ['a signature by another key', { otherKey: true }],
  ])('with an ID token that has %s', async (_what, wrong) => {
    provider.wrong = wrong;
    const ended = await signIn();
    expect([ended.location, ended.session]).toEqual(['../?sign_in=failed', undefined]);
  });

  it('in a browser that did not begin (login CSRF), twice, or with the code of another sign-in (PKCE)', async () => {
    const mine = await begin();
    const theirs = await begin();
    const back = await atProvider(theirs.location);
    expect((await comeBack(back.search, '')).location).toBe('../?sign_in=expired');
    expect((await comeBack(back.search, `${theirs.cookie}x`)).location).toBe('../?sign_in=expired');
    expect((await comeBack(back.search, `${theirs.cookie}; ${mine.cookie}`)).location).toBe('../?sign_in=expired');
    expect((await comeBack(back.search, mine.cookie)).location).toBe('../?sign_in=failed');
    // A code that was stolen is of no use to whoever began another sign-in.
    const own = await atProvider(mine.location);
    own.searchParams.set('code', back.searchParams.get('code') ?? '');
    expect((await comeBack(own.search, mine.cookie)).location).toBe('../?sign_in=failed');
    const again = await begin();
    const url = await atProvider(again.location);
    expect((await comeBack(url.search, again.cookie)).session).toBeDefined();
    expect((await comeBack(url.search, again.cookie)).session).toBeUndefined();
  });

  it('if the provider is away; keys are accepted nevertheless', async () => {
    const api = await openApi(fixture.test.url, { ...settings, oidcIssuer: 'http://127.0.0.1:9' });
    const reply = await fetch(`${api.apiUrl}/ui/login`, { redirect: 'manual' });
    expect(reply.headers.get('location')).toBe('./?sign_in=unavailable');
    expect((await callAt(api.apiUrl, 'GET', '/v1/me', { key: await fixture.key() })).status).toBe(200);
    await api.stop();
  });
});

it('asks the provider for a code, with PKCE, for one address alone, and goes on within the dashboard alone', async () => {
  const { location } = await begin();
  const { searchParams } = new URL(location);
  expect(Object.fromEntries(searchParams)).toMatchObject({
    response_type: 'code',
    code_challenge_method: 'S256',
    redirect_uri: 'https://tasker.example/ops/ui/login/callback',
    scope: 'openid profile email',
  });
  for (const name of ['state', 'nonce', 'code_challenge']) expect(searchParams.get(name)?.length).toBeGreaterThan(40);
  for (const to of [
    '//evil.example',
    'https://evil.example',
    '/v1/tasks',
    '../../evil',
    String.raw`\\evil`,
    'javascript:x',
    'a\nb',
  ])
    expect(placeOf(to), to).toBeUndefined();
  expect(placeOf('tasks/17?view=graph')).toBe('tasks/17?view=graph');
  expect((await signIn('//evil.example')).location).toBe('../');
  const page = await fixture.call('GET', '/ui/');
  expect(page.text).toContain('"sign_in":"single sign-on"');
  expect(page.text).not.toContain(CLIENT.secret);
});

it('claims are found by a path, and by a name that has dots', () => {
  const claims = { 'https://x.y/roles': ['a'], resource_access: { tasker: { roles: ['b'] } } };
  expect(claimAt(claims, 'https://x.y/roles')).toEqual(['a']);
  expect(claimAt(claims, 'resource_access.tasker.roles')).toEqual(['b']);
  expect(claimAt(claims, 'constructor.name')).toBeUndefined();
});

describe('the configuration', () => {
  const load = (more: Record<string, string | undefined>) => () =>
    loadConfig('api', {}, { databaseUrl: 'postgres://x', ...settings, ...more });
  it('is refused if it is half of one, with the setting and what to do', () => {
    expect(load({})).not.toThrow();
    expect(load({ oidcClientId: undefined })).toThrow(/TASKER_OIDC_CLIENT_ID is not set, and TASKER_API_AUTH is oidc/);
    expect(load({ oidcRoles: undefined })).toThrow(/TASKER_OIDC_ROLES is not set/);
    expect(load({ apiPublicUrl: undefined })).toThrow(/TASKER_API_PUBLIC_URL is not set/);
    expect(load({ apiAuth: 'keys' })).toThrow(/TASKER_OIDC_ISSUER is set, and TASKER_API_AUTH is keys/);
    expect(load({ oidcIssuer: 'http://idp.example' })).toThrow(
      /TASKER_OIDC_ISSUER: "http:\/\/idp.example" is not https/,
    );
    const organizations = 'https://login.microsoftonline.com/organizations/v2.0';
    expect(load({ oidcIssuer: organizations })).toThrow(/TASKER_OIDC_ISSUER: .* is for every tenant/);
    const tenant = '9F0E8D7C-1111-2222-3333-444455556666';
    expect(load({ oidcIssuer: organizations, oidcTenants: tenant })().oidcTenants).toEqual([tenant.toLowerCase()]);
    expect(load({ oidcTenants: 'contoso.example' })).toThrow(/TASKER_OIDC_TENANTS: .*no tenant id/);
    expect(load({ oidcClientSecretFile: '/x' })).toThrow(/TASKER_OIDC_CLIENT_SECRET_FILE/);
  });
  it('has rules of which each names a role', () => {
    expect(readRoleRules('cn=ops,=admin')).toMatchObject({
      problems: [/cn=ops/, /=admin/].map((text) => expect.stringMatching(text) as unknown),
    });
    expect(readRoleRules('a=root')).toMatchObject({
      problems: [expect.stringContaining('whose role is none of') as unknown],
    });
    expect(readRoleRules('a=viewer,a=admin')).toMatchObject({
      problems: [expect.stringContaining('twice') as unknown],
    });
    expect(readRoleRules('a=viewer@')).toMatchObject({
      problems: [expect.stringContaining('namespace is empty') as unknown],
    });
    expect(readRoleRules('/ops/a=operator+payload@shop | office')).toEqual({
      value: [{ value: '/ops/a', role: 'operator', payload: true, namespaces: ['shop', 'office'] }],
    });
  });
});
