/**
 * How PostgreSQL writes jsonb as text (jsonb_out), as far as a value of JavaScript can show it. Source: src/backend/utils/adt/
 * jsonb.c and jsonb_util.c (lengthCompareJsonbString), numeric.c.
 */

/** Up to this number of keys an insertion sort takes less time than a call of the sort. */
const FEW_KEYS = 24;

/**
 * The keys in the order in which jsonb keeps members, in place: the shorter one first, in bytes of UTF-8, and bytewise among
 * equals. Every result with members comes through here.
 */
export function jsonbKeys(keys: string[]): string[] {
  if (keys.length < 2) return keys;
  for (const key of keys) if (!isAscii(key)) return keys.sort(compareInBytes);
  if (keys.length > FEW_KEYS) return keys.sort(compareAscii);
  for (let index = 1; index < keys.length; index += 1) {
    const key = keys[index] as string;
    let place = index;
    for (; place > 0 && compareAscii(keys[place - 1] as string, key) > 0; place -= 1) {
      keys[place] = keys[place - 1] as string;
    }
    keys[place] = key;
  }
  return keys;
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) > 127) return false;
  return true;
}

/** A unit is a byte. */
function compareAscii(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

function compareInBytes(a: string, b: string): number {
  return Buffer.byteLength(a) - Buffer.byteLength(b) || Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** A finite number in decimal digits, as numeric is written: no exponent, no negative zero. */
export function jsonbNumber(value: number): string {
  const text = String(value);
  if (value === 0) return '0';
  const at = text.indexOf('e');
  if (at < 0) return text;
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?/.exec(text) as RegExpExecArray;
  const digits = whole + fraction;
  const point = whole.length + Number(text.slice(at + 1));
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return `${sign}${digits.padEnd(point, '0')}`;
}

/** The members of an object in a text written by jsonb, each as the text that it has there. */
export function jsonbMembers(object: string): Map<string, string> {
  const members = new Map<string, string>();
  for (let at = 1; object[at] === '"';) {
    const keyEnd = valueEnd(object, at);
    const key = JSON.parse(object.slice(at, keyEnd)) as string;
    const from = keyEnd + 2;
    const end = valueEnd(object, from);
    members.set(key, object.slice(from, end));
    at = end + 2;
  }
  return members;
}

/** Where the value that begins at `start` ends. */
function valueEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const unit = text[at];
    if (unit === '"') {
      at = stringEnd(text, at);
      if (depth === 0) return at + 1;
    } else if (unit === '{' || unit === '[') depth += 1;
    else if (unit === '}' || unit === ']') {
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (unit === ',' && depth === 0) return at;
  }
  return text.length;
}

/** Where the closing quote of a string is. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at;
  }
  return text.length;
}
