import { types } from 'node:util';
import { REDACTED } from '../redact.ts';
import { hidePasswords, isSecretName } from '../secrets.ts';

/** What a field may be when it is logged: plain data, with which no serializer and no redaction can fail. */
export type Loggable = string | number | boolean | null | Loggable[] | { [key: string]: Loggable };

/** Bounds of one line; a value that was cut shows how much is missing. Text is counted in UTF-16 units, before JSON's escapes. */
const MAX_LINE = 65_536;
const MAX_TEXT = 8192;
const MAX_VALUES = 2000;
const MAX_MEMBERS = 100;
const MAX_DEPTH = 8;
const MAX_CAUSES = 5;
const MAX_INNER_ERRORS = 3;

/**
 * A copy of fields as a log line can show them. It never throws, whatever getters, Proxy traps or `toJSON` the values have,
 * calls only getters and `toJSON`, and is bounded. Values under names of secrets, and passwords in URLs, are hidden at any
 * depth.
 */
export function loggableFields(fields: object): { [key: string]: Loggable } {
  const copy = new Copy().members(fields, 0);
  return typeof copy === 'object' && copy !== null && !Array.isArray(copy) ? copy : { value: copy };
}

export function loggableText(text: string): string {
  return hidePasswords(cut(text, MAX_TEXT));
}

/**
 * Also true for errors of another realm and for objects that only resemble one: a DOMException, or what a library throws
 * instead of an Error.
 */
export function isErrorLike(value: unknown): value is Error {
  if (typeof value !== 'object' || value === null) return false;
  return (
    types.isNativeError(value) ||
    (typeof read(value, 'stack') === 'string' && typeof read(value, 'message') === 'string')
  );
}

class Copy {
  private textLeft = MAX_LINE;
  private valuesLeft = MAX_VALUES;
  private readonly open = new Set<object>();

  /** Undefined for values that JSON leaves out too. */
  value(value: unknown, depth: number): Loggable | undefined {
    this.valuesLeft -= 1;
    switch (typeof value) {
      case 'string':
        return this.text(value);
      case 'number':
        return Number.isFinite(value) ? value : String(value);
      case 'boolean':
        return value;
      case 'bigint':
        return this.text(String(value));
      case 'symbol':
        return this.text(String(value));
      case 'function':
        return '[function]';
      case 'object':
        return value === null ? null : this.object(value, depth);
      default:
        return undefined;
    }
  }

  private object(value: object, depth: number): Loggable | undefined {
    if (this.open.has(value)) return '[circular]';
    if (depth >= MAX_DEPTH) return '[nested deeper]';
    this.open.add(value);
    try {
      return this.opened(value, depth);
    } catch (thrown) {
      return this.text(`[cannot be read: ${messageOf(thrown)}]`);
    } finally {
      this.open.delete(value);
    }
  }

  private opened(value: object, depth: number): Loggable | undefined {
    if (isErrorLike(value)) return this.error(value, 0);
    if (types.isArrayBufferView(value) || types.isAnyArrayBuffer(value))
      return `[binary data, ${value.byteLength} bytes]`;
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === 'function') {
      const json: unknown = toJSON.call(value, '');
      if (typeof json !== 'object' || json === null) return this.value(json, depth);
      return this.members(json, depth);
    }
    if (types.isMap(value)) return `[Map of ${value.size}]`;
    if (types.isSet(value)) return `[Set of ${value.size}]`;
    if (types.isBoxedPrimitive(value)) return this.value((value as { valueOf(): unknown }).valueOf(), depth);
    return this.members(value, depth);
  }

  /** Does not call `toJSON`: for the result of a `toJSON`, and for the fields of a line. */
  members(value: object, depth: number): Loggable {
    try {
      if (Array.isArray(value)) return this.items(value, depth);
      const keys = Object.keys(value);
      const copy: { [key: string]: Loggable } = {};
      let shown = 0;
      for (const key of keys) {
        if (shown >= MAX_MEMBERS || this.valuesLeft <= 0 || this.textLeft <= 0) {
          copy['...'] = `${keys.length - shown} more`;
          break;
        }
        shown += 1;
        this.textLeft -= key.length;
        const member = isSecretName(key) ? REDACTED : this.member(value, key, depth);
        if (member !== undefined) define(copy, cut(key, 200), member);
      }
      return keys.length === 0 && depth > 0 ? (className(value) ?? copy) : copy;
    } catch (thrown) {
      return this.text(`[cannot be read: ${messageOf(thrown)}]`);
    }
  }

  private member(value: object, key: string, depth: number): Loggable | undefined {
    try {
      return this.value((value as Record<string, unknown>)[key], depth + 1);
    } catch (thrown) {
      return this.text(`[cannot be read: ${messageOf(thrown)}]`);
    }
  }

  private items(list: readonly unknown[], depth: number): Loggable[] {
    const length = Number(list.length) || 0;
    const copy: Loggable[] = [];
    for (let index = 0; index < length; index += 1) {
      if (index >= MAX_MEMBERS || this.valuesLeft <= 0 || this.textLeft <= 0) {
        copy.push(`... ${length - index} more`);
        break;
      }
      copy.push(this.member(list, String(index), depth) ?? null);
    }
    return copy;
  }

  private error(error: object, level: number): Loggable {
    this.valuesLeft -= 1;
    const code = read(error, 'code');
    const cause = read(error, 'cause');
    const inner = read(error, 'errors');
    const described: { [key: string]: Loggable } = {
      name: this.text(textOr(read(error, 'name'), 'Error')),
      message: this.text(textOr(read(error, 'message'), '')),
    };
    if (typeof code === 'string' || typeof code === 'number') described['code'] = this.text(String(code));
    described['stack'] = this.text(textOr(read(error, 'stack'), ''));
    if (level >= MAX_CAUSES) return described;
    if (cause !== undefined && cause !== null) described['cause'] = this.reason(cause, level + 1);
    if (isList(inner)) {
      described['errors'] = Array.from({ length: Math.min(inner.length, MAX_INNER_ERRORS) }, (_, index) =>
        this.reason(read(inner, index), level + 1),
      );
    }
    return described;
  }

  private reason(reason: unknown, level: number): Loggable {
    if (!isErrorLike(reason)) return this.value(reason, MAX_DEPTH - 1) ?? 'undefined';
    if (this.open.has(reason)) return '[circular]';
    this.open.add(reason);
    const described = this.error(reason, level);
    this.open.delete(reason);
    return described;
  }

  private text(text: string): string {
    const shown = cut(text, Math.max(0, Math.min(MAX_TEXT, this.textLeft)));
    this.textLeft -= shown.length;
    return hidePasswords(shown);
  }
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}... (${text.length - most} more characters)` : text;
}

/** `[Response]`, for an object whose content is not in members of its own; undefined for a plain object. */
function className(value: object): string | undefined {
  const constructor = read(value, 'constructor');
  const name = typeof constructor === 'function' ? read(constructor, 'name') : undefined;
  return typeof name === 'string' && name !== '' && name !== 'Object' ? `[${cut(name, 64)}]` : undefined;
}

/** A member called `__proto__` is data. */
function define(target: object, key: string, value: Loggable): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

function read(value: object, key: PropertyKey): unknown {
  try {
    return (value as Record<PropertyKey, unknown>)[key];
  } catch {
    return undefined;
  }
}

function isList(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

function textOr(value: unknown, fallback: string): string {
  return typeof value === 'string' ? value : fallback;
}

function messageOf(thrown: unknown): string {
  const message = typeof thrown === 'object' && thrown !== null ? read(thrown, 'message') : thrown;
  return typeof message === 'string' ? cut(message, 200) : 'it threw no error';
}
