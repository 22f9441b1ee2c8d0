import type * as OpenIdClient from 'openid-client';
import type { Config } from '../../../config/config.ts';
import { Problem } from '../../problem.ts';
import { claimAt, type Claims, type Person, personOf } from './claims.ts';
import { discover } from './discover.ts';
import type { LoginState } from './login-state.ts';

/** What is read of the configuration. */
export type OidcSettings = Pick<
  Config,
  | 'apiPublicUrl'
  | 'oidcIssuer'
  | 'oidcClientId'
  | 'oidcClientSecret'
  | 'oidcClientSecretFile'
  | 'oidcScopes'
  | 'oidcRolesClaim'
  | 'oidcNameClaim'
  | 'oidcTenants'
>;

/** What a provider says about itself is read anew after this time; its keys are read when a signature needs one. */
const KNOWN_MS = 3_600_000;

/**
 * The OpenID provider, by the authorization code flow with PKCE. The library is loaded by the first who signs in. Signatures of ID tokens
 * are checked, although they come from the provider itself: TLS may end before this process.
 */
export class OidcProvider {
  private readonly settings: OidcSettings;
  private known: { provider: Promise<OpenIdClient.Configuration>; until: number } | undefined;

  constructor(settings: OidcSettings) {
    this.settings = settings;
  }

  /** Where to send a browser, and what to remember of it. Throws Problem if the provider cannot be reached. */
  async begin(to: string): Promise<{ url: string; login: LoginState }> {
    const openid = await import('openid-client');
    const provider = await this.provider(openid);
    const verifier = openid.randomPKCECodeVerifier();
    const login = { state: openid.randomState(), nonce: openid.randomNonce(), verifier, to };
    const url = openid.buildAuthorizationUrl(provider, {
      redirect_uri: this.callback,
      scope: this.settings.oidcScopes,
      state: login.state,
      nonce: login.nonce,
      code_challenge: await openid.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    return { url: url.href, login };
  }

  /** Who has come back. `search`: the query of the request. Throws RefusedSignIn, or what the library throws if anything is not as it began. */
  async end(search: string, login: LoginState): Promise<Person> {
    const openid = await import('openid-client');
    const provider = await this.provider(openid);
    // By the address of the configuration: nothing of the request but its query counts.
    const tokens = await openid
      .authorizationCodeGrant(provider, new URL(`${this.callback}${search}`), {
        pkceCodeVerifier: login.verifier,
        expectedState: login.state,
        expectedNonce: login.nonce,
        idTokenExpected: true,
      })
      .catch(explained);
    checkType(tokens.id_token ?? '');
    const claims = tokens.claims() as Claims;
    const { oidcRolesClaim, oidcNameClaim } = this.settings;
    const lacks = claimAt(claims, oidcRolesClaim) === undefined || claimAt(claims, oidcNameClaim) === undefined;
    // Some providers keep an ID token short, and have the rest at another address.
    const more =
      lacks && provider.serverMetadata().userinfo_endpoint !== undefined
        ? await openid.fetchUserInfo(provider, tokens.access_token, claims.sub).catch(explained)
        : {};
    return personOf({ ...more, ...claims }, this.settings);
  }

  private get callback(): string {
    return `${String(this.settings.apiPublicUrl).replace(/\/$/, '')}/ui/login/callback`;
  }

  private provider(openid: typeof OpenIdClient): Promise<OpenIdClient.Configuration> {
    const now = performance.now();
    if (this.known !== undefined && this.known.until > now) return this.known.provider;
    const known = { provider: discover(openid, this.settings), until: now + KNOWN_MS };
    this.known = known;
    // Whoever tries next asks again.
    known.provider.catch(() => {
      if (this.known === known) this.known = undefined;
    });
    return known.provider;
  }
}

/** `at+jwt`, `logout+jwt` and the like say that a token is for something else than to sign in. */
function checkType(token: string): void {
  const header = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { typ?: unknown };
  if (typeof header.typ === 'string' && header.typ.toLowerCase().endsWith('+jwt'))
    throw new Error(`the provider sent a token of type ${JSON.stringify(header.typ)} as an ID token`);
}

/** What the library throws, in a form that says whether to sign in once more may help, and what the provider itself said. */
function explained(error: unknown): never {
  const { code, error: named, error_description: detail } = error as Record<string, unknown>;
  if (error instanceof TypeError || code === 'OAUTH_TIMEOUT')
    throw new Problem('OVERLOADED', 'the OpenID provider cannot be reached', { cause: error });
  if (typeof named !== 'string') throw error;
  throw new Error(
    `the OpenID provider refuses: ${named}${typeof detail === 'string' ? `: ${detail.slice(0, 500)}` : ''}`,
    {
      cause: error,
    },
  );
}
