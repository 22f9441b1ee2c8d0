import { preview } from './preview.ts';

/** Names of namespaces, workflows and steps: they are used in SQL, metrics, URLs and diagrams, which need no quoting for them. */
const NAME = /^[a-z][a-z0-9_]{0,127}$/;
const QUEUE = /^[a-z][a-z0-9_.-]{0,62}$/;
const VERSION = /^(0|[1-9][0-9]{0,4})\.(0|[1-9][0-9]{0,4})\.(0|[1-9][0-9]{0,4})$/;

/** The problem of a name, or undefined. */
export function nameProblem(value: unknown): string | undefined {
  if (typeof value === 'string' && NAME.test(value)) return undefined;
  const rule = 'a name has 1 to 128 characters a-z, 0-9 and _, the first one a letter';
  if (typeof value !== 'string') return `the name is ${preview(value)}: ${rule}`;
  const fixed = legalName(value);
  return `the name is ${preview(value)}: ${rule}${fixed === undefined ? '' : `, for example "${fixed}"`}`;
}

export function queueProblem(value: unknown): string | undefined {
  if (typeof value === 'string' && QUEUE.test(value)) return undefined;
  return `is ${preview(value)}: a queue's name has 1 to 63 characters a-z, 0-9, _, - and ., the first one a letter`;
}

export function versionProblem(value: unknown): string | undefined {
  if (typeof value === 'string' && VERSION.test(value)) return undefined;
  const hint = typeof value === 'number' ? ' (a text: put it in quotes)' : '';
  return `the version is ${preview(value)}: it has three numbers without leading zeros, such as 1.0.0${hint}`;
}

/** A legal name that is like this text; undefined if the text has no letter to begin with. */
export function legalName(text: string): string | undefined {
  const name = text
    .slice(0, 128)
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^[^a-z]+|_+$/g, '');
  return NAME.test(name) ? name : undefined;
}
