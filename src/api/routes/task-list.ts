import { z } from 'zod';
import { InvalidInputError } from '../../errors.ts';
import { exactTime } from '../../exact-time.ts';
import { parseSearch } from '../../reads/search/parse-search.ts';
import type { TaskFilter } from '../../reads/task-filter.ts';
import { PAGE, TASK } from '../examples.ts';
import { Problem } from '../problem.ts';
import { defineRoute, type RouteRequest } from '../route.ts';
import { cursor, limit, listOf, page, state, taskId, text } from '../schemas/common.ts';
import { task } from '../schemas/tasks.ts';
import { namesApart } from '../../client/workflow-reference.ts';
import { requireNamespace } from './task-scope.ts';

const query = z.strictObject({
  state: listOf(state).describe('Tasks in one of these states.'),
  namespace: text.optional(),
  workflow: text.optional(),
  version: text.optional(),
  key: text.optional().describe('The key that a submit gave; needs `workflow`.'),
  tag: listOf(text).describe('Tasks that have all of these tags.'),
  initiator: text.optional(),
  rerun_of: taskId.optional().describe('Tasks that reruns have made of this one.'),
  schedule: text.optional().describe('Tasks that the schedule of this key submitted.'),
  error: text
    .optional()
    .describe('Tasks that fail now with an error whose name, code or message has this text. Needs `payload:read`.'),
  fingerprint: text.optional().describe('Tasks that fail now with this cause: `listFailures` has it.'),
  requested_since: z.iso.datetime({ offset: true }).optional(),
  requested_before: z.iso.datetime({ offset: true }).optional(),
  queue: text.optional().describe('Tasks that have a step in this queue that is not done.'),
  source_system: text.optional(),
  ended_since: z.iso.datetime({ offset: true }).optional(),
  ended_before: z.iso.datetime({ offset: true }).optional(),
  q: z
    .string()
    .min(1)
    .max(2000)
    .optional()
    .describe(
      'A search, beside the other parameters: `state:error workflow:shop/checkout tag:vip input.order:"10248" age:>1h attempts:>=3`. Terms for `error` and `input` need `payload:read`.',
    ),
  count: z
    .enum(['capped'])
    .optional()
    .describe('Also how many tasks there are: up to 10,000, within some 200 ms. Each request counts anew.'),
  limit,
  cursor,
});

/** The filters of a list, as a request has them. */
export type GivenFilter = Omit<z.output<typeof query>, 'limit' | 'cursor' | 'count'>;

/** What whoever asks may filter by. Throws Problem. */
export function filterOf(
  given: GivenFilter,
  { principal, redact }: Pick<RouteRequest, 'principal' | 'redact'>,
): TaskFilter {
  const searched = given.q === undefined ? {} : searchOf(given.q);
  const at = (time: string | undefined): Date | undefined => (time === undefined ? undefined : exactTime(time));
  const { namespace, workflow, version } = namesApart(given);
  const named: TaskFilter = {
    states: given.state,
    namespace,
    namespaces: principal.namespaces,
    workflow,
    version,
    key: given.key,
    tags: given.tag,
    initiator: given.initiator,
    rerunOf: given.rerun_of,
    schedule: given.schedule,
    error: given.error,
    fingerprint: given.fingerprint,
    requestedSince: at(given.requested_since),
    requestedBefore: at(given.requested_before),
    queue: given.queue,
    sourceSystem: given.source_system,
    endedSince: at(given.ended_since),
    endedBefore: at(given.ended_before),
  };
  const filter = bothOf(searched, named);
  if (!principal.permissions.has('payload:read') && (filter.error ?? filter.inputHas) !== undefined) {
    const what = filter.error === undefined ? 'input` looks into inputs' : 'error` looks into the messages of errors';
    throw new Problem('FORBIDDEN', `the filter \`${what}, which needs payload:read`);
  }
  // Who may guess at a value, and learns whether it is right, may read it.
  const places = filter.inputHas?.map(([has]) => placeOf(JSON.parse(has as string)));
  const hidden = places?.find((place) => redact.hides(place, 'input'));
  if (hidden !== undefined)
    throw new Problem('FORBIDDEN', `the search looks into input.${hidden.join('.')}, which TASKER_REDACT hides`);
  if (filter.namespace !== undefined) requireNamespace(principal, filter.namespace);
  return filter;
}

/** Of `{"lines":[{"sku":"a"}]}`: lines, *, sku. */
function placeOf(has: unknown): string[] {
  if (typeof has !== 'object' || has === null) return [];
  const [[name, inner]] = Object.entries(has) as [[string, unknown]];
  return [Array.isArray(has) ? '*' : name, ...placeOf(inner)];
}

/** Throws Problem, which shows the character that is wrong. */
function searchOf(q: string): TaskFilter {
  try {
    return parseSearch(q);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    const { message, details } = error;
    const detail = message.split('\n')[0]?.replace(/^q, /, '') ?? '';
    throw new Problem('REQUEST_INVALID', message, {
      errors: [{ pointer: 'q', detail }],
      members: { position: details['position'] },
    });
  }
}

/** A parameter and a term of the search for the same are a contradiction, or one too many. Throws Problem. */
function bothOf(searched: TaskFilter, named: TaskFilter): TaskFilter {
  const present = Object.entries(named).filter(([, value]) => value !== undefined);
  const twice = present.find(([name]) => searched[name as keyof TaskFilter] !== undefined)?.[0];
  if (twice !== undefined) {
    const detail = `has a term for ${twice}, which is a parameter as well: give one of them`;
    throw new Problem('REQUEST_INVALID', `q ${detail}`, { errors: [{ pointer: 'q', detail }] });
  }
  return { ...searched, ...Object.fromEntries(present) };
}

export const listTasks = defineRoute({
  operation: 'listTasks',
  shared: true,
  method: 'GET',
  path: '/v1/tasks',
  summary: 'Tasks without their steps, the newest first',
  description:
    'A page costs the same however many tasks there are. There are no totals; `count=capped` counts a little. A page with `complete: false` has read enough for one request: the next one goes on. Such a page is kept for a hundred times as long as it took, or longer while many read, at most 15 seconds, and has its `Age`.',
  permission: 'tasks:read',
  scope: 'namespace',
  cost: 'list',
  query,
  response: page(task).extend({
    search_path: z
      .string()
      .nullable()
      .describe(
        'The enabled path by which inputs were searched (`listSearchPaths`); null: inputs were looked into, or not asked about.',
      ),
    count: z
      .object({ tasks: z.number().int(), exact: z.boolean().describe('False: there are more.') })
      .optional()
      .describe('If it was asked for.'),
  }),
  example: { query: '?state=error&namespace=shop&limit=1', response: { items: [TASK], ...PAGE, search_path: null } },
  async handle({ client, principal, query: given, cursors, redact }) {
    const filter = filterOf(given, { principal, redact });
    const { cursor: from, limit: most, count: counted, ...asked } = given;
    // What was asked, and not what it means now: an age is a time that each page would have anew.
    const list = ['listTasks', asked, principal.namespaces ?? null];
    const place = from === undefined ? undefined : cursors.open(list, from);
    // A place has its filter.
    const found = await client.taskPage(
      place === undefined ? { ...filter, limit: most } : { cursor: place, limit: most },
    );
    return {
      // What has read as much as a page may, and found too little, is not read again and again.
      mayBeKept: !found.complete,
      body: {
        items: found.tasks,
        next_cursor: found.nextCursor === undefined ? null : cursors.sign(list, found.nextCursor),
        complete: found.complete,
        scanned_to: found.scannedTo ?? null,
        as_of: found.asOf,
        search_path: found.searchPath ?? null,
        ...(counted === undefined ? {} : { count: await client.countTasks(filter) }),
      },
    };
  },
});
