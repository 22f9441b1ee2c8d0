import { z } from 'zod';
import { didYouMean } from '../../workflow/did-you-mean.ts';
import { type FieldProblem, Problem } from '../problem.ts';
import type { Route } from '../route.ts';

interface Given {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

/** Reads the parts of a request by the schemas of its route. Throws one Problem with everything that is wrong. */
export function checkRequest(route: Route, given: Given): Given {
  const errors: FieldProblem[] = [];
  const read = (schema: z.ZodType | undefined, value: unknown, at: (path: string) => string): unknown => {
    if (schema === undefined) return undefined;
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) {
      const { path, message } = issue;
      if (issue.code === 'unrecognized_keys') {
        for (const key of issue.keys)
          errors.push({ pointer: at([...path, key].map(escaped).join('/')), detail: unknown(key, schema, path) });
      } else errors.push({ pointer: at(path.map(escaped).join('/')), detail: message });
    }
    return undefined;
  };
  const params = read(route.params, given.params, (path) => path);
  const query = read(route.query ?? NO_QUERY, given.query, (path) => path);
  if (errors.length > 0) throw refused('REQUEST_INVALID', 'the path or a parameter of the request is wrong', errors);
  if (route.body === undefined && given.body !== undefined && given.body !== null)
    throw new Problem('REQUEST_INVALID', 'this takes no body');
  const body = read(route.body, given.body, (path) => `/${path}`);
  if (errors.length > 0) throw refused('INPUT_INVALID', 'the body is not what this takes', errors);
  return { params, query, body };
}

/** Which names there are instead: of a member of a nested object they are in the reference. */
function unknown(key: string, schema: z.ZodType, path: readonly PropertyKey[]): string {
  let object: unknown = schema;
  while (object instanceof z.ZodOptional || object instanceof z.ZodDefault) object = object.unwrap();
  if (path.length > 0 || !(object instanceof z.ZodObject)) return 'is not known here';
  const names = Object.keys(object.shape as object);
  if (names.length === 0) return 'is not known: this takes none';
  const hint = didYouMean(key, names);
  return hint === '' ? `is not known: there are ${names.join(', ')}` : `is not known${hint}`;
}

const NO_QUERY = z.strictObject({});

function refused(code: 'REQUEST_INVALID' | 'INPUT_INVALID', what: string, errors: readonly FieldProblem[]): Problem {
  const shown = errors.slice(0, 20);
  const [first] = shown;
  return new Problem(code, `${what}: ${first?.pointer} ${first?.detail}`, { errors: shown });
}

const escaped = (key: PropertyKey): string => String(key).replaceAll('~', '~0').replaceAll('/', '~1');
