import type { IncomingHttpHeaders } from 'node:http';
import { hasSession } from '../auth/session.ts';
import { Problem } from '../problem.ts';

/**
 * Refuses what a page of another site makes a browser send, with what the browser knows of whoever looks at it. A browser that says from
 * where a request comes (`Sec-Fetch-Site`, which no page can set) is believed, also behind a proxy that changes `Host`; one that does not
 * sends `Origin`. Throws Problem.
 */
export function checkOrigin(headers: IncomingHttpHeaders): void {
  const site = headers['sec-fetch-site'];
  const { origin, host } = headers;
  if (site !== undefined) {
    if (site !== 'same-origin' && site !== 'none') throw foreign();
    return;
  }
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) throw foreign();
  // Every browser sends one of the two with what changes something.
  if (origin === undefined && headers.authorization === undefined && hasSession(headers)) throw foreign();
}

const foreign = (): Problem => new Problem('FORBIDDEN', 'a page of another site may change nothing here');
