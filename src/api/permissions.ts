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
  const permissions = new Set<Permission>(ROLES[role]);
  if (payload) permissions.add('payload:read');
  return { id, name, role, permissions, namespaces };
}
