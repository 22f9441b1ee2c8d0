import type { Executor } from '../../db/connections/database.ts';
import { findApiKey } from '../../db/statements/api/keys.ts';
import { hasEndedSignIn } from '../../db/statements/api/sign-ins.ts';
import { isRole, type Permission, ROLES } from '../../permissions.ts';

/** What an operation needs of whoever is responsible for it. */
const NEEDED: Permission = 'bulk:operate';

/** What whoever is responsible for an operation may do now: of which namespaces (undefined: all), or why nothing. */
export type Authority = { namespaces: readonly string[] | undefined } | { why: string };

/**
 * Examines again what a principal may do, as the API would for a request of now: a key that was revoked, that has expired or that has another role
 * acts on nothing more. Principals that only the process in front of the API knows (a proxy) are what they were when they started it, and people unless somebody ended
 * their sign-in.
 */
export async function authorise(db: Executor, responsible: Responsible): Promise<Authority> {
  const { principal, namespaces } = responsible;
  const [, keyId] = /^key:(.+)$/.exec(principal ?? '') ?? [];
  if (keyId === undefined) return ofPerson(db, responsible);
  const [key] = await db.run(findApiKey, { key_id: keyId });
  if (key === undefined) return { why: `the key ${keyId} that started it is revoked or has expired` };
  const { role } = key;
  if (!isRole(role) || !(ROLES[role] as readonly string[]).includes(NEEDED))
    return { why: `the key ${keyId} that started it has the role ${role}, which may not do this` };
  return { namespaces: both(namespaces, key.namespaces) };
}

/**
 * A person whose sign-in somebody has ended since acts on nothing more, until that person has signed in anew and resumed it; one who signed
 * out, or whose time is over, has left it to run.
 */
async function ofPerson(
  db: Executor,
  { principal, namespaces, created_at: since, window_began_at: resumed_at }: Responsible,
): Promise<Authority> {
  const [, subject] = /^oidc:(.+)$/s.exec(principal ?? '') ?? [];
  if (subject !== undefined && (await db.run(hasEndedSignIn, { subject, since, resumed_at }))[0]?.ended === true)
    return { why: `the sign-in of the person who started it was ended (${subject})` };
  return { namespaces: namespaces ?? undefined };
}

interface Responsible {
  readonly principal: string | null;
  readonly namespaces: readonly string[] | null;
  readonly created_at: Date;
  /** Its start, or when it was resumed after a stop. */
  readonly window_began_at: Date;
}

/** The namespaces that are in both; null: all. */
function both(a: readonly string[] | null, b: readonly string[] | null): readonly string[] | undefined {
  if (a === null || b === null) return a ?? b ?? undefined;
  return a.filter((namespace) => b.includes(namespace));
}
