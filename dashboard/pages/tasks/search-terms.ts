/** `state:error workflow:shop/checkout tag:vip error:"ECONNREFUSED"`: what is typed, kept in the address, and sent to the API. */
export interface Term {
  readonly name: string;
  readonly value: string;
}

/** What a term is called, and as which parameter the API takes it. */
const PARAMETERS: Readonly<Record<string, string>> = {
  state: 'state',
  namespace: 'namespace',
  workflow: 'workflow',
  version: 'version',
  key: 'key',
  tag: 'tag',
  initiator: 'initiator',
  schedule: 'schedule',
  error: 'error',
  fingerprint: 'fingerprint',
};

/** These may come several times. */
const LISTS = new Set(['state', 'tag']);
const STATES = new Set(['pending', 'in_progress', 'complete', 'error', 'cancelled', 'resolved_manually']);

export const TERM_NAMES = [...Object.keys(PARAMETERS), 'age'];

export function parseTerms(text: string): Term[] {
  return [...text.matchAll(/(?:(\w+):)?(?:"((?:[^"\\]|\\.)*)"?|([^\s"]+))/g)].map(([, name = '', quoted, plain]) => ({
    name: name.toLowerCase(),
    value: quoted === undefined ? (plain ?? '') : quoted.replaceAll(/\\(.)/g, '$1'),
  }));
}

const valueText = (value: string): string =>
  /^[^\s"\\]+$/.test(value) ? value : `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`;

export const termsText = (terms: readonly Term[]): string =>
  terms.map(({ name, value }) => (name === '' ? valueText(value) : `${name}:${valueText(value)}`)).join(' ');

/** Adds a term, or takes it away if it is there. */
export function toggleTerm(text: string, term: Term): string {
  const terms = parseTerms(text);
  const rest = terms.filter(({ name, value }) => name !== term.name || value !== term.value);
  return termsText(rest.length < terms.length ? rest : [...terms, term]);
}

export interface Search {
  readonly query: URLSearchParams;
  /** What was not understood, each with what would be. */
  readonly problems: readonly string[];
  /** A bare number is the id of a task. */
  readonly taskId: string | undefined;
}

const AGE = /^([<>])=?(\d+(?:\.\d+)?)(s|min|m|h|d)$/;
const UNIT_MS = { s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** For `GET /v1/tasks`. */
export function searchOf(text: string, now: number): Search {
  const query = new URLSearchParams();
  const problems: string[] = [];
  let taskId: string | undefined;
  for (const { name, value } of parseTerms(text)) {
    if (name === '') {
      if (/^#?\d{1,18}$/.test(value)) taskId = value.replace('#', '');
      else problems.push(`${value}: write what it is of, such as workflow:${value} or tag:${value}`);
    } else if (name === 'age') {
      const problem = addAge(query, value, now);
      if (problem !== undefined) problems.push(problem);
    } else if (PARAMETERS[name] === undefined) {
      problems.push(`${name}: there is no such term; there are ${TERM_NAMES.join(', ')}`);
    } else if (name === 'state' && !STATES.has(value)) {
      problems.push(`state:${value}: there are ${[...STATES].join(', ')}`);
    } else if (name === 'workflow' && value.includes('/')) {
      const slash = value.indexOf('/');
      query.set('namespace', value.slice(0, slash));
      query.set('workflow', value.slice(slash + 1));
    } else if (value === '') problems.push(`${name}: has no value`);
    else if (LISTS.has(name)) query.append(name, value);
    else query.set(name, value);
  }
  return { query, problems, taskId };
}

/** `age:>1h`: requested more than an hour ago. */
function addAge(query: URLSearchParams, value: string, now: number): string | undefined {
  const [, sign, count, unit] = AGE.exec(value) ?? [];
  if (sign === undefined) return `age:${value}: write age:<1h or age:>2d`;
  // To the minute: the same search is the same address for the API for a while.
  const minute = 60_000;
  const at = Math.floor((now - Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS]) / minute) * minute;
  query.set(sign === '<' ? 'requested_since' : 'requested_before', new Date(at).toISOString());
  return undefined;
}
