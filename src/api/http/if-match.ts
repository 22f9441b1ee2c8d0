import { Problem } from '../problem.ts';
import type { Answer } from '../route.ts';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Tags as they came, with their quotes, between commas. */
const TAGS = /^\s*(?:W\/)?"[^"]*"(?:\s*,\s*(?:W\/)?"[^"]*")*\s*$/;

/**
 * Throws Problem if `If-Match` is given and does not have this ETag: whoever acts has seen an older state. A weak tag (`W/`) matches nothing.
 * `etag`: undefined if there is no such thing.
 */
export function checkIfMatch(headers: Headers, etag: string | undefined, what: string): void {
  const given = headers['if-match'];
  if (typeof given !== 'string') return;
  if (given.trim() !== '*' && !TAGS.test(given)) {
    const detail = `If-Match is ${JSON.stringify(given.slice(0, 100))}: send the ETag of the ${what} as it came, with its quotes, or *`;
    throw new Problem('REQUEST_INVALID', detail, { errors: [{ pointer: 'If-Match', detail }] });
  }
  if (etag === undefined) throw new Problem('PRECONDITION_FAILED', `there is no such ${what} any more`);
  if (given.trim() === '*') return;
  const tags = new Set(given.split(',').map((each) => each.trim()));
  if (tags.has(etag)) return;
  const why = tags.has(`W/${etag}`)
    ? 'If-Match has a weak tag (W/), which matches nothing: something on the way has changed the ETag'
    : `the ${what} has changed since it was read: read it again`;
  throw new Problem('PRECONDITION_FAILED', why, { headers: { etag } });
}

/** Throws Problem for `If-None-Match: *` if there is one: whoever makes something new replaces nothing. */
export function checkIfNoneMatch(headers: Headers, exists: boolean, what: string): void {
  const given = headers['if-none-match'];
  if (given === undefined) return;
  if (String(given).trim() !== '*') {
    const detail = `If-None-Match is ${JSON.stringify(String(given).slice(0, 100))}: a write takes * alone, for a ${what} that must not be there yet`;
    throw new Problem('REQUEST_INVALID', detail, { errors: [{ pointer: 'If-None-Match', detail }] });
  }
  if (exists) throw new Problem('PRECONDITION_FAILED', `there is a ${what} of this name already`);
}

/** Whether `If-None-Match` has this ETag, also as a weak one: what compresses on the way may have made it so. */
export function isKnown(headers: Headers, etag: string): boolean {
  const given = headers['if-none-match'];
  if (typeof given !== 'string') return false;
  return given.trim() === '*' || [...given.matchAll(/"[^"]*"/g)].some(([tag]) => tag === etag);
}

/** Of an answer that whoever asks has already: what a cache needs to go on with what it has. */
const STAY = new Set(['etag', 'vary', 'cache-control']);

/** What was read, or 304 if whoever asks has it already: any answer with an ETag is compared. */
export function unlessKnown(answer: Answer, given: Headers): Answer {
  const { status = 200, headers = {}, problem } = answer;
  const { etag } = headers;
  if (problem !== undefined || etag === undefined || status > 299 || !isKnown(given, etag)) return answer;
  return { status: 304, headers: Object.fromEntries(Object.entries(headers).filter(([name]) => STAY.has(name))) };
}
