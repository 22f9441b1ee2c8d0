import { storableText } from './storable-text.ts';
import { toStorableJson } from './to-storable-json.ts';

const PREVIEW_LENGTH = 60;

/** A value as an error message shows it: one short line, whatever the value is. Never throws. */
export function preview(value: unknown, maxLength = PREVIEW_LENGTH): string {
  switch (typeof value) {
    case 'undefined':
      return 'undefined';
    case 'bigint':
      return storableText(`${value}n`, maxLength);
    case 'symbol':
      return 'a symbol';
    case 'function':
      return 'a function';
    case 'string':
      // Cut first: a text of megabytes is not worth escaping.
      return value.length > maxLength
        ? `${JSON.stringify(storableText(value.slice(0, maxLength), maxLength))}... (${value.length - maxLength} more characters)`
        : JSON.stringify(storableText(value, maxLength));
    case 'object': {
      if (value === null) return 'null';
      const text = toStorableJson(value, { maxBytes: 4 * maxLength });
      return storableText(text.ok ? text.json : outline(value), maxLength);
    }
    default:
      return String(value);
  }
}

/** The outline of an object that is too large to show, or is not JSON. */
function outline(value: object): string {
  if (isArray(value)) return 'an array';
  try {
    const keys = Object.keys(value).slice(0, 10);
    const names = keys.map((key) => (/^[\w$-]{1,40}$/.test(key) ? key : JSON.stringify(storableText(key, 40))));
    return names.length === 0 ? 'an object' : `an object with ${names.join(', ')}`;
  } catch {
    return 'an object';
  }
}

/** Array.isArray throws for a revoked Proxy. */
export function isArray(value: unknown): value is unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}
