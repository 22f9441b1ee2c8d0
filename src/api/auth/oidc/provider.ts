import { readFile } from 'node:fs/promises';
import type * as OpenIdClient from 'openid-client';
import type { Config } from '../../../config/config.ts';
import { Problem } from '../../problem.ts';
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
>;

/** Somebody whom the provider knows. */
export interface Person {
  /** For ever the same, and nobody else's with this issuer. */
  readonly subject: string;
  /** As people call them. */
  readonly name: string;
  /** What is in the claim of the roles. */
  readonly values: readonly string[];
}

const TIMEOUT_SECONDS = 10;
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

  /** Who has come back. `search`: the query of the request. Throws what the library throws if anything is not as it began. */
  async end(search: string, login: LoginState): Promise<Person> {
    const openid = await import('openid-client');
    const provider = await this.provider(openid);
    // By the address of the configuration: nothing of the request but its query counts.
    const tokens = await openid.authorizationCodeGrant(provider, new URL(`${this.callback}${search}`), {
      pkceCodeVerifier: login.verifier,
      expectedState: login.state,
      expectedNonce: login.nonce,
      idTokenExpected: true,
    });
    const claims = tokens.claims() as Record<string, unknown> & { sub: string };
    const { oidcRolesClaim, oidcNameClaim } = this.settings;
    const lacks = claimAt(claims, oidcRolesClaim) === undefined || claimAt(claims, oidcNameClaim) === undefined;
    // Some providers keep an ID token short, and have the rest at another address.
    const all =
      lacks && provider.serverMetadata().userinfo_endpoint !== undefined
        ? { ...(await openid.fetchUserInfo(provider, tokens.access_token, claims.sub)), ...claims }
        : claims;
    return personOf(all, oidcRolesClaim, oidcNameClaim);
  }

  private get callback(): string {
    return `${String(this.settings.apiPublicUrl).replace(/\/$/, '')}/ui/login/callback`;
  }

  private provider(openid: typeof OpenIdClient): Promise<OpenIdClient.Configuration> {
    const now = performance.now();
    if (this.known !== undefined && this.known.until > now) return this.known.provider;
    const provider = this.discover(openid).catch((error: unknown) => {
      // Whoever tries next asks again.
      this.known = undefined;
      throw new Problem('OVERLOADED', 'the OpenID provider cannot be reached', { cause: error });
    });
    this.known = { provider, until: now + KNOWN_MS };
    return provider;
  }

  private async discover(openid: typeof OpenIdClient): Promise<OpenIdClient.Configuration> {
    const { oidcIssuer, oidcClientId, oidcClientSecret, oidcClientSecretFile } = this.settings;
    const issuer = new URL(oidcIssuer as string);
    const secret =
      oidcClientSecretFile === undefined ? oidcClientSecret : (await readFile(oidcClientSecretFile, 'utf8')).trim();
    const provider = await openid.discovery(
      issuer,
      oidcClientId as string,
      {},
      // Without a secret the client is a public one, which PKCE protects.
      secret === undefined ? openid.None() : openid.ClientSecretPost(secret),
      {
        timeout: TIMEOUT_SECONDS,
        // The configuration accepts http for this machine alone.
        execute: [
          openid.enableNonRepudiationChecks,
          ...(issuer.protocol === 'http:' ? [openid.allowInsecureRequests] : []),
        ],
      },
    );
    return provider;
  }
}

/** By a dotted path, such as `realm_access.roles`. A name that has dots itself, such as a URL, is taken first. */
export function claimAt(claims: Readonly<Record<string, unknown>>, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  let value: unknown = claims;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

function personOf(
  claims: Readonly<Record<string, unknown>> & { sub: string },
  rolesClaim: string,
  nameClaim: string,
): Person {
  const given = claimAt(claims, rolesClaim);
  const list: readonly unknown[] = Array.isArray(given) ? given : given === undefined ? [] : [given];
  const values = list.filter((each) => typeof each === 'string');
  // An address that the provider has not seen to be theirs could be anybody's.
  const email = claims['email_verified'] === false ? undefined : claims['email'];
  const named = [claimAt(claims, nameClaim), email, claims.sub].find(
    (each) => typeof each === 'string' && each.trim() !== '',
  ) as string;
  return { subject: claims.sub, name: named.trim().slice(0, 200), values };
}
