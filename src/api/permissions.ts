import { type Permission, type RoleName, ROLES } from '../permissions.ts';

export { isRole, type Permission, PERMISSIONS, type RoleName, ROLES } from '../permissions.ts';

/** Who asks. */
export interface Principal {
  /** Unique: `key:4f...`, `proxy:ada`, `local`. */
  readonly id: string;
  /** The `by` of what it does. */
  readonly name: string;
  readonly role: RoleName;
  readonly permissions: ReadonlySet<Permission>;
  /** Undefined: all. */
  readonly namespaces: readonly string[] | undefined;
}

export function principalOf(given: {
  id: string;
  name: string;
  role: RoleName;
  payload?: boolean;
  namespaces?: readonly string[] | undefined;
}): Principal {
  const { id, name, role, payload = false, namespaces } = given;
  return { id, name, role, permissions: permissionsOf(role, payload), namespaces };
}

/** One set for all who have the same. */
const sets = new Map<string, ReadonlySet<Permission>>();

function permissionsOf(role: RoleName, payload: boolean): ReadonlySet<Permission> {
  const key = `${role} ${payload}`;
  let permissions = sets.get(key);
  if (permissions === undefined) {
    permissions = new Set<Permission>(payload ? [...ROLES[role], 'payload:read'] : ROLES[role]);
    sets.set(key, permissions);
  }
  return permissions;
}
