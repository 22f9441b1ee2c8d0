import { createHash } from 'node:crypto';
import { Problem } from '../problem.ts';
import type { Answer } from '../route.ts';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/**
 * A document, or the part of it that `Range` asks for (RFC 9110): a download that broke off goes on. Several ranges, and units other than bytes,
 * get the whole. `If-Range`: the part only if the document is still the same. Throws Problem for a range behind its end.
 */
export function inRange(body: Buffer, given: Headers, headers: Readonly<Record<string, string>>): Answer {
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  const all = { ...headers, etag, 'accept-ranges': 'bytes' };
  const whole = { body, headers: all };
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(String(given['range'] ?? '').trim()) ?? [];
  if (from === '' && to === '') return whole;
  const ifRange = given['if-range'];
  if (ifRange !== undefined && ifRange !== etag) return whole;
  const length = body.length;
  const first = from === '' ? Math.max(0, length - Number(to)) : Number(from);
  const last = from === '' || to === '' ? length - 1 : Math.min(Number(to), length - 1);
  // Written the wrong way round it is no range at all.
  if (from !== '' && to !== '' && Number(to) < Number(from)) return whole;
  if (first >= length) {
    throw new Problem('RANGE_UNSATISFIABLE', `the document has ${length} bytes, and the range begins behind them`, {
      headers: { 'content-range': `bytes */${length}`, 'accept-ranges': 'bytes' },
    });
  }
  return {
    status: 206,
    body: body.subarray(first, last + 1),
    headers: { ...all, 'content-range': `bytes ${first}-${last}/${length}` },
  };
}
