import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterAll } from 'vitest';

export const CLIENT = { id: 'tasker', secret: 'a secret of the client' } as const;

/** What a provider does wrong, or somebody in its name. */
export interface Wrong {
  /** Over those of the ID token; undefined leaves one out. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly alg?: 'none' | 'HS256';
  /** Of the header of the ID token. */
  readonly typ?: string;
  /** Signed by a key that the provider does not have. */
  readonly otherKey?: boolean;
}

/** An OpenID provider on the loopback address, at which everybody is signed in already. */
export interface TestProvider {
  readonly issuer: string;
  /** Of whoever signs in next. */
  person: JWTPayload & { sub: string };
  /** At the address for user information alone. */
  userinfo: JWTPayload;
  wrong: Wrong;
  /** Over what it says about itself; undefined leaves something out. */
  document: Readonly<Record<string, unknown>>;
  /** How clients prove who they are. */
  takes: 'client_secret_post' | 'client_secret_basic';
  /** What it does not answer. */
  away: 'token' | undefined;
  /** Requests for its keys. */
  keysRead: number;
  /** Signs with a new key from now on, and forgets the one before. */
  rotate(alg?: Alg): Promise<void>;
}

export type Alg = 'RS256' | 'PS256' | 'ES256' | 'EdDSA';

interface Code {
  readonly challenge: string;
  readonly nonce: string;
  readonly redirect: string;
}

async function signingKey(alg: Alg) {
  const { privateKey, publicKey } = await generateKeyPair(alg);
  const kid = randomBytes(4).toString('hex');
  return { alg, kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

/** `at`: a path at which the provider is, with what its name ends in. */
export async function openIdProvider(at = ''): Promise<TestProvider> {
  let key = await signingKey('RS256');
  const foreign = await generateKeyPair('RS256');
  // As Keycloak has one, which is never for signatures.
  const encryption = await exportJWK((await generateKeyPair('RSA-OAEP')).publicKey);
  const codes = new Map<string, Code>();

  const server = createServer((request, response) => {
    void respond(request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  afterAll(() => server.close());
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}${at}`;
  const base = issuer.replace(/\/$/, '');
  const provider: TestProvider = {
    issuer,
    person: { sub: '1' },
    userinfo: {},
    wrong: {},
    document: {},
    takes: 'client_secret_post',
    away: undefined,
    keysRead: 0,
    async rotate(alg = 'RS256') {
      key = await signingKey(alg);
    },
  };

  const documents: Record<string, () => object> = {
    '/.well-known/openid-configuration': () => ({
      issuer,
      authorization_endpoint: `${base}/authorize`,
      token_endpoint: `${base}/token`,
      userinfo_endpoint: `${base}/userinfo`,
      jwks_uri: `${base}/jwks`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      ...provider.document,
    }),
    '/jwks': () => {
      provider.keysRead += 1;
      return { keys: [{ ...encryption, kid: 'enc', alg: 'RSA-OAEP', use: 'enc' }, key.jwk] };
    },
    '/userinfo': () => ({ sub: provider.person.sub, ...provider.userinfo }),
  };

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', issuer);
    const json = (body: object, status = 200): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    const path = url.pathname.slice(at.replace(/\/$/, '').length);
    if (path === '/authorize') {
      const given = (name: string): string => url.searchParams.get(name) ?? '';
      const code = randomBytes(16).toString('hex');
      codes.set(code, { challenge: given('code_challenge'), nonce: given('nonce'), redirect: given('redirect_uri') });
      const to = new URL(given('redirect_uri'));
      const { authorization_response_iss_parameter_supported: namesItself = true } = provider.document;
      const iss = namesItself === true ? { iss: issuer } : {};
      for (const [name, value] of Object.entries({ code, state: given('state'), ...iss }))
        to.searchParams.set(name, value);
      response.writeHead(302, { location: to.href }).end();
      return;
    }
    if (path !== '/token') {
      json(documents[path]?.() ?? {}, documents[path] === undefined ? 404 : 200);
      return;
    }
    if (provider.away === 'token') {
      request.socket.destroy();
      return;
    }
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const form = new URLSearchParams(body);
    const code = codes.get(form.get('code') ?? '');
    codes.delete(form.get('code') ?? '');
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    const isClient =
      provider.takes === 'client_secret_post'
        ? form.get('client_id') === CLIENT.id && form.get('client_secret') === CLIENT.secret
        : request.headers.authorization ===
          `Basic ${btoa(`${CLIENT.id}:${encodeURIComponent(CLIENT.secret).replaceAll('%20', '+')}`)}`;
    if (!isClient) json({ error: 'invalid_client' }, 401);
    else if (code?.challenge !== challenge || code.redirect !== form.get('redirect_uri'))
      json({ error: 'invalid_grant' }, 400);
    else {
      json({ access_token: 'access', token_type: 'Bearer', id_token: await idToken(code.nonce) });
    }
  }

  async function idToken(nonce: string): Promise<string> {
    const { claims, alg, typ, otherKey } = provider.wrong;
    const now = Math.floor(Date.now() / 1000);
    const payload = { iss: issuer, aud: CLIENT.id, iat: now, exp: now + 60, nonce, ...provider.person, ...claims };
    if (alg === 'none') {
      const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
      return `${part({ alg, typ: 'JWT' })}.${part(payload)}.`;
    }
    const token = new SignJWT(payload);
    const header = typ === undefined ? {} : { typ };
    if (alg === 'HS256') return token.setProtectedHeader({ alg }).sign(new TextEncoder().encode(CLIENT.secret));
    return token
      .setProtectedHeader({ alg: key.alg, kid: key.kid, ...header })
      .sign(otherKey === true ? foreign.privateKey : key.privateKey);
  }
  return provider;
}
