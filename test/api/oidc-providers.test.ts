import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { claimAt, personOf } from '../../src/api/auth/oidc/claims.ts';
import { OidcProvider, type OidcSettings } from '../../src/api/auth/oidc/provider.ts';
import { ruleOf, readRoleRules, type RoleRule } from '../../src/config/role-rules.ts';
import { type Alg, CLIENT, openIdProvider, type TestProvider } from './openid-provider.ts';

const plain = await openIdProvider();
const keycloak = await openIdProvider('/realms/staff');
const authentik = await openIdProvider('/application/o/tasker/');

const settingsOf = ({ issuer }: TestProvider, more: Partial<OidcSettings> = {}): OidcSettings => ({
  apiPublicUrl: 'https://tasker.example/',
  oidcIssuer: issuer,
  oidcTenants: undefined,
  oidcClientId: CLIENT.id,
  oidcClientSecret: CLIENT.secret,
  oidcClientSecretFile: undefined,
  oidcScopes: 'openid profile email',
  oidcRolesClaim: 'groups',
  oidcNameClaim: 'preferred_username',
  ...more,
});
const clientOf = (provider: TestProvider, more?: Partial<OidcSettings>): OidcProvider =>
  new OidcProvider(settingsOf(provider, more));

/** Signs in, as a browser would. */
async function signIn(client: OidcProvider) {
  const { url, login } = await client.begin('');
  const reply = await fetch(url, { redirect: 'manual' });
  return client.end(new URL(reply.headers.get('location') ?? '').search, login);
}

/** What the library, or this API, has against it: the message of the innermost error. */
async function reasonOf(signingIn: Promise<unknown>): Promise<string> {
  let error: unknown = await signingIn.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error === undefined) throw new Error('somebody signed in');
  while (error instanceof Error && error.cause instanceof Error) error = error.cause;
  return (error as Error).message;
}

beforeEach(() => {
  for (const provider of [plain, keycloak, authentik])
    Object.assign(provider, {
      person: { sub: 'ada-1' },
      userinfo: {},
      wrong: {},
      document: {},
      away: undefined,
      takes: 'client_secret_post',
    });
});
afterEach(() => vi.restoreAllMocks());

/** What Keycloak 26 says that it can sign ID tokens with. */
const OF_KEYCLOAK = [
  'PS384',
  'RS384',
  'EdDSA',
  'ES384',
  'HS256',
  'HS512',
  'ES256',
  'RS256',
  'HS384',
  'ES512',
  'PS256',
  'PS512',
  'RS512',
];

describe('an ID token as it is issued by', () => {
  it('Keycloak: several audiences, roles of the realm and of a client whose name has dots, algorithms with secrets on its list', async () => {
    keycloak.document = { id_token_signing_alg_values_supported: OF_KEYCLOAK };
    keycloak.wrong = {
      claims: {
        aud: [CLIENT.id, 'account'],
        azp: CLIENT.id,
        typ: 'ID',
        sid: 'f1',
        auth_time: 1,
        acr: '1',
        email_verified: true,
      },
    };
    keycloak.person = {
      sub: 'b1d9c6a2',
      preferred_username: 'ada',
      realm_access: { roles: ['offline_access', 'tasker-admins'] },
      resource_access: { 'tasker.example': { roles: ['operator'] }, account: { roles: ['view-profile'] } },
    };
    expect(await signIn(clientOf(keycloak, { oidcRolesClaim: 'realm_access.roles' }))).toEqual({
      subject: 'b1d9c6a2',
      name: 'ada',
      values: ['offline_access', 'tasker-admins'],
    });
    const ofClient = { oidcRolesClaim: 'resource_access.tasker.example.roles' };
    expect((await signIn(clientOf(keycloak, ofClient))).values).toEqual(['operator']);
  });

  it('Auth0: the name of the issuer and of the claim are URLs, and the issuer ends in a slash', async () => {
    authentik.person = { sub: 'auth0|65f', nickname: 'ada', 'https://tasker.example/app.roles': ['ops'] };
    const settings = { oidcRolesClaim: 'https://tasker.example/app.roles', oidcNameClaim: 'nickname' };
    for (const oidcIssuer of [authentik.issuer, authentik.issuer.replace(/\/$/, '')])
      expect(await signIn(clientOf(authentik, { ...settings, oidcIssuer })), oidcIssuer).toEqual({
        subject: 'auth0|65f',
        name: 'ada',
        values: ['ops'],
      });
    expect((await signIn(clientOf(keycloak, { oidcIssuer: `${keycloak.issuer}/` }))).subject).toBe('ada-1');
  });

  it('Google: no roles, but an organisation, and addresses that it has verified', async () => {
    plain.person = { sub: '1098', email: 'ada@example.org', email_verified: true, hd: 'example.org', name: 'Ada' };
    plain.wrong = { claims: { azp: CLIENT.id, at_hash: 'x' } };
    const byHd = clientOf(plain, { oidcRolesClaim: 'hd', oidcNameClaim: 'email' });
    expect(await signIn(byHd)).toEqual({ subject: '1098', name: 'ada@example.org', values: ['example.org'] });
    expect((await signIn(clientOf(plain, { oidcRolesClaim: 'email' }))).values).toEqual(['ada@example.org']);
  });

  it('Zitadel: roles are names of an object; and whatever proves the client as its document says, or does not say', async () => {
    plain.takes = 'client_secret_basic';
    plain.person = { sub: '2', 'urn:zitadel:iam:org:project:roles': { ops: { '17': 'example.org' }, guest: false } };
    const settings = { oidcRolesClaim: 'urn:zitadel:iam:org:project:roles' };
    for (const methods of [['client_secret_basic', 'private_key_jwt'], undefined]) {
      plain.document = { token_endpoint_auth_methods_supported: methods };
      expect((await signIn(clientOf(plain, settings))).values).toEqual(['ops']);
    }
  });
});

describe('Microsoft Entra for many tenants', () => {
  const OURS = '11111111-2222-3333-4444-555555555555';
  const THEIRS = '99999999-2222-3333-4444-555555555555';
  const oidcIssuer = 'https://login.microsoftonline.com/organizations/v2.0';
  const organizations = (oidcTenants?: string[]) =>
    clientOf(plain, { oidcIssuer, oidcTenants, oidcRolesClaim: 'roles' });

  beforeEach(() => {
    const here = 'https://login.microsoftonline.com';
    const real = fetch;
    vi.spyOn(globalThis, 'fetch').mockImplementation((input, init) =>
      // The document of all tenants is that of the test's provider; everything else is where that says.
      real(String(input).replace(`${here}/organizations/v2.0/`, `${plain.issuer}/`).replace(here, plain.issuer), init),
    );
    plain.document = {
      issuer: `${here}/{tenantid}/v2.0`,
      authorization_endpoint: `${here}/authorize`,
      token_endpoint: `${here}/token`,
      userinfo_endpoint: `${here}/userinfo`,
      jwks_uri: `${here}/jwks`,
      authorization_response_iss_parameter_supported: false,
    };
    const of = (tid: string) => ({ tid, iss: `${here}/${tid}/v2.0`, ver: '2.0', roles: ['admin'] });
    person = (tid) => {
      plain.person = { sub: 'AAAA', preferred_username: 'ada@ours.example', ...of(tid) };
    };
  });
  let person: (tid: string) => void;

  it('lets in those of the tenants that are listed, whose subjects are of their tenant', async () => {
    person(OURS);
    expect(await signIn(organizations([OURS]))).toEqual({
      subject: `${OURS}/AAAA`,
      name: 'ada@ours.example',
      values: ['admin'],
    });
    person(THEIRS);
    await expect(signIn(organizations([OURS]))).rejects.toThrow(/of tenant "99999999.*TASKER_OIDC_TENANTS/);
  });

  it('is refused without a list: any tenant could make its people administrators', async () => {
    person(THEIRS);
    await expect(signIn(organizations())).rejects.toThrow(/is for every tenant.*TASKER_OIDC_TENANTS/);
  });

  it('refuses a token whose issuer is another tenant than its own', async () => {
    person(OURS);
    plain.wrong = { claims: { iss: `https://login.microsoftonline.com/${THEIRS}/v2.0` } };
    expect(await reasonOf(signIn(organizations([OURS])))).toBe('unexpected JWT "iss" (issuer) claim value');
  });
});

describe('what a provider says of a person is not relied on', () => {
  it.each([undefined, false, 'false'])(
    'if roles go by an address of which it says that verified is %s',
    async (verified) => {
      plain.person = {
        sub: 'eve',
        email: 'ada@example.org',
        ...(verified === undefined ? {} : { email_verified: verified }),
      };
      await expect(signIn(clientOf(plain, { oidcRolesClaim: 'email' }))).rejects.toThrow(/email_verified/);
      const named = await signIn(clientOf(plain, { oidcNameClaim: 'email' }));
      expect(named.name).toBe(verified === undefined ? 'ada@example.org' : 'eve');
    },
  );

  it('if it leaves groups out because they are too many, and says what to do', async () => {
    for (const claims of [{ _claim_names: { groups: 'src1' }, _claim_sources: { src1: {} } }, { hasgroups: true }]) {
      plain.wrong = { claims };
      await expect(signIn(clientOf(plain))).rejects.toThrow(/leaves groups out.*app roles/);
    }
  });

  it('for a name with lines, or for values that are no texts', () => {
    const rules = settingsOf(plain);
    expect(personOf({ sub: '1', preferred_username: ' ada\r\n\u0000\u2028root ' }, rules).name).toBe('ada root');
    expect(personOf({ sub: '1', preferred_username: '\n', email: 7 }, rules).name).toBe('1');
    expect(personOf({ sub: '1', groups: ['a', 1, null, ['b'], { c: {} }] }, rules).values).toEqual(['a']);
    for (const groups of [7, true, null, {}, { a: 1, b: 'c', d: [] }])
      expect(personOf({ sub: '1', groups }, rules).values).toEqual([]);
    // A person whose one value is the star of the rules has no more than others.
    const { value } = readRoleRules('ops=admin') as { value: RoleRule[] };
    expect(ruleOf(value, ['*'])).toBeUndefined();
  });

  it('if a claim is inherited, or its path ends within a text', () => {
    expect(claimAt({}, '__proto__.x')).toBeUndefined();
    expect(claimAt({ a: 'text' }, 'a.length')).toBeUndefined();
    expect(claimAt({ 'a.b': { c: 1 }, a: { 'b.c': 2, b: { c: 3 } } }, 'a.b.c')).toBe(1);
    expect(claimAt({ 'a.b': {}, a: { 'b.c': 2, b: { c: 3 } } }, 'a.b.c')).toBe(2);
  });
});

describe('an ID token is refused', () => {
  it.each<[string, TestProvider['wrong'], string]>([
    [
      'for several audiences, and given to another of them',
      { claims: { aud: [CLIENT.id, 'other'], azp: 'other' } },
      'unexpected ID Token "azp"',
    ],
    [
      'for several audiences, without saying to which it was given',
      { claims: { aud: [CLIENT.id, 'other'] } },
      'additional untrusted audiences',
    ],
    ['for others only', { claims: { aud: ['other', 'account'], azp: CLIENT.id } }, 'unexpected JWT "aud"'],
    ['that is an access token (at+jwt)', { typ: 'at+jwt' }, 'of type "at+jwt"'],
    [
      'that is a message about the end of a session (logout+jwt)',
      { typ: 'application/Logout+JWT' },
      'of type "application/Logout+JWT"',
    ],
    ['without a time of its end', { claims: { exp: undefined } }, '"exp" (expiration time) claim missing'],
    ['without a time of its begin', { claims: { iat: undefined } }, '"iat" (issued at) claim missing'],
    ['without a subject', { claims: { sub: undefined } }, '"sub" (subject) claim missing'],
    ['that begins in two minutes', { claims: { nbf: Math.floor(Date.now() / 1000) + 120 } }, 'unexpected JWT "nbf"'],
    ['that ended two minutes ago', { claims: { exp: Math.floor(Date.now() / 1000) - 120 } }, 'expiration is past'],
  ])('%s', async (_what, wrong, reason) => {
    plain.wrong = wrong;
    expect(await reasonOf(signIn(clientOf(plain)))).toContain(reason);
  });

  it.each(['none', 'HS256'] as const)('signed by %s, also if the provider says that it does so', async (alg) => {
    plain.document = { id_token_signing_alg_values_supported: [...OF_KEYCLOAK, 'none'] };
    plain.wrong = { alg };
    expect(await reasonOf(signIn(clientOf(plain)))).toMatch(/unsupported JWS/);
  });

  it('signed by an algorithm of which the provider does not say that it uses it', async () => {
    await keycloak.rotate('ES256');
    expect(await reasonOf(signIn(clientOf(keycloak)))).toBe('unexpected JWT "alg" header parameter');
    await keycloak.rotate();
  });
});

it.each<Alg>(['RS256', 'PS256', 'ES256', 'EdDSA'])('an ID token is accepted that is signed by %s', async (alg) => {
  plain.document = { id_token_signing_alg_values_supported: [alg] };
  await plain.rotate(alg);
  expect((await signIn(clientOf(plain))).subject).toBe('ada-1');
  await plain.rotate();
});

it('clocks may differ by some seconds', async () => {
  const now = Math.floor(Date.now() / 1000);
  for (const claims of [{ iat: now + 20, nbf: now + 20 }, { exp: now - 20 }]) {
    plain.wrong = { claims };
    expect((await signIn(clientOf(plain))).subject).toBe('ada-1');
  }
});

it('keys are read anew for one that is not known, and once a minute at most', async () => {
  const client = clientOf(plain);
  const now = vi.spyOn(Date, 'now');
  const at = (seconds: number) => now.mockReturnValue(1_900_000_000_000 + seconds * 1000);
  at(0);
  await signIn(client);
  const before = plain.keysRead;
  await signIn(client);
  expect(plain.keysRead).toBe(before);
  await plain.rotate();
  // Tokens with keys of their own do not lead to a request each.
  for (const seconds of [10, 20, 30]) {
    at(seconds);
    expect(await reasonOf(signIn(client))).toContain('no applicable keys found');
  }
  expect(plain.keysRead).toBe(before);
  at(61);
  expect((await signIn(client)).subject).toBe('ada-1');
  expect(plain.keysRead).toBe(before + 1);
});

describe('a provider', () => {
  it('that calls itself otherwise is refused with both names', async () => {
    plain.document = { issuer: 'https://other.example' };
    await expect(signIn(clientOf(plain))).rejects.toThrow(
      `TASKER_OIDC_ISSUER is "${plain.issuer}", and the provider there calls itself "https://other.example"`,
    );
    // It is asked again, and not after an hour.
    const client = clientOf(plain);
    await expect(client.begin('')).rejects.toThrow('calls itself');
    plain.document = {};
    expect((await signIn(client)).subject).toBe('ada-1');
  });

  it('that goes away between begin and end is said to be away', async () => {
    plain.away = 'token';
    await expect(signIn(clientOf(plain))).rejects.toMatchObject({ code: 'OVERLOADED', status: 503 });
  });

  it('that refuses is quoted, for the log', async () => {
    const client = clientOf(plain);
    const { login } = await client.begin('');
    const back = new URLSearchParams({
      state: login.state,
      iss: plain.issuer,
      error: 'access_denied',
      error_description: 'AADSTS50105: not assigned',
    });
    await expect(client.end(`?${back}`, login)).rejects.toThrow('refuses: access_denied: AADSTS50105: not assigned');
    await expect(signIn(clientOf(plain, { oidcClientSecret: 'old' }))).rejects.toThrow('refuses: invalid_client');
  });
});
