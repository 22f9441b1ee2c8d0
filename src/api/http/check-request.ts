import { z } from 'zod';
import { type FieldProblem, Problem } from '../problem.ts';
import type { Route } from '../route.ts';
import { describeIssues, type Part } from './describe-issue.ts';

interface Given {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

/** Reads the parts of a request by the schemas of its route. Throws one Problem with everything that is wrong. */
export function checkRequest(route: Route, given: Given): Given {
  const errors: FieldProblem[] = [];
  const read = (schema: z.ZodType | undefined, value: unknown, kind: Part['kind']): unknown => {
    if (schema === undefined) return undefined;
    const parsed = schema.safeParse(value, { reportInput: true });
    if (parsed.success) return parsed.data;
    errors.push(...describeIssues(parsed.error.issues, { kind, schema, given: value }));
    return undefined;
  };
  const params = read(route.params, given.params, 'query');
  const query = read(route.query ?? NO_QUERY, given.query, 'query');
  if (errors.length > 0) throw refused('REQUEST_INVALID', 'the path or a parameter of the request is wrong', errors);
  if (route.body === undefined && given.body !== undefined && given.body !== null)
    throw new Problem('REQUEST_INVALID', 'this takes no body');
  const body = read(route.body, given.body, 'body');
  if (errors.length > 0) throw refused('INPUT_INVALID', 'the body is not what this takes', errors);
  return { params, query, body };
}

const NO_QUERY = z.strictObject({});

function refused(code: 'REQUEST_INVALID' | 'INPUT_INVALID', what: string, errors: readonly FieldProblem[]): Problem {
  const shown = errors.slice(0, 20);
  const [first] = shown;
  // The pointer to the whole body is an empty text.
  return new Problem(code, `${what}: ${first?.pointer === '' ? 'it' : first?.pointer} ${first?.detail}`, {
    errors: shown,
  });
}
