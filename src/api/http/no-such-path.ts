import { didYouMean } from '../../workflow/did-you-mean.ts';
import { preview } from '../../workflow/preview.ts';
import { Problem } from '../problem.ts';
import type { Route } from '../route.ts';
import { ROUTES } from '../routes/index.ts';

/** With GET there is HEAD. An event stream has none: its response has no end, and nobody waits for the head alone. */
export const methodsOf = ({ method, waits }: Route): string[] =>
  method === 'GET' && waits !== 'always' ? ['GET', 'HEAD'] : [method];

const patternOf = (path: string): RegExp =>
  new RegExp(`^${path.replaceAll('.', String.raw`\.`).replaceAll(/\{\w+\}/g, '[^/]+')}$`);

const PATHS = ROUTES.map((route) => ({ methods: methodsOf(route), pattern: patternOf(route.path) }));

/** `/v1/tasks/{task_id}` has the acts cancel, retry and others. */
const ACTS = ROUTES.flatMap(({ path }) => {
  const [, base, act] = /^(.+):(\w+)$/.exec(path) ?? [];
  return base === undefined || act === undefined ? [] : [{ act, pattern: patternOf(base) }];
});

/** What there is instead of a path that there is not: other methods, other acts, the same without a slash. */
export function noSuchPath(path: string, method: string): Problem {
  const [, base = '', act = ''] = /^(.+):([^/:]*)$/.exec(path) ?? [];
  const acts = ACTS.filter(({ pattern }) => pattern.test(base)).map((one) => one.act);
  if (acts.length > 0 && !acts.includes(act) && method !== 'GET' && method !== 'HEAD') {
    const hint = didYouMean(act, acts) || `: there are ${acts.join(', ')}`;
    return new Problem('NOT_FOUND', `there is no act ${preview(act)} here${hint}`);
  }
  const methods = new Set(PATHS.filter(({ pattern }) => pattern.test(path)).flatMap((one) => one.methods));
  if (methods.size === 0 || methods.has(method)) return new Problem('NOT_FOUND', missing(path));
  const allow = [...methods].join(', ');
  return new Problem('METHOD_NOT_ALLOWED', `${preview(method)} is none of the methods of this path: it has ${allow}`, {
    headers: { allow },
  });
}

function missing(path: string): string {
  if (PATHS.some(({ pattern }) => pattern.test(path.replace(/\/+$/, ''))))
    return 'there is no such path: leave the / at its end out';
  return `there is no path ${preview(path)}: openapi.json has all that there are`;
}
