import { z } from 'zod';
import type { TaskFilter } from '../../reads/task-filter.ts';
import { PAGE, TASK } from '../examples.ts';
import type { Principal } from '../permissions.ts';
import { Problem } from '../problem.ts';
import { defineRoute } from '../route.ts';
import { cursor, limit, listOf, page, state } from '../schemas/common.ts';
import { task } from '../schemas/tasks.ts';
import { requireNamespace } from './task-scope.ts';

const text = z.string().min(1).max(1000);

const query = z.strictObject({
  state: listOf(state).describe('Tasks in one of these states.'),
  namespace: text.optional(),
  workflow: text.optional(),
  version: text.optional(),
  key: text.optional().describe('The key that a submit gave; needs `workflow`.'),
  tag: listOf(text).describe('Tasks that have all of these tags.'),
  initiator: text.optional(),
  schedule: text.optional().describe('Tasks that the schedule of this key submitted.'),
  error: text
    .optional()
    .describe('Tasks that fail now with an error whose name, code or message has this text. Needs `payload:read`.'),
  fingerprint: text.optional().describe('Tasks that fail now with this cause: `listFailures` has it.'),
  requested_since: z.iso.datetime({ offset: true }).optional(),
  requested_before: z.iso.datetime({ offset: true }).optional(),
  limit,
  cursor,
});

/** The filters of a list, as a request has them. */
export type GivenFilter = Omit<z.output<typeof query>, 'limit' | 'cursor'>;

/** What whoever asks may filter by. Throws Problem. */
export function filterOf(given: GivenFilter, principal: Principal): TaskFilter {
  if (given.error !== undefined && !principal.permissions.has('payload:read')) {
    throw new Problem('FORBIDDEN', 'the filter `error` looks into the messages of errors, which needs payload:read');
  }
  if (given.namespace !== undefined) requireNamespace(principal, given.namespace);
  return {
    states: given.state,
    namespace: given.namespace,
    namespaces: principal.namespaces,
    workflow: given.workflow,
    version: given.version,
    key: given.key,
    tags: given.tag,
    initiator: given.initiator,
    schedule: given.schedule,
    error: given.error,
    fingerprint: given.fingerprint,
    requestedSince: given.requested_since === undefined ? undefined : new Date(given.requested_since),
    requestedBefore: given.requested_before === undefined ? undefined : new Date(given.requested_before),
  };
}

export const listTasks = defineRoute({
  operation: 'listTasks',
  method: 'GET',
  path: '/v1/tasks',
  summary: 'Tasks without their steps, the newest first',
  description:
    'A page costs the same however many tasks there are. There are no totals. A page with `complete: false` has read enough for one request: the next one goes on.',
  permission: 'tasks:read',
  scope: 'namespace',
  cost: 'list',
  query,
  response: page(task),
  example: { query: '?state=error&namespace=shop&limit=1', response: { items: [TASK], ...PAGE } },
  async handle({ client, principal, query: given, cursors }) {
    const filter = filterOf(given, principal);
    const list = ['listTasks', filter];
    const place = given.cursor === undefined ? undefined : cursors.open(list, given.cursor);
    const found = await client.taskPage({ ...filter, limit: given.limit, cursor: place });
    return {
      body: {
        items: found.tasks,
        next_cursor: found.nextCursor === undefined ? null : cursors.sign(list, found.nextCursor),
        complete: found.complete,
        scanned_to: found.scannedTo ?? null,
        as_of: found.asOf,
      },
    };
  },
});
