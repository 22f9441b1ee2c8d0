import { isArray, preview } from './preview.ts';
import { storableBytes } from './storable-text.ts';

/**
 * An error as it is stored with the transition of its step: every text cut to a bound, less than 65,536 bytes of JSON in all. Errors
 * that the engine writes itself (a time limit, a crash) have a name and a message.
 */
export interface StoredError {
  name: string;
  message: string;
  stack?: string;
  code?: string;
  /** The first causes, and then the innermost one. */
  cause?: StoredError;
  /** How many causes between this one and its `cause` are left out. */
  causesLeftOut?: number;
  /** Of an AggregateError: the first of its errors. */
  errors?: StoredError[];
  /** A note of the engine, such as a `retryAfter` that could not be read. */
  note?: string;
  /** The same for failures with one cause (`fingerprint.ts`); only of the error itself, not of its causes. */
  fingerprint?: string;
}

/** Bounds of each text, in bytes of UTF-8, before the note that says how much is missing. */
const MAX_NAME = 128;
const MAX_MESSAGE = 4096;
const MAX_STACK = 8192;
/** Bound of the message and of the stack of a cause or inner error. */
const MAX_PART = 2048;
/** Besides these, the innermost cause is described. */
const MAX_CAUSES = 5;
const MAX_INNER_ERRORS = 3;
/** Bound of all parts that are described: causes of inner errors, inner errors of causes. */
const MAX_PARTS = 10;
/** The chain of causes is followed this far, for its innermost one. */
const MAX_FOLLOWED = 1000;

/**
 * Describes any value that was thrown or with which a promise was rejected. Never throws, whatever getters the value has; a
 * cause that leads back to itself ends the chain.
 */
export function describeThrown(value: unknown): StoredError {
  return new Describer().describe(value, 0);
}

class Describer {
  private readonly seen = new Set<unknown>();
  private partsLeft = MAX_PARTS;

  describe(value: unknown, depth: number): StoredError {
    const isTop = depth === 0;
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) {
      const most = isTop ? MAX_MESSAGE : MAX_PART;
      return { name: 'NotAnError', message: typeof value === 'string' ? storableBytes(value, most) : preview(value) };
    }
    this.seen.add(value);
    const name = text(read(value, 'name'), MAX_NAME);
    const message = messageOf(value, isTop ? MAX_MESSAGE : MAX_PART);
    const stack = text(read(value, 'stack'), isTop ? MAX_STACK : MAX_PART);
    const code = read(value, 'code');
    return {
      name: name ?? (stack === undefined ? 'NotAnError' : 'Error'),
      message: message ?? storableBytes(preview(value, MAX_PART), MAX_PART),
      ...(stack === undefined ? {} : { stack }),
      ...(typeof code === 'string' || typeof code === 'number' ? { code: storableBytes(String(code), MAX_NAME) } : {}),
      ...this.cause(value, depth),
      ...this.innerErrors(value, depth),
    };
  }

  private cause(value: object, depth: number): Pick<StoredError, 'cause' | 'causesLeftOut'> {
    const cause = read(value, 'cause');
    if (cause === undefined || cause === null || this.seen.has(cause) || this.partsLeft <= 0) return {};
    if (depth + 1 < MAX_CAUSES && this.partsLeft > 1) {
      this.partsLeft -= 1;
      return { cause: this.describe(cause, depth + 1) };
    }
    if (depth >= MAX_CAUSES) return {};
    this.partsLeft -= 1;
    const { innermost, leftOut } = this.innermost(cause);
    return { cause: this.describe(innermost, MAX_CAUSES), ...(leftOut === 0 ? {} : { causesLeftOut: leftOut }) };
  }

  private innermost(first: unknown): { innermost: unknown; leftOut: number } {
    let innermost = first;
    let leftOut = 0;
    for (; leftOut < MAX_FOLLOWED && typeof innermost === 'object' && innermost !== null; leftOut += 1) {
      this.seen.add(innermost);
      const next = read(innermost, 'cause');
      if (next === undefined || next === null || this.seen.has(next)) break;
      innermost = next;
    }
    return { innermost, leftOut };
  }

  private innerErrors(value: object, depth: number): Pick<StoredError, 'errors'> {
    const errors = read(value, 'errors');
    if (depth > 1 || !isArray(errors)) return {};
    const described: StoredError[] = [];
    for (let index = 0; index < MAX_INNER_ERRORS && this.partsLeft > 0; index++) {
      const inner = read(errors, index);
      if (inner === undefined || this.seen.has(inner)) continue;
      this.partsLeft -= 1;
      described.push(this.describe(inner, depth + 1));
    }
    return described.length === 0 ? {} : { errors: described };
  }
}

function messageOf(value: object, most: number): string | undefined {
  const message = text(read(value, 'message'), most);
  if (message !== undefined && message !== '') return message;
  // A failed connection to a name with several addresses is an AggregateError without a message of its own.
  const errors = read(value, 'errors');
  if (!isArray(errors)) return message;
  const messages: string[] = [];
  for (let index = 0; index < MAX_INNER_ERRORS; index++) {
    const each = read(errors, index);
    const part = typeof each === 'object' && each !== null ? text(read(each, 'message'), most / 4) : undefined;
    if (part !== undefined && part !== '') messages.push(part);
  }
  return messages.length === 0 ? message : messages.join('; ');
}

function text(value: unknown, maxBytes: number): string | undefined {
  return typeof value === 'string' ? storableBytes(value, maxBytes) : undefined;
}

/** A getter or a Proxy may throw; then there is no such property. */
function read(value: object, key: PropertyKey): unknown {
  try {
    return (value as Record<PropertyKey, unknown>)[key];
  } catch {
    return undefined;
  }
}
