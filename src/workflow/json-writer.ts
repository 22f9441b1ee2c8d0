import { types } from 'node:util';
import { jsonbKeys, jsonbNumber } from './jsonb-text.ts';
import { describeObject, whyOpaque } from './opaque-objects.ts';
import { storableText } from './storable-text.ts';

export interface StorableOptions {
  /** The longest JSON text, in bytes of UTF-8. */
  maxBytes: number;
  /** The name of the value in a reason; default `result`. */
  label?: string;
  /**
   * Only plain JSON: no Date, no `toJSON`, no undefined except as a member of an object, no class instances. For inputs,
   * whose type must not change on the way to the handler.
   */
  plainOnly?: boolean;
  /**
   * Writes the exact text that the database returns for this value as jsonb: members in its order, its spaces, its notation
   * of numbers. So readers of this text and readers of the database get the same. The bound does not count the spaces.
   */
  asJsonb?: boolean;
}

/** Kept before any handler runs: a handler may replace the methods of the global. */
const { stringify } = JSON;

/** Far below what PostgreSQL's stack (6,000 levels or so) and other languages' JSON libraries (1,000) can read. */
export const MAX_DEPTH = 500;

/** jsonb keeps the length of an array or object in 28 bits. */
const JSONB_MAX_BYTES = 2 ** 28 - 1;

/**
 * How many members may be visited: one for each allowed byte, at least this number. So values that write nothing (undefined
 * members of a shared object) end too.
 */
const MIN_VISITS = 1_000_000;

/** Internal to the writer: not an Error, so that it costs no stack trace. */
export class Refusal {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

interface Frame {
  readonly source: object;
  /** Undefined for an array. */
  readonly keys: readonly string[] | undefined;
  readonly length: number;
  index: number;
  wrote: boolean;
}

/** Iterative: the nesting of a value must not be able to overflow the stack. */
export class JsonWriter {
  readonly #maxBytes: number;
  readonly #label: string;
  readonly #plainOnly: boolean;
  readonly #asJsonb: boolean;
  readonly #comma: string;
  readonly #colon: string;
  readonly #frames: Frame[] = [];
  readonly #open = new Set<object>();
  #visitsLeft: number;
  #json = '';
  #bytes = 0;

  constructor(options: StorableOptions) {
    this.#maxBytes = Math.min(options.maxBytes, JSONB_MAX_BYTES);
    this.#label = options.label ?? 'result';
    this.#plainOnly = options.plainOnly ?? false;
    this.#asJsonb = options.asJsonb ?? false;
    this.#comma = this.#asJsonb ? ', ' : ',';
    this.#colon = this.#asJsonb ? ': ' : ':';
    this.#visitsLeft = Math.max(MIN_VISITS, this.#maxBytes);
  }

  write(root: unknown): string {
    if (!this.#value(root, '')) this.#text(this.#plainOnly ? this.#refuse('is undefined') : 'null');
    for (let frame = this.#frames.at(-1); frame !== undefined; frame = this.#frames.at(-1)) {
      if (frame.index === frame.length) {
        this.#text(frame.keys === undefined ? ']' : '}');
        this.#frames.pop();
        this.#open.delete(frame.source);
      } else {
        this.#member(frame);
      }
    }
    return this.#json;
  }

  /** The place of the current value: `result.items[3]["odd key"]`. */
  path(): string {
    const parts = this.#frames.map(({ keys, index }) => {
      if (keys === undefined) return `[${index - 1}]`;
      const key = keys[index - 1] as string;
      return /^[A-Za-z_$][\w$]{0,63}$/.test(key) ? `.${key}` : `[${JSON.stringify(storableText(key, 64))}]`;
    });
    const shown = parts.length > 12 ? [...parts.slice(0, 8), '...', ...parts.slice(-4)] : parts;
    return `${this.#label}${shown.join('')}`;
  }

  #member(frame: Frame): void {
    const index = frame.index++;
    if (--this.#visitsLeft < 0) this.#tooLarge();
    if (frame.keys === undefined) {
      if (index > 0) this.#text(this.#comma, 1);
      const item = (frame.source as readonly unknown[])[index];
      if (!this.#value(item, String(index))) this.#text(this.#plainOnly ? this.#refuse('is undefined') : 'null');
      return;
    }
    const key = frame.keys[index] as string;
    const value = (frame.source as Record<string, unknown>)[key];
    if (value === undefined) return;
    const before = this.#json;
    const bytesBefore = this.#bytes;
    if (frame.wrote) this.#text(this.#comma, 1);
    this.#string(key, 'has a key that');
    this.#text(this.#colon, 1);
    if (this.#value(value, key)) {
      frame.wrote = true;
    } else {
      // Its toJSON returned undefined: JSON.stringify leaves such a member out.
      this.#json = before;
      this.#bytes = bytesBefore;
    }
  }

  /** Writes a scalar or opens an array or object; false if the value is undefined. */
  #value(given: unknown, key: string): boolean {
    let value = given;
    if (typeof value === 'object' && value !== null) {
      if (types.isDate(value) && Number.isNaN(Date.prototype.getTime.call(value))) this.#refuse('is an invalid Date');
      const { toJSON } = value as { toJSON?: unknown };
      if (typeof toJSON === 'function') {
        if (this.#plainOnly) this.#refuse(`is ${describeObject(value)}, which is not JSON`);
        value = toJSON.call(value, key);
      }
      if (types.isBoxedPrimitive(value)) value = (value as { valueOf(): unknown }).valueOf();
    }
    switch (typeof value) {
      case 'undefined':
        return false;
      case 'string':
        this.#string(value, '');
        return true;
      case 'number':
        if (!Number.isFinite(value)) this.#refuse(`is ${value}, which JSON cannot express`);
        this.#text(this.#asJsonb ? jsonbNumber(value) : Object.is(value, -0) ? '0' : String(value));
        return true;
      case 'boolean':
        this.#text(String(value));
        return true;
      case 'object':
        if (value === null) this.#text('null');
        else this.#openObject(value);
        return true;
      default:
        return this.#refuse(`is a ${typeof value}, which JSON cannot express`);
    }
  }

  #openObject(source: object): void {
    if (this.#open.has(source)) this.#refuse('contains itself');
    if (this.#frames.length >= MAX_DEPTH) this.#refuse(`is nested deeper than ${MAX_DEPTH} levels`);
    if (Array.isArray(source)) {
      const length = Math.trunc(Math.min(Math.max(Number(source.length) || 0, 0), Number.MAX_SAFE_INTEGER));
      this.#push({ source, keys: undefined, length, index: 0, wrote: false });
      return;
    }
    const opaque = whyOpaque(source);
    if (opaque !== undefined) this.#refuse(opaque);
    const keys = Object.keys(source);
    const prototype: unknown = Object.getPrototypeOf(source);
    const isPlain = prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
    if (!isPlain && (keys.length === 0 || this.#plainOnly)) {
      this.#refuse(
        `is ${describeObject(source)}, ${this.#plainOnly ? 'which is not JSON' : 'of which JSON would keep nothing'}`,
      );
    }
    this.#visitsLeft -= keys.length;
    if (this.#visitsLeft < 0) this.#tooLarge();
    this.#push({ source, keys: this.#asJsonb ? jsonbKeys(keys) : keys, length: keys.length, index: 0, wrote: false });
  }

  #push(frame: Frame): void {
    this.#text(frame.keys === undefined ? '[' : '{');
    this.#frames.push(frame);
    this.#open.add(frame.source);
  }

  #string(text: string, which: string): void {
    // Every UTF-16 unit takes at least one byte: a giant text is refused before it is escaped.
    if (text.length > this.#maxBytes - this.#bytes) this.#tooLarge();
    const what = which === '' ? '' : `${which} `;
    if (text.includes('\u0000')) this.#refuse(`${what}contains the character \\u0000, which PostgreSQL cannot store`);
    if (!text.isWellFormed()) {
      this.#refuse(`${what}contains half of a surrogate pair, which PostgreSQL cannot store: use toWellFormed()`);
    }
    const json = stringify(text);
    this.#text(json, Buffer.byteLength(json));
  }

  #text(text: string, bytes = text.length): void {
    this.#bytes += bytes;
    if (!(this.#bytes <= this.#maxBytes)) this.#tooLarge();
    this.#json += text;
  }

  #tooLarge(): never {
    throw new Refusal(
      `${this.#label} is larger than ${this.#maxBytes} bytes of JSON: store it elsewhere and pass a reference`,
    );
  }

  #refuse(why: string): never {
    throw new Refusal(`${this.path()} ${why}`);
  }
}
