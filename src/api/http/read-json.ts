import type { Reviver } from '../../exact-json.ts';
import { Problem } from '../problem.ts';

/** Deeper values come from attackers: everything that walks them would need a stack as deep. */
const MAX_DEPTH = 64;

/**
 * Reads a body. Refuses what is no JSON, is nested too deep, has a member `__proto__`, or has a number that would be stored as another one
 * (9007199254740993, 1e400). Throws Problem.
 */
export function readJson(text: string): unknown {
  checkDepth(text);
  let inexact: string | undefined;
  let forbidden = false;
  let value: unknown;
  try {
    const revive: Reviver = (key, member, { source }) => {
      if (key === '__proto__') forbidden = true;
      if (typeof member === 'number' && source !== undefined && !isExact(member, source)) inexact ??= source;
      return member;
    };
    value = JSON.parse(text, revive as Parameters<typeof JSON.parse>[1]);
  } catch {
    throw new Problem('REQUEST_INVALID', 'the body is no JSON');
  }
  if (forbidden) throw new Problem('REQUEST_INVALID', 'the body has a member "__proto__", which is not accepted');
  if (inexact !== undefined) {
    const shown = inexact.length > 40 ? `${inexact.slice(0, 40)}...` : inexact;
    throw new Problem('INPUT_INVALID', `the number ${shown} cannot be held exactly: send it as a text`);
  }
  return value;
}

/** Integers are compared digit by digit; decimals are what a double makes of them, as everywhere in JavaScript. */
function isExact(value: number, source: string): boolean {
  if (!Number.isFinite(value)) return false;
  return !/^-?\d+$/.test(source) || Number.isSafeInteger(value);
}

function checkDepth(text: string): void {
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
      if (depth > MAX_DEPTH) throw new Problem('REQUEST_INVALID', `the body is nested more than ${MAX_DEPTH} deep`);
    } else if (unit === 125 || unit === 93) depth -= 1;
  }
}
