import { isSecretName } from '../secrets.ts';
import { jsonSchemaOf } from './input-json-schema.ts';
import type { StandardSchema } from './standard-schema.ts';
import { isRecord } from './step-options.ts';

/** The keys to a value of an input, from the outside in. */
export type InputPath = readonly PropertyKey[];

/** Schemas may refer to themselves. */
const MAX_NODES = 1000;

/**
 * Whether the value at this path is a secret: by a name on the path, or by `writeOnly: true` or `format: password` in the
 * JSON Schema of the input (zod: `.meta({ writeOnly: true })`). Never throws. Meant for messages: it converts the schema each
 * time.
 */
export function isSecretAt(schema: StandardSchema, path: InputPath): boolean {
  if (path.some((key) => typeof key === 'string' && isSecretName(key))) return true;
  try {
    const root = jsonSchemaOf(schema);
    return isRecord(root) && new SecretSearch(root).isSecret(root, path);
  } catch {
    // A schema that cannot be converted marks nothing as secret.
    return false;
  }
}

class SecretSearch {
  private readonly root: Record<string, unknown>;
  private nodesLeft = MAX_NODES;

  constructor(root: Record<string, unknown>) {
    this.root = root;
  }

  isSecret(node: unknown, path: InputPath): boolean {
    if (!isRecord(node) || --this.nodesLeft < 0) return false;
    if (node['writeOnly'] === true || node['format'] === 'password') return true;
    const same = [this.referred(node['$ref']), ...lists(node, 'allOf', 'anyOf', 'oneOf')];
    if (same.some((other) => this.isSecret(other, path))) return true;
    const [key, ...rest] = path;
    return key !== undefined && members(node, key).some((member) => this.isSecret(member, rest));
  }

  /** `#/$defs/Card`, and `#` for the whole. */
  private referred(reference: unknown): unknown {
    if (typeof reference !== 'string' || !reference.startsWith('#')) return undefined;
    let node: unknown = this.root;
    for (const part of reference.slice(1).split('/').slice(1)) {
      const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
      node = isRecord(node) && Object.hasOwn(node, key) ? node[key] : undefined;
    }
    return node;
  }
}

function members(node: Record<string, unknown>, key: PropertyKey): unknown[] {
  const { properties, patternProperties, additionalProperties, items, additionalItems } = node;
  const name = String(key);
  const named = isRecord(properties) && Object.hasOwn(properties, name) ? [properties[name]] : [];
  const patterns = isRecord(patternProperties) ? Object.values(patternProperties) : [];
  return [...named, ...patterns, additionalProperties, items, additionalItems, ...lists(node, 'prefixItems', 'items')];
}

function lists(node: Record<string, unknown>, ...keys: string[]): unknown[] {
  return keys.flatMap((key) => (Array.isArray(node[key]) ? (node[key] as unknown[]) : []));
}
