/**
 * `state:error workflow:shop/checkout tag:vip input.order:A-7`: what is typed and kept in the address. The API reads it; here it is only
 * taken apart as far as buttons add terms and take them away.
 */
export interface Term {
  /** Empty: a word without one. */
  readonly name: string;
  /** Without quotes. */
  readonly value: string;
}

/** Offered while somebody types. */
export const TERM_NAMES: readonly string[] = [
  'state',
  'workflow',
  'namespace',
  'version',
  'key',
  'tag',
  'input.',
  'error',
  'fingerprint',
  'queue',
  'initiator',
  'source',
  'schedule',
  'age',
  'requested',
  'ended',
  'attempts',
];

/** Quotes may be in a name as well: `input."a b":1`. */
const TERM = /((?:"(?:[^"\\]|\\.)*"?|[^\s":])+:)?((?:"(?:[^"\\]|\\.)*"?|[^\s"])*)/g;

export function parseTerms(text: string): Term[] {
  return [...text.matchAll(TERM)]
    .filter(([whole]) => whole !== '')
    .map(([, name = ':', value = '']) => ({
      name: name.slice(0, -1),
      value: value.startsWith('"') ? value.replaceAll(/^"|"$/g, '').replaceAll(/\\(.)/g, '$1') : value,
    }));
}

const valueText = (value: string): string =>
  /^[^\s"\\]+$/.test(value) ? value : `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`;

export const termsText = (terms: readonly Term[]): string =>
  terms.map(({ name, value }) => (name === '' ? valueText(value) : `${name}:${valueText(value)}`)).join(' ');

/** Values of a term, of which any will do: `state:error,pending`. */
export const valuesOf = (text: string, name: string): string[] =>
  parseTerms(text)
    .filter((term) => term.name === name)
    .flatMap(({ value }) => value.split(','));

/** Adds a state to those that are searched for, or takes it away; of an age there is one. */
export function toggleTerm(text: string, { name, value }: Term): string {
  const values = valuesOf(text, name);
  const has = values.includes(value);
  const others = parseTerms(text).filter((term) => term.name !== name);
  const left = has ? values.filter((each) => each !== value) : name === 'state' ? [...values, value] : [value];
  return termsText(left.length === 0 ? others : [...others, { name, value: left.join(',') }]);
}

export interface Search {
  /** As the API takes it. */
  readonly q: string;
  /** A bare number is the id of a task. */
  readonly taskId: string | undefined;
}

/** States that are named one by one, as old addresses have them, are one term. */
export function searchOf(text: string): Search {
  const states = valuesOf(text, 'state');
  const several = parseTerms(text).filter(({ name }) => name === 'state').length > 1;
  const others = parseTerms(text).filter(({ name }) => name !== 'state');
  const q = several ? termsText([{ name: 'state', value: states.join(',') }, ...others]) : text.trim();
  return { q, taskId: /^#?(\d{1,18})$/.exec(q)?.[1] };
}
