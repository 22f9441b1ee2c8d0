/** A term of a search: `name:value`, or `name:>value`. */
export interface Term {
  readonly name: string;
  readonly operator: '' | '>' | '>=' | '<' | '<=';
  readonly value: string;
  /** The value was in quotes: it is a text, whatever it looks like. */
  readonly quoted: boolean;
  /** The places of the name and of the value in the search, from 0. */
  readonly at: number;
  readonly valueAt: number;
}

/** What is wrong with a search, and at which character, from 0. */
export class SearchMistake extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

const OPERATOR = /^(>=|<=|>|<)/;

/** Reads the terms of a search, from left to right. Throws SearchMistake. */
export function readTerms(text: string): Term[] {
  const terms: Term[] = [];
  let at = 0;
  while (at < text.length) {
    if (/\s/.test(text[at] as string)) {
      at += 1;
      continue;
    }
    const start = at;
    const name = readName(text, at);
    at += name.length + 1;
    const [operator = ''] = OPERATOR.exec(text.slice(at)) ?? [];
    at += operator.length;
    const valueAt = at;
    const quoted = text[at] === '"';
    const value = quoted ? readQuoted(text, at) : (/^[^\s"]*/.exec(text.slice(at))?.[0] ?? '');
    at += quoted ? quotedLength(text, at) : value.length;
    if (value === '' && !quoted) throw new SearchMistake(`${name} has no value`, valueAt);
    if (at < text.length && !/\s/.test(text[at] as string))
      throw new SearchMistake('a blank belongs between two terms', at);
    terms.push({ name, operator: operator as Term['operator'], value, quoted, at: start, valueAt });
  }
  return terms;
}

/** Up to the colon; parts of a path may be in quotes, with dots and colons in them. */
function readName(text: string, start: number): string {
  let at = start;
  while (at < text.length && text[at] !== ':') {
    if (/\s/.test(text[at] as string)) break;
    at += text[at] === '"' ? quotedLength(text, at) : 1;
  }
  if (text[at] === ':' && at > start) return text.slice(start, at);
  const word = text.slice(start, at);
  throw new SearchMistake(
    word === ''
      ? 'there is a colon without a name before it'
      : `${word} is no term: write name:value, such as error:"${word.replaceAll('"', '')}"`,
    start,
  );
}

function quotedLength(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at - start + 1;
  }
  throw new SearchMistake('this quote is not closed', start);
}

const readQuoted = (text: string, start: number): string =>
  text.slice(start + 1, start + quotedLength(text, start) - 1).replaceAll(/\\(.)/gs, '$1');

/** The parts of `lines[].sku` or `"a.b".c`; `[]` behind a part: any element of the list that it is. */
export function readPath(path: string, at: number): { name: string; isList: boolean }[] {
  const parts: { name: string; isList: boolean }[] = [];
  if (path === '') throw new SearchMistake('input has no path: write input.order:"10248"', at);
  const part = /(?:"((?:[^"\\]|\\.)*)"|([^."[\]]+))(\[\])?(\.|$)/gy;
  while (part.lastIndex < path.length) {
    const from = part.lastIndex;
    const found = part.exec(path);
    if (found === null)
      throw new SearchMistake(`${path} is no path: write input.customer.name or input.lines[].sku`, at + from);
    parts.push({
      name: found[1] === undefined ? (found[2] as string) : found[1].replaceAll(/\\(.)/gs, '$1'),
      isList: found[3] !== undefined,
    });
    if (found[4] === '.' && part.lastIndex === path.length)
      throw new SearchMistake('the path ends with a dot', at + path.length - 1);
  }
  return parts;
}
