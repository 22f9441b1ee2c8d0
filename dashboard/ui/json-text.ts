/**
 * JSON as text, read one level at a time: numbers keep every digit that they were written with, and a document of many megabytes costs
 * what is unfolded of it. The text is taken to be JSON; of what is none, something is returned that ends.
 */
export interface JsonNode {
  readonly kind: 'object' | 'array' | 'string' | 'number' | 'word';
  /** The first character, and the one behind the last. */
  readonly start: number;
  readonly end: number;
}

export interface Member {
  /** As written, with its quotation marks; undefined in an array. */
  readonly key: string | undefined;
  readonly node: JsonNode;
}

export interface Members {
  readonly members: readonly Member[];
  /** Where the next ones begin; undefined: these are the last. */
  readonly next: number | undefined;
}

const SPACE = /[ \t\n\r]/;

function skipSpace(text: string, at: number): number {
  let here = at;
  while (here < text.length && SPACE.test(text[here] as string)) here += 1;
  return here;
}

/** Behind the closing quotation mark. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === 92) at += 1;
    else if (unit === 34) return at + 1;
  }
  return text.length;
}

/** Behind the closing bracket. */
function endOfContainer(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === 34) at = endOfString(text, at) - 1;
    else if (unit === 123 || unit === 91) depth += 1;
    else if (unit === 125 || unit === 93) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return text.length;
}

/** The value that begins at `at`, or behind the space there. */
export function nodeAt(text: string, at: number): JsonNode {
  const start = skipSpace(text, at);
  const first = text[start];
  if (first === '{') return { kind: 'object', start, end: endOfContainer(text, start) };
  if (first === '[') return { kind: 'array', start, end: endOfContainer(text, start) };
  if (first === '"') return { kind: 'string', start, end: endOfString(text, start) };
  let end = start;
  while (end < text.length && !/[\s,\]}]/.test(text[end] as string)) end += 1;
  return { kind: /^[-\d]/.test(first ?? '') ? 'number' : 'word', start, end: Math.max(end, start + 1) };
}

/** At most `limit` members of an object or an array, from `from` on (`next` of those before; undefined: the first). */
export function membersOf(text: string, node: JsonNode, limit: number, from = node.start + 1): Members {
  const members: Member[] = [];
  const last = node.end - 1;
  let at = skipSpace(text, from);
  while (at < last) {
    if (members.length === limit) return { members, next: at };
    let key: string | undefined;
    if (node.kind === 'object') {
      const end = endOfString(text, at);
      key = text.slice(at, end);
      at = skipSpace(text, end);
      if (text[at] === ':') at += 1;
    }
    const value = nodeAt(text, at);
    members.push({ key, node: value });
    at = skipSpace(text, value.end);
    if (text[at] === ',') at = skipSpace(text, at + 1);
    else if (at < last && value.end >= last) break;
  }
  return { members, next: undefined };
}

/** The same JSON with a line for each member, and not a digit of it changed. */
export function indented(text: string): string {
  let out = '';
  let depth = 0;
  let at = 0;
  const line = (): string => `\n${'  '.repeat(depth)}`;
  while (at < text.length) {
    const unit = text[at] as string;
    if (unit === '"') {
      const end = endOfString(text, at);
      out += text.slice(at, end);
      at = end;
      continue;
    }
    if (unit === '{' || unit === '[') {
      const inner = skipSpace(text, at + 1);
      if (text[inner] === '}' || text[inner] === ']') {
        out += unit + (text[inner] as string);
        at = inner + 1;
        continue;
      }
      depth += 1;
      out += unit + line();
    } else if (unit === '}' || unit === ']') {
      depth = Math.max(0, depth - 1);
      out += line() + unit;
    } else if (unit === ',') out += `,${line()}`;
    else if (unit === ':') out += ': ';
    else if (!SPACE.test(unit)) out += unit;
    at += 1;
  }
  return out;
}
