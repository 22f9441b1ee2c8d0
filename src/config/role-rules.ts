import { isRole, type RoleName, ROLES } from '../permissions.ts';
import type { Read } from './readers.ts';

/** What people may do who have a value in the claim of their roles. */
export interface RoleRule {
  /** `*`: everybody who signs in. */
  readonly value: string;
  readonly role: RoleName;
  /** Whether they may read inputs, results and the messages of errors. */
  readonly payload: boolean;
  /** The only namespaces that they may see; undefined: all. */
  readonly namespaces: readonly string[] | undefined;
}

/** `tasker-admins=admin, ops=operator+payload, shop-team=operator@shop|office, *=viewer`. */
export function readRoleRules(text: string): Read<RoleRule[]> {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const rules: RoleRule[] = [];
  const problems: string[] = [];
  for (const part of parts) {
    // Of a value that has one itself, such as a distinguished name.
    const at = part.lastIndexOf('=');
    const value = part.slice(0, Math.max(0, at)).trim();
    const [, role = '', payload, names] = /^([a-z]+)(\+payload)?(?:@(.*))?$/.exec(part.slice(at + 1).trim()) ?? [];
    const namespaces = names?.split('|').map((name) => name.trim());
    if (at < 0 || value === '') problems.push(`has ${JSON.stringify(part)}, which is no value=role`);
    else if (!isRole(role))
      problems.push(`has ${JSON.stringify(part)}, whose role is none of ${Object.keys(ROLES).join(', ')}`);
    else if (namespaces?.some((name) => name === '') === true)
      problems.push(`has ${JSON.stringify(part)}, in which a namespace is empty`);
    else if (rules.some((rule) => rule.value === value))
      problems.push(`has ${JSON.stringify(value)} twice: the first that fits counts`);
    else rules.push({ value, role, payload: payload !== undefined || role === 'admin', namespaces });
  }
  if (rules.length === 0 && problems.length === 0) problems.push('has no value=role');
  return problems.length > 0 ? { problems } : { value: rules };
}

/** The first rule that fits, in the order of the setting: it decides alone, so that no two of them add up to more. */
export const ruleOf = (rules: readonly RoleRule[], values: readonly string[]): RoleRule | undefined =>
  rules.find(({ value }) => value === '*' || values.includes(value));
