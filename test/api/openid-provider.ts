import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterAll } from 'vitest';

export const CLIENT = { id: 'tasker', secret: 'a secret of the client' } as const;

/** What a provider does wrong, or somebody in its name. */
export interface Wrong {
  /** Over those of the ID token. */
  readonly claims?: JWTPayload;
  readonly alg?: 'none' | 'HS256';
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
  /** Requests for tokens that were granted. */
  granted: number;
}

interface Code {
  readonly challenge: string;
  readonly nonce: string;
  readonly redirect: string;
}

export async function openIdProvider(): Promise<TestProvider> {
  const keys = await generateKeyPair('RS256');
  const foreign = await generateKeyPair('RS256');
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'RS256', use: 'sig' };
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
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider: TestProvider = { issuer, person: { sub: '1' }, userinfo: {}, wrong: {}, granted: 0 };

  const documents: Record<string, () => object> = {
    '/.well-known/openid-configuration': () => ({
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      userinfo_endpoint: `${issuer}/userinfo`,
      jwks_uri: `${issuer}/jwks`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
    }),
    '/jwks': () => ({ keys: [jwk] }),
    '/userinfo': () => ({ sub: provider.person.sub, ...provider.userinfo }),
  };

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', issuer);
    const json = (body: object, status = 200): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (url.pathname === '/authorize') {
      const given = (name: string): string => url.searchParams.get(name) ?? '';
      const code = randomBytes(16).toString('hex');
      codes.set(code, { challenge: given('code_challenge'), nonce: given('nonce'), redirect: given('redirect_uri') });
      const to = new URL(given('redirect_uri'));
      for (const [name, value] of Object.entries({ code, state: given('state'), iss: issuer }))
        to.searchParams.set(name, value);
      response.writeHead(302, { location: to.href }).end();
      return;
    }
    if (url.pathname !== '/token') {
      json(documents[url.pathname]?.() ?? {}, documents[url.pathname] === undefined ? 404 : 200);
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
    const isClient = form.get('client_id') === CLIENT.id && form.get('client_secret') === CLIENT.secret;
    if (!isClient) json({ error: 'invalid_client' }, 401);
    else if (code?.challenge !== challenge || code.redirect !== form.get('redirect_uri'))
      json({ error: 'invalid_grant' }, 400);
    else {
      provider.granted += 1;
      json({ access_token: 'access', token_type: 'Bearer', id_token: await idToken(code.nonce) });
    }
  }

  async function idToken(nonce: string): Promise<string> {
    const { claims, alg, otherKey } = provider.wrong;
    const now = Math.floor(Date.now() / 1000);
    const payload = { iss: issuer, aud: CLIENT.id, iat: now, exp: now + 60, nonce, ...provider.person, ...claims };
    if (alg === 'none') {
      const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
      return `${part({ alg, typ: 'JWT' })}.${part(payload)}.`;
    }
    const token = new SignJWT(payload);
    if (alg === 'HS256') return token.setProtectedHeader({ alg }).sign(new TextEncoder().encode(CLIENT.secret));
    return token.setProtectedHeader({ alg: 'RS256', kid: 'one' }).sign((otherKey === true ? foreign : keys).privateKey);
  }
  return provider;
}
