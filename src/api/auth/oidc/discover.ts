import { readFile } from 'node:fs/promises';
import type * as OpenIdClient from 'openid-client';
import type { Config } from '../../../config/config.ts';
import { Problem } from '../../problem.ts';

type Settings = Pick<
  Config,
  'oidcIssuer' | 'oidcClientId' | 'oidcClientSecret' | 'oidcClientSecretFile' | 'oidcTenants'
>;

const TIMEOUT_SECONDS = 10;
/** In the issuer of Microsoft Entra for many tenants. */
const ANY_TENANT = '{tenantid}';

/** What the provider says about itself. Throws Problem, whose detail says what is wrong with it or with the configuration. */
export async function discover(openid: typeof OpenIdClient, settings: Settings): Promise<OpenIdClient.Configuration> {
  const { oidcIssuer, oidcClientSecret, oidcClientSecretFile, oidcTenants } = settings;
  const secret =
    oidcClientSecretFile === undefined ? oidcClientSecret : (await readFile(oidcClientSecretFile, 'utf8')).trim();
  const provider = await namedAsConfigured(openid, settings, secret);
  const { issuer } = provider.serverMetadata();
  // The configuration knows the address of Microsoft; the library believes every tenant, each of which gives its own people roles.
  if (issuer.includes(ANY_TENANT) && oidcTenants === undefined)
    throw unusable(
      `TASKER_OIDC_ISSUER: ${JSON.stringify(oidcIssuer)} is for every tenant: name the one tenant in it, or list those that may sign in in TASKER_OIDC_TENANTS`,
    );
  return provider;
}

/** Some names of issuers end in a slash, and which do is forgotten easily: the provider decides. */
async function namedAsConfigured(
  openid: typeof OpenIdClient,
  settings: Settings,
  secret: string | undefined,
): Promise<OpenIdClient.Configuration> {
  const issuer = new URL(settings.oidcIssuer as string);
  try {
    return await ask(openid, issuer, settings, secret);
  } catch (error) {
    const named = nameIn(error);
    if (named === undefined) throw new Problem('OVERLOADED', 'the OpenID provider cannot be reached', { cause: error });
    if (withoutSlash(named) === withoutSlash(issuer.href)) return ask(openid, new URL(named), settings, secret);
    throw unusable(
      `TASKER_OIDC_ISSUER is ${JSON.stringify(settings.oidcIssuer)}, and the provider there calls itself ${JSON.stringify(named)}: set it to that, if that is the provider`,
    );
  }
}

async function ask(
  openid: typeof OpenIdClient,
  issuer: URL,
  { oidcClientId }: Settings,
  secret: string | undefined,
): Promise<OpenIdClient.Configuration> {
  // The configuration accepts http for this machine alone.
  const insecure = issuer.protocol === 'http:' ? [openid.allowInsecureRequests] : [];
  return openid.discovery(issuer, oidcClientId as string, {}, clientOf(openid, secret), {
    timeout: TIMEOUT_SECONDS,
    execute: [openid.enableNonRepudiationChecks, ...insecure],
  });
}

/** How this API proves that it is the client: as the provider takes it, which may be one way alone. */
function clientOf(openid: typeof OpenIdClient, secret: string | undefined): OpenIdClient.ClientAuth {
  // Without a secret the client is a public one, which PKCE protects.
  if (secret === undefined) return openid.None();
  const [post, basic] = [openid.ClientSecretPost(secret), openid.ClientSecretBasic(secret)];
  return (...request) => {
    // What a provider takes that does not say so.
    const { token_endpoint_auth_methods_supported: taken = ['client_secret_basic'] } = request[0];
    (taken.includes('client_secret_post') ? post : basic)(...request);
  };
}

/** How a provider calls itself that is not called as was asked for. */
function nameIn(error: unknown): string | undefined {
  const { code, cause } = error as { code?: unknown; cause?: { attribute?: unknown; body?: { issuer?: unknown } } };
  const isName = code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED' && cause?.attribute === 'issuer';
  return isName && typeof cause.body?.issuer === 'string' ? cause.body.issuer : undefined;
}

const withoutSlash = (text: string): string => text.replace(/\/$/, '');

const unusable = (detail: string): Problem => new Problem('OVERLOADED', detail);
