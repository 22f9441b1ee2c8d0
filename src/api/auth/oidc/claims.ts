import type { Config } from '../../../config/config.ts';
import { isRecord } from '../../../workflow/step-options.ts';
import { RefusedSignIn } from './refused-sign-in.ts';

/** What a provider says of somebody, in an ID token or at its address for user information. */
export type Claims = Readonly<Record<string, unknown>> & { readonly sub: string };

/** Somebody whom the provider knows. */
export interface Person {
  /** For ever the same, and nobody else's with this issuer. */
  readonly subject: string;
  /** As people call them. */
  readonly name: string;
  /** What is in the claim of the roles. */
  readonly values: readonly string[];
}

/** Which claims count, and of whom. */
type Rules = Pick<Config, 'oidcRolesClaim' | 'oidcNameClaim' | 'oidcTenants'>;

/** For the history and the audit. */
const MOST_CHARACTERS = 200;

/**
 * By a dotted path, such as `realm_access.roles`. Names may have dots themselves, at each level (a URL, or a client such as
 * `tasker.example` in `resource_access.tasker.example.roles`): the longest one that is there is taken first.
 */
export function claimAt(claims: Readonly<Record<string, unknown>>, path: string): unknown {
  const names = path.split('.');
  for (let length = names.length; length > 0; length -= 1) {
    const name = names.slice(0, length).join('.');
    if (!Object.hasOwn(claims, name)) continue;
    const value = claims[name];
    if (length === names.length) return value;
    const found = isRecord(value) ? claimAt(value, names.slice(length).join('.')) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Throws RefusedSignIn if what is said of somebody is not to be relied on. */
export function personOf(claims: Claims, rules: Rules): Person {
  const { oidcRolesClaim, oidcNameClaim } = rules;
  const given = claimAt(claims, oidcRolesClaim);
  if (given === undefined && leavesOut(claims, oidcRolesClaim)) {
    throw new RefusedSignIn(
      claims.sub,
      `the provider leaves ${oidcRolesClaim} out of the ID token, because this person has too many of them: have it send those alone that are assigned to the application, or use app roles`,
    );
  }
  // Whoever registers at a provider can give the address of somebody else.
  if (oidcRolesClaim === 'email' && given !== undefined && !isVerified(claims)) {
    throw new RefusedSignIn(
      claims.sub,
      'TASKER_OIDC_ROLES_CLAIM is email, and the provider does not say that it has verified the address (email_verified): use roles or groups',
    );
  }
  const email = isUnverified(claims) ? undefined : claims['email'];
  const called = oidcNameClaim === 'email' ? email : claimAt(claims, oidcNameClaim);
  const name = [called, email, claims.sub].map(nameIn).find((each) => each !== '') ?? claims.sub;
  return { subject: subjectOf(claims, rules), name, values: valuesIn(given) };
}

/** One text, a list of texts, or an object that has the roles as names and says of each where it comes from. */
function valuesIn(given: unknown): string[] {
  if (Array.isArray(given)) return given.filter((each) => typeof each === 'string');
  if (typeof given === 'string') return [given];
  return isRecord(given) ? Object.keys(given).filter((name) => isRecord(given[name])) : [];
}

/** Of one organisation, a subject is nobody else's. Of several, only together with the organisation. */
function subjectOf({ sub, tid }: Claims, { oidcTenants }: Rules): string {
  if (oidcTenants === undefined) return sub;
  if (typeof tid !== 'string' || !oidcTenants.includes(tid.toLowerCase())) {
    throw new RefusedSignIn(
      sub,
      `the person is of tenant ${JSON.stringify(tid ?? null)}, which TASKER_OIDC_TENANTS does not have`,
    );
  }
  return `${tid.toLowerCase()}/${sub}`;
}

/** Microsoft Entra names more than 200 groups at another address only. */
function leavesOut(claims: Claims, path: string): boolean {
  const names = claims['_claim_names'];
  return (isRecord(names) && Object.hasOwn(names, path)) || (path === 'groups' && claims['hasgroups'] === true);
}

/** Some providers write the truth as a text. */
const isVerified = ({ email_verified: verified }: Claims): boolean => verified === true || verified === 'true';
const isUnverified = (claims: Claims): boolean => claims['email_verified'] !== undefined && !isVerified(claims);

/** On one line. Empty: there is none. */
const nameIn = (given: unknown): string =>
  typeof given === 'string'
    ? given
        .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
        .trim()
        .slice(0, MOST_CHARACTERS)
    : '';
