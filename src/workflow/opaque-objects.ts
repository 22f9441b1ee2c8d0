import { types } from 'node:util';
import { storableText } from './storable-text.ts';

/**
 * Why JSON cannot express an object whose content is not in its members, with what to do instead; JSON.stringify would write
 * {} or numbered members. Undefined for all other objects.
 */
export function whyOpaque(source: object): string | undefined {
  if (types.isPromise(source)) return 'is a Promise: await it';
  if (types.isMap(source)) return 'is a Map: use Object.fromEntries(map)';
  if (types.isSet(source)) return 'is a Set: use an array';
  if (types.isNativeError(source)) return 'is an Error: throw it, or use its message';
  if (types.isAnyArrayBuffer(source) || types.isArrayBufferView(source)) {
    return 'is binary data: use a base64 text, or a reference to where it is stored';
  }
  return undefined;
}

/** `a Date`, `a Money`: what an object is, for a message. */
export function describeObject(value: object): string {
  if (types.isDate(value)) return 'a Date';
  const { constructor } = value;
  const name: unknown = typeof constructor === 'function' ? constructor.name : undefined;
  return typeof name === 'string' && name !== '' && name !== 'Object'
    ? `a ${storableText(name, 64)}`
    : 'an object of a class';
}
