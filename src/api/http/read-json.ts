import type { Reviver } from '../../exact-json.ts';
import { preview } from '../../workflow/preview.ts';
import { Problem } from '../problem.ts';

/** Deeper values come from attackers: everything that walks them would need a stack as deep. */
const MAX_DEPTH = 64;

/**
 * Reads a body. Refuses what is no JSON, is nested too deep, has a member `__proto__`, or has a number that would be stored as another one
 * (9007199254740993, 1e400). Throws Problem, whose message begins with `what`.
 */
export function readJson(text: string, what = 'the body'): unknown {
  checkDepth(text, what);
  let inexact: { key: string; source: string } | undefined;
  let forbidden = false;
  let value: unknown;
  try {
    const revive: Reviver = (key, member, { source }) => {
      if (key === '__proto__') forbidden = true;
      if (typeof member === 'number' && source !== undefined && !isExact(member, source)) inexact ??= { key, source };
      return member;
    };
    value = JSON.parse(text, revive as Parameters<typeof JSON.parse>[1]);
  } catch (error) {
    throw new Problem('REQUEST_INVALID', `${what} is no JSON: ${(error as Error).message}`);
  }
  if (forbidden)
    throw new Problem('REQUEST_INVALID', `${what} has a member "__proto__", which is not accepted: leave it out`);
  if (inexact !== undefined) {
    const { key, source } = inexact;
    const shown = source.length > 40 ? `${source.slice(0, 40)}...` : source;
    const at = key === '' ? '' : ` of ${preview(key)}`;
    throw new Problem('INPUT_INVALID', `${what}: the number ${shown}${at} cannot be held exactly: send it as a text`);
  }
  return value;
}

/** Each line of a body, or the Problem that the line has: a bad one says nothing of the others. Lines without anything count in the numbers alone. */
export function readJsonLines(text: string): unknown[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    try {
      return [readJson(line, `line ${index + 1}`)];
    } catch (error) {
      if (error instanceof Problem) return [error];
      throw error;
    }
  });
}

/** Integers are compared digit by digit; decimals are what a double makes of them, as everywhere in JavaScript. */
function isExact(value: number, source: string): boolean {
  if (!Number.isFinite(value)) return false;
  return !/^-?\d+$/.test(source) || Number.isSafeInteger(value);
}

function checkDepth(text: string, what: string): void {
  let depth = 0;
  let inText = false;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (inText) {
      if (unit === 92) index += 1;
      else if (unit === 34) inText = false;
    } else if (unit === 34) inText = true;
    else if (unit === 123 || unit === 91) {
      depth += 1;
      if (depth > MAX_DEPTH)
        throw new Problem(
          'REQUEST_INVALID',
          `${what} is nested more than ${MAX_DEPTH} deep: send less in one document`,
        );
    } else if (unit === 125 || unit === 93) depth -= 1;
  }
}
