import { isArray, preview } from './preview.ts';
import { storableText } from './storable-text.ts';

/** A thrown value as the database keeps it: every text storable and of bounded length, a few kilobytes in all. */
export interface ThrownDescription {
  name: string;
  message: string;
  stack?: string;
  code?: string;
  cause?: ThrownDescription;
}

const MAX_NAME = 128;
const MAX_MESSAGE = 4096;
const MAX_STACK = 8192;
const MAX_CAUSES = 5;
const MAX_AGGREGATED = 3;

/**
 * Describes anything that `throw` and a rejected promise can carry. Never throws, whatever getters the value has; a cause
 * that leads back to itself ends the chain.
 */
export function describeThrown(value: unknown): ThrownDescription {
  return describe(value, new Set());
}

function describe(value: unknown, seen: Set<unknown>): ThrownDescription {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) {
    return {
      name: 'NotAnError',
      message: typeof value === 'string' ? storableText(value, MAX_MESSAGE) : preview(value),
    };
  }
  seen.add(value);
  const name = text(read(value, 'name'), MAX_NAME);
  const message = messageOf(value);
  const stack = text(read(value, 'stack'), MAX_STACK);
  const code = read(value, 'code');
  const cause = read(value, 'cause');
  return {
    name: name ?? (stack === undefined ? 'NotAnError' : 'Error'),
    message: message ?? preview(value, MAX_MESSAGE),
    ...(stack === undefined ? {} : { stack: seen.size > 1 ? storableText(stack, MAX_STACK / 4) : stack }),
    ...(typeof code === 'string' || typeof code === 'number' ? { code: storableText(String(code), MAX_NAME) } : {}),
    ...(cause === undefined || cause === null || seen.has(cause) || seen.size > MAX_CAUSES
      ? {}
      : { cause: describe(cause, seen) }),
  };
}

function messageOf(value: object): string | undefined {
  const message = text(read(value, 'message'), MAX_MESSAGE);
  if (message !== undefined && message !== '') return message;
  // A failed connection to a name with several addresses is an AggregateError without a message of its own.
  const errors = read(value, 'errors');
  if (!isArray(errors)) return message;
  const messages: string[] = [];
  for (let index = 0; index < MAX_AGGREGATED; index++) {
    const each = read(errors, index);
    const part = typeof each === 'object' && each !== null ? text(read(each, 'message'), MAX_MESSAGE / 4) : undefined;
    if (part !== undefined && part !== '') messages.push(part);
  }
  return messages.length === 0 ? message : messages.join('; ');
}

function text(value: unknown, maxLength: number): string | undefined {
  return typeof value === 'string' ? storableText(value, maxLength) : undefined;
}

/** A getter or a Proxy may throw; then there is no such property. */
function read(value: object, key: PropertyKey): unknown {
  try {
    return (value as Record<PropertyKey, unknown>)[key];
  } catch {
    return undefined;
  }
}
