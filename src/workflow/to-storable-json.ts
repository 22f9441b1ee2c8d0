import { JsonWriter, Refusal, type StorableOptions } from './json-writer.ts';
import { storableText } from './storable-text.ts';

export type StorableJson = { ok: true; json: string } | { ok: false; reason: string };

/**
 * JSON text that PostgreSQL accepts as jsonb, or the reason why there is none. Never throws, whatever the value's getters,
 * `toJSON` or Proxy traps do (except that one of them may never return), and its work is bounded by `maxBytes`.
 *
 * Like JSON.stringify, but refuses values of which JSON.stringify silently loses data: NaN and Infinity (it writes null),
 * Map, Set, Error and other objects without members of their own (it writes {}), functions and symbols (it drops them).
 * undefined is null at the top and in arrays, and left out of objects. -0 is 0.
 */
export function toStorableJson(value: unknown, options: StorableOptions): StorableJson {
  const writer = new JsonWriter(options);
  try {
    return { ok: true, json: writer.write(value) };
  } catch (thrown) {
    if (thrown instanceof Refusal) return { ok: false, reason: thrown.reason };
    return { ok: false, reason: `${writer.path()} cannot be read: ${thrownMessage(thrown)}` };
  }
}

function thrownMessage(thrown: unknown): string {
  try {
    const message: unknown = (thrown as { message?: unknown } | null | undefined)?.message;
    return storableText(typeof message === 'string' ? message : `it threw ${String(thrown)}`, 200);
  } catch {
    return 'it threw something that cannot be read either';
  }
}
