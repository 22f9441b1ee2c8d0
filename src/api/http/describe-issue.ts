import { z } from 'zod';
import { didYouMean } from '../../workflow/did-you-mean.ts';
import { preview } from '../../workflow/preview.ts';
import type { FieldProblem } from '../problem.ts';

type Issue = z.core.$ZodIssue;

/** Where values of a request stand, and how a problem names their place. */
export interface Part {
  /** `query`: the names of parameters, whose values are texts. `body`: JSON pointers. */
  readonly kind: 'query' | 'body';
  readonly schema: z.ZodType;
  readonly given: unknown;
}

/** Every issue of a part of a request with its place, the value that is there, and what to send instead. */
export const describeIssues = (issues: readonly Issue[], part: Part): FieldProblem[] =>
  issues.flatMap((issue) => describe(issue, part));

function describe(issue: Issue, part: Part): FieldProblem[] {
  const { path, code } = issue;
  if (code === 'unrecognized_keys') {
    const names = namesAt(part.schema, path);
    return issue.keys.map((key) => ({ pointer: pointerOf([...path, key], part), detail: unknown(key, names) }));
  }
  if (code === 'invalid_union') {
    const [closest = [], ...others] = issue.errors.toSorted((one, other) => one.length - other.length);
    // Each of the alternatives is about the value as a whole: any of them would do.
    const isWhole = [closest, ...others].every((each) => each.length === 1 && each[0]?.path.length === 0);
    if (!isWhole) return closest.flatMap((each) => describe({ ...each, path: [...path, ...each.path] }, part));
    const fixes = [closest, ...others].flatMap((each) => each.map((one) => fixOf(one)));
    return [{ pointer: pointerOf(path, part), detail: `${shownOf(issue, part)}: send ${fixes.join(', or ')}` }];
  }
  return [{ pointer: pointerOf(path, part), detail: detailOf(issue, part) }];
}

function detailOf(issue: Issue, part: Part): string {
  const value = valueOf(issue, part);
  if (part.kind === 'query' && Array.isArray(value)) return `is given ${value.length} times: give it once`;
  if (value === undefined) return `is missing: send ${fixOf(issue)}`;
  if (issue.code === 'custom') return issue.message;
  // Of a schema that has words of its own: `is no id of a key: the 12 characters behind tsk_`.
  if (issue.code === 'invalid_format' && !issue.message.startsWith('Invalid '))
    return issue.message.includes(preview(value)) ? issue.message : `${preview(value)} ${issue.message}`;
  if (issue.code === 'invalid_value' && typeof value === 'string') {
    const hint = didYouMean(value, issue.values.map(String));
    if (hint !== '') return `is ${preview(value)}${hint}`;
  }
  return `${shownOf(issue, part)}: send ${fixOf(issue)}`;
}

const shownOf = (issue: Issue, part: Part): string => {
  const value = valueOf(issue, part);
  if (value === undefined) return 'is missing';
  const { code } = issue;
  if (code === 'too_big' || code === 'too_small') {
    if (typeof value === 'string' && value !== '' && issue.origin === 'string') return `has ${value.length} characters`;
    if (Array.isArray(value)) return `has ${value.length} items`;
  }
  return `is ${preview(value)}`;
};

/** What the schema takes, as the end of a sentence that begins with `send`. */
function fixOf(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return TYPES[issue.expected] ?? `a ${issue.expected}`;
    case 'invalid_value':
      return `${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map(String).join(', ')}`;
    case 'invalid_format':
      return FORMATS[issue.format] ?? issue.message.replace(/^is no /, 'a ');
    case 'too_small':
      if (issue.inclusive === false) return `more than ${String(issue.minimum)}`;
      return `at least ${amount(issue.minimum, issue.origin)}`;
    case 'too_big':
      return `at most ${amount(issue.maximum, issue.origin)}`;
    default:
      return `what the reference says (${issue.message})`;
  }
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  // Of a member that may be anything but must be there.
  nonoptional: 'any JSON',
};

const FORMATS: Readonly<Record<string, string>> = {
  datetime: 'a time in UTC such as 2026-03-01T09:40:00Z',
};

const UNITS: Readonly<Record<string, string>> = { string: 'character', array: 'item' };

function amount(most: number | bigint, origin: string): string {
  const unit = UNITS[origin];
  return unit === undefined ? String(most) : `${String(most)} ${unit}${Number(most) === 1 ? '' : 's'}`;
}

/** As it was sent: a parameter before it was read as a number, and an item of a list as an item. */
function valueOf({ path, input }: Issue, { kind, given }: Part): unknown {
  const [name] = path;
  if (kind === 'query' && path.length === 1) return (given as Record<PropertyKey, unknown>)[name as PropertyKey];
  return input;
}

/** A parameter has one name, whichever of its items is wrong. */
const pointerOf = (path: readonly PropertyKey[], { kind }: Part): string =>
  kind === 'query' ? String(path[0] ?? '') : path.map((key) => `/${escaped(key)}`).join('');

const escaped = (key: PropertyKey): string => String(key).replaceAll('~', '~0').replaceAll('/', '~1');

/** Which names there are instead. */
function unknown(key: string, names: readonly string[]): string {
  if (names.length === 0) return 'is not known: this takes none';
  const hint = didYouMean(key, names);
  return hint === '' ? `is not known: there are ${names.join(', ')}` : `is not known${hint}`;
}

/** The members of the object that is at this place of a schema. */
function namesAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at = bare(schema);
  for (const key of path) {
    if (at instanceof z.ZodObject) at = bare((at.shape as Record<PropertyKey, z.ZodType>)[key]);
    else if (at instanceof z.ZodArray) at = bare(at.element as z.ZodType);
    else return [];
  }
  if (at instanceof z.ZodUnion)
    return [...new Set((at.options as readonly z.ZodType[]).flatMap((option) => namesAt(option, [])))];
  return at instanceof z.ZodObject ? Object.keys(at.shape as object) : [];
}

function bare(schema: z.ZodType | undefined): z.ZodType | undefined {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodNullable)
    inner = inner.unwrap() as z.ZodType;
  return inner;
}
