import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

const ids = new WeakMap<IncomingHttpHeaders, string>();

/** That of whoever asked, if it is a plain word, so that one log finds the other; else a new one. The same each time for one request. */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const known = ids.get(headers);
  if (known !== undefined) return known;
  const given = headers['x-request-id'];
  const id = typeof given === 'string' && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
  ids.set(headers, id);
  return id;
}
