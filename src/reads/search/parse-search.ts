import { exactTime } from '../../exact-time.ts';
import { InvalidInputError } from '../../errors.ts';
import { didYouMean } from '../../workflow/did-you-mean.ts';
import { type State, STATES } from '../../workflow/states.ts';
import type { TaskFilter } from '../task-filter.ts';
import { readPath, readTerms, SearchMistake, type Term } from './read-terms.ts';

/** A filter that is being made of terms. */
type Draft = { -readonly [Name in keyof TaskFilter]: TaskFilter[Name] };

const MOST_CHARACTERS = 2000;
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/**
 * Reads a search such as `state:error workflow:shop/checkout tag:vip input.order:"10248" age:>1h attempts:>=3`: one language for URLs, the
 * command line and programs. All terms must hold. Times are relative to `now`. Throws InvalidInputError, which shows the character that is wrong.
 */
export function parseSearch(text: string, now = Date.now()): TaskFilter {
  try {
    if (text.length > MOST_CHARACTERS)
      throw new SearchMistake(`a search has at most ${MOST_CHARACTERS} characters`, MOST_CHARACTERS);
    const draft: Draft = {};
    for (const term of readTerms(text)) apply(draft, term, now);
    return draft;
  } catch (error) {
    if (!(error instanceof SearchMistake)) throw error;
    const shown = text.slice(0, MOST_CHARACTERS).replaceAll(/\s/g, ' ');
    throw new InvalidInputError(
      `q, character ${error.at + 1}: ${error.message}\n  ${shown}\n  ${' '.repeat(error.at)}^`,
      { field: 'q', position: error.at + 1 },
    );
  }
}

function apply(draft: Draft, term: Term, now: number): void {
  if (term.name.startsWith('input.')) {
    draft.inputHas = [...(draft.inputHas ?? []), inputTerm(term)];
    return;
  }
  const read = Object.hasOwn(TERMS, term.name) ? TERMS[term.name] : undefined;
  if (read === undefined) {
    const hint = didYouMean(term.name, SEARCH_TERMS);
    throw new SearchMistake(
      `there is no term ${term.name}${hint === '' ? `: use ${SEARCH_TERMS.join(', ')}` : hint}`,
      term.at,
    );
  }
  read(draft, term, now);
}

type Read = (draft: Draft, term: Term, now: number) => void;

/** A term that is one text, and may be there once. */
const text =
  (
    name:
      | 'namespace'
      | 'version'
      | 'key'
      | 'queue'
      | 'initiator'
      | 'sourceSystem'
      | 'schedule'
      | 'error'
      | 'fingerprint',
  ): Read =>
  (draft, term) => {
    once(draft[name], term);
    draft[name] = plain(term);
  };

const TERMS: Readonly<Record<string, Read>> = {
  state(draft, term) {
    once(draft.states, term);
    let at = term.valueAt;
    draft.states = plain(term)
      .split(',')
      .map((state) => {
        if (!(STATES as readonly string[]).includes(state)) {
          const hint = didYouMean(state, STATES);
          throw new SearchMistake(`there is no state ${state}${hint === '' ? `: use ${STATES.join(', ')}` : hint}`, at);
        }
        at += state.length + 1;
        return state as State;
      });
  },
  workflow(draft, term) {
    once(draft.workflow, term);
    const [, namespace, name, version] = /^(?:([^/@]+)\/)?([^/@]+)(?:@(.+))?$/.exec(plain(term)) ?? [];
    if (name === undefined) throw new SearchMistake('write a workflow as [namespace/]name[@version]', term.valueAt);
    if (namespace !== undefined) once(draft.namespace, term);
    if (version !== undefined) once(draft.version, term);
    Object.assign(draft, { workflow: name }, namespace && { namespace }, version && { version });
  },
  namespace: text('namespace'),
  version: text('version'),
  key: text('key'),
  tag(draft, term) {
    draft.tags = [...(draft.tags ?? []), plain(term)];
  },
  queue: text('queue'),
  initiator: text('initiator'),
  source: text('sourceSystem'),
  schedule: text('schedule'),
  error: text('error'),
  fingerprint: text('fingerprint'),
  age(draft, term, now) {
    const [, amount, unit] = /^(\d{1,9})([smhd])$/.exec(term.value) ?? [];
    if (amount === undefined || term.operator === '')
      throw new SearchMistake('write an age as age:>1h or age:<7d, with s, m, h or d', term.valueAt);
    const at = new Date(now - Number(amount) * (UNITS[unit as string] as number) * 1000);
    bound(draft, term, term.operator.startsWith('>') ? 'requestedBefore' : 'requestedSince', at);
  },
  requested: (draft, term) => time(draft, term, 'requestedSince', 'requestedBefore'),
  ended: (draft, term) => time(draft, term, 'endedSince', 'endedBefore'),
  attempts(draft, term) {
    if (!/^\d{1,5}$/.test(term.value)) throw new SearchMistake('write attempts as attempts:>=3', term.valueAt);
    const n = Number(term.value);
    const [least, most] = {
      '': [n, n],
      '>': [n + 1, undefined],
      '>=': [n, undefined],
      '<': [undefined, n - 1],
      '<=': [undefined, n],
    }[term.operator];
    if (least !== undefined) {
      once(draft.attemptsFrom, term);
      draft.attemptsFrom = least;
    }
    if (most !== undefined) {
      once(draft.attemptsTo, term);
      draft.attemptsTo = most;
    }
  },
};

/** The names of all terms, for whoever writes a search. */
export const SEARCH_TERMS: readonly string[] = [...Object.keys(TERMS), 'input.<path>'];

/** Those that only somebody may use who may read payloads: a search is also a guess. */
export const TERMS_OF_PAYLOADS = ['error', 'input.<path>'] as const;

function time(
  draft: Draft,
  term: Term,
  since: 'requestedSince' | 'endedSince',
  before: 'requestedBefore' | 'endedBefore',
): void {
  const isTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d))?$/.test(term.value);
  const at = exactTime(term.value);
  if (!isTime || Number.isNaN(at.getTime()) || term.operator === '') {
    const example = `${term.name}:>2026-03-01 or ${term.name}:<2026-03-01T09:30:00Z`;
    throw new SearchMistake(`write a time as ${example}`, term.valueAt);
  }
  bound(draft, term, term.operator.startsWith('>') ? since : before, at);
}

function bound(
  draft: Draft,
  term: Term,
  name: 'requestedSince' | 'requestedBefore' | 'endedSince' | 'endedBefore',
  at: Date,
): void {
  once(draft[name], term);
  draft[name] = at;
}

function once(present: unknown, { name, at }: Term): void {
  if (present !== undefined) throw new SearchMistake(`${name} is there already: a task has one`, at);
}

function plain({ name, operator, value, valueAt }: Term): string {
  if (operator !== '') throw new SearchMistake(`${name} is compared for equality only`, valueAt - operator.length);
  if (value === '') throw new SearchMistake(`${name} has no value`, valueAt);
  return value;
}

const NUMBER = /^-?(0|[1-9]\d{0,30})(\.\d{1,30})?$/;

/**
 * JSON texts of which the input contains one. What is in quotes is a text; `10248` without them is the number and the text, since whoever
 * searches rarely knows which it is.
 */
function inputTerm(term: Term): string[] {
  const path = readPath(term.name.slice('input.'.length), term.at + 'input.'.length);
  if (term.operator !== '')
    throw new SearchMistake('inputs are compared for equality only', term.valueAt - term.operator.length);
  const asText = JSON.stringify(term.value);
  const isLiteral = !term.quoted && (NUMBER.test(term.value) || ['true', 'false', 'null'].includes(term.value));
  // Not by way of a number of JavaScript, which would change long ones.
  return (isLiteral ? [term.value, asText] : [asText]).map((leaf) =>
    path.reduceRight((inner, { name, isList }) => `{${JSON.stringify(name)}:${isList ? `[${inner}]` : inner}}`, leaf),
  );
}
