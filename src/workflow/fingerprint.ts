import { createHash } from 'node:crypto';
import type { StoredError } from './describe-thrown.ts';

/**
 * Failures with one cause have one fingerprint: 12 hexadecimal characters, made of the name, the code and the message of an error and
 * of the errors that caused it. What differs from failure to failure is left out of a message first: whatever contains a digit
 * (numbers, times, ids, IP addresses, versions), URLs, paths and e-mail addresses, and how many of these stand in a row. The HTTP
 * status of a response is kept, because it tells causes apart. Neither the step, the workflow nor the stack is part of it: the same
 * trouble in two steps has one fingerprint, and it outlives a deploy.
 *
 * Computed when a failure is written, and never again: a later version of these rules gives later failures other fingerprints.
 */
export function fingerprintOf(error: FingerprintSource): string | undefined {
  try {
    const parts: string[] = [];
    let current: FingerprintSource | undefined = error;
    for (let depth = 0; current !== undefined && depth < MAX_CAUSES; depth += 1) {
      parts.push(current.name, current.code === undefined ? '' : patternOf(current.code), patternOf(current.message));
      current = current.cause;
    }
    return hashOf(parts);
  } catch {
    // A handler may have replaced what this uses: the failure is written without it.
    return undefined;
  }
}

/** Of an error that the engine writes itself: its message tells of one step or one process, so it is known by its name. */
export function fingerprintOfName(name: string): string {
  return hashOf([name]);
}

export type FingerprintSource = Pick<StoredError, 'name' | 'message' | 'code' | 'cause'>;

/** What a fingerprint looks like. */
export const FINGERPRINT = /^[0-9a-f]{12}$/;

const MAX_CAUSES = 6;
/** Of a message without what differs: what comes later is mostly a dump of some data. */
const MAX_PATTERN = 400;

const ADDRESS = /\b[a-z][a-z0-9+.-]{0,15}:\/\/[^\s"'`<>()]*/gi;
const DATE = /\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? (?:[A-Z][a-z]{2} \d{1,2}|\d{1,2} [A-Z][a-z]{2}) \d{4}\b/g;
const STATUS = /\b(status|status code|http|HTTP) ([1-5]\d\d)\b/gi;
/** A run of what is neither space nor bracket, quote or comma. Has no alternatives, so its time grows with the text only. */
const TOKEN = /[^\s"'`()[\]{}<>,;=|]+/g;
const VARIABLE = '#';
const RUN_OF_VARIABLES = /#(?:[\s,;|&:]+(?:and )?#)+/g;

/** A message without what differs from failure to failure. */
export function patternOf(message: string): string {
  return message
    .replace(ADDRESS, VARIABLE)
    .replace(DATE, VARIABLE)
    .replace(STATUS, (_, word: string, status: string) => `${word} ${spelled(status)}`)
    .replace(TOKEN, tokenPattern)
    .replace(RUN_OF_VARIABLES, VARIABLE)
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, MAX_PATTERN);
}

/** As letters, so that it is taken for no number: 404 is eae. */
const spelled = (digits: string): string => digits.replace(/\d/g, (digit) => String.fromCharCode(97 + Number(digit)));

function tokenPattern(token: string): string {
  let end = token.length;
  while (end > 0 && '.:!?'.includes(token.charAt(end - 1))) end -= 1;
  return isVariable(token.slice(0, end)) ? VARIABLE + token.slice(end) : token;
}

function isVariable(word: string): boolean {
  if (/[\d@]/.test(word)) return true;
  // A path, and not "and/or", "read/write" or "n/a".
  return /^(?:[./~\\]|[A-Za-z]:[/\\]|[^/\\]*[/\\][^/\\]*[/\\])/.test(word) && /[/\\]/.test(word);
}

function hashOf(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\u0000')).digest('hex').slice(0, 12);
}
