import { didYouMean } from '../workflow/did-you-mean.ts';
import { needsReason, type Route } from '../api/route.ts';
import { saysWhy } from '../engine/require-reason.ts';
import type { ApiClient } from '../http/api-client.ts';
import { ApiError } from '../http/error.ts';
import type { Previews } from './previews.ts';
import type { Outcome } from './outcome.ts';
import { search } from './search.ts';
import { fieldsOf, type Tool } from './tools.ts';

type Args = Readonly<Record<string, unknown>>;

interface Calling {
  readonly api: ApiClient;
  readonly previews: Previews;
  /** Ends a request whose answer nobody waits for any more. */
  readonly signal: AbortSignal;
}

/** Runs a tool. What the API refuses is an outcome; rejects if there is no answer of it. */
export async function callTool(tool: Tool, given: Args, calling: Calling): Promise<Outcome> {
  const { preview_token: token, ...rest } = given;
  const { properties, required } = tool.inputSchema;
  // A model may send the id of a task as a number: it is the same task, and is looked at before and after a preview.
  const { task_id: id } = rest;
  const args = typeof id === 'number' ? { ...rest, task_id: String(id) } : rest;
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(properties, name));
  if (unknown.length > 0) {
    const known = Object.keys(properties);
    const hint = didYouMean(unknown[0] as string, known) || `: it has ${known.join(', ') || 'none'}`;
    return refused(`${tool.name} has no argument ${unknown.join(', ')}${hint}`);
  }
  const missing = required.filter((name) => args[name] === undefined);
  if (missing.length > 0) return refused(`${tool.name} needs ${missing.join(', ')}`);
  // The first with all of its parameters: the last needs only what is required.
  const route = tool.routes.find((one) => Object.keys(fieldsOf(one).params).every((name) => args[name] !== undefined));
  if (route === undefined) return refused(`${tool.name} needs more arguments`);
  if (tool.searches) return search((more) => ask(calling, route, { ...args, ...more }), args);
  if (!tool.writes) return ask(calling, route, args);
  if (tool.direct !== undefined) {
    const done = await ask(calling, route, args);
    return done.failed ? done : { ...done, note: tool.direct(done.data as Record<string, unknown>) };
  }
  if (token === undefined) return preview(tool, route, args, calling);
  const previewed = typeof token === 'string' ? calling.previews.take(token, tool.name, args) : undefined;
  if (previewed === undefined)
    return refused(
      'nothing was done: the preview_token is not of this call, was used, or is older than ten minutes; call without it for another one',
    );
  return ask(calling, route, args, { ifMatch: previewed.etag });
}

/** What the act would do, and a token with which it is done if the task is then as it is now. */
async function preview(tool: Tool, route: Route, args: Args, calling: Calling): Promise<Outcome> {
  // A preview needs none: its token would be spent on an act that is refused.
  if (needsReason(route) && !saysWhy({ reason: args['reason'] as string | undefined })) {
    const { reason_required: isRequired } = await calling.api.get('/v1/me', { signal: calling.signal });
    if (isRequired) return refused(`${tool.name} needs reason: say why, since TASKER_REQUIRE_REASON is set`);
  }
  const { task_id: taskId } = args;
  const seen = typeof taskId === 'string' ? await etagOf(calling, taskId) : undefined;
  const would = await ask(calling, route, { ...args, dry_run: true }, { ifMatch: seen });
  if (would.failed) return would;
  const token = calling.previews.add(tool.name, args, seen);
  return {
    ...would,
    note: `Nothing was done. The data is what the act would return. To do it, call ${tool.name} with the same arguments and "preview_token": ${JSON.stringify(token)} within ten minutes.`,
  };
}

/** A task that cannot be read has none: the act itself says why. */
async function etagOf({ api, signal }: Calling, taskId: string): Promise<string | undefined> {
  try {
    return (await api.request('GET /v1/tasks/{task_id}', { params: { task_id: taskId }, signal })).etag;
  } catch (error) {
    if (error instanceof ApiError && error.status > 0) return undefined;
    throw error;
  }
}

async function ask(
  { api, signal }: Calling,
  route: Route,
  args: Args,
  { ifMatch }: { ifMatch?: string | undefined } = {},
): Promise<Outcome> {
  const { params, query, body } = fieldsOf(route);
  const only = (fields: object): Record<string, unknown> =>
    Object.fromEntries(Object.entries(args).filter(([name]) => Object.hasOwn(fields, name)));
  const members = only(body);
  const options = {
    params: only(params),
    query: Object.fromEntries(
      Object.entries(only(query)).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : value]),
    ),
    ...(Object.keys(members).length === 0 ? {} : { body: members }),
    ...(ifMatch === undefined ? {} : { ifMatch }),
    signal,
  };
  try {
    const response = await api.request(`${route.method} ${route.path}` as 'GET /v1/queues', options as never);
    return { failed: false, data: response.body };
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === 0 || error.code === 'NOT_THE_API') throw error;
    return { failed: true, data: error.problem };
  }
}

const refused = (note: string): Outcome => ({ failed: true, note, data: null });
