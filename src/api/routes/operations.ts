import { z } from 'zod';
import type { OperationRow } from '../../db/statements/operations/operations.ts';
import { MAX_RETRY_LIMIT } from '../../workflow/step-options.ts';
import { PAGE } from '../examples.ts';
import { pageBody } from '../page-body.ts';
import type { Principal } from '../permissions.ts';
import { Problem } from '../problem.ts';
import { defineRoute, type RouteRequest } from '../route.ts';
import { cursor, idOf, json, limit, listOf, name, page, reason, state, taskId, text } from '../schemas/common.ts';
import {
  ACTIONS,
  ITEM_STATES,
  operation,
  OPERATION_EXAMPLE,
  OPERATION_STATES,
  operationItem,
  previewed,
} from '../schemas/operations.ts';
import { filterOf } from './task-list.ts';

export const params = z.object({
  operation_id: idOf('an operation'),
});

const moment = z.iso.datetime({ offset: true });

const filter = z
  .strictObject({
    state: z.array(state).min(1).max(10).optional().describe('Default: those in which the action is possible.'),
    namespace: text.optional(),
    workflow: text.optional(),
    version: text.optional(),
    key: text.optional(),
    tag: z.array(text).min(1).max(50).optional(),
    initiator: text.optional(),
    schedule: text.optional(),
    error: text.optional(),
    fingerprint: text.optional(),
    requested_since: moment.optional(),
    requested_before: moment.optional(),
    rerun_of: taskId.optional(),
    queue: text.optional(),
    source_system: text.optional(),
    ended_since: moment.optional(),
    ended_before: moment.optional(),
    q: z.string().min(1).max(2000).optional(),
  })
  .describe('As the parameters of `listTasks`, at least one of them.');

/** Whom the operation belongs to, and what it may touch. */
export const scopeOf = ({ id, namespaces }: Principal) => ({ principal: id, namespaces });

export const createOperation = defineRoute({
  operation: 'createOperation',
  act: 'operation.preview',
  method: 'POST',
  path: '/v1/operations',
  summary: 'Choose the tasks of a bulk operation, and count them',
  description:
    'Changes no task: this is the dry run. The tasks are chosen once; whatever comes later is no part of it. `startOperation` with the `token` of the answer lets it run, within an hour.',
  permission: 'bulk:operate',
  scope: 'namespace',
  cost: 'report',
  body: z.strictObject({
    action: z.enum(ACTIONS),
    filter: filter.optional(),
    task_ids: z.array(taskId).min(1).max(10_000).optional().describe('Instead of a filter.'),
    attempts: z
      .number()
      .int()
      .min(1)
      .max(MAX_RETRY_LIMIT)
      .optional()
      .describe('Of a retry: further attempts. Default 1.'),
    step: name.optional().describe('Of a resolve: this step, instead of the whole task.'),
    result: json.optional().describe('Of a resolve with `step`: what its children see.'),
    from: z.array(name).min(1).max(1000).optional().describe('Of a rerun: the steps to begin with.'),
    pace_per_second: z.number().min(0.01).max(1000).default(50).describe('Tasks a second, at most.'),
    canary: z
      .union([
        z.number().int().min(0).max(100_000),
        z.string().regex(/^\d{1,3}(\.\d{1,3})?%$/, 'is no share of the tasks: such as 1%'),
      ])
      .default(0)
      .describe('This many tasks, or a share such as `1%`, come first and are waited for.'),
    stop_share: z
      .number()
      .positive()
      .max(1)
      .nullable()
      .optional()
      .describe(
        'Stop when this share of the tasks failed again with what they had failed with before; null: never. Default 0.2 of a retry and a rerun.',
      ),
    reason: reason.optional(),
  }),
  response: previewed,
  status: 201,
  example: {
    body: {
      action: 'retry',
      filter: { fingerprint: '9c41d0a2b7e3' },
      canary: '1%',
      pace_per_second: 50,
      reason: 'the bank is back',
    },
    response: {
      ...OPERATION_EXAMPLE,
      state: 'preview',
      waiting: 214,
      done: 0,
      refused: 0,
      settled: 0,
      came_back: 0,
      canary_passed: false,
      started_at: null,
      allowed_actions: ['start'],
      token: '12-5f0c1d...',
      missing: [],
    },
  },
  async handle({ client, principal, body, redact, signal, transaction }) {
    const { filter: given, task_ids: taskIds, pace_per_second, stop_share, ...rest } = body;
    const found = await client.operations.preview({
      ...rest,
      ...scopeOf(principal),
      filter: given === undefined ? undefined : filterOf(given, { principal, redact }),
      taskIds,
      pacePerSecond: pace_per_second,
      stopShare: stop_share,
      by: principal.name,
      signal,
      transaction,
    });
    // Not thrown: nobody was refused.
    if (found === undefined) return { problem: new Problem('NOT_FOUND', 'there are no such tasks') };
    const { operation: row, token, missing } = found;
    return { status: 201, body: { ...operationView(row, { principal, redact }), token, missing } };
  },
});

export const listOperations = defineRoute({
  operation: 'listOperations',
  shared: true,
  method: 'GET',
  path: '/v1/operations',
  summary: 'Bulk operations, the newest first',
  description:
    'They are kept for 90 days after their end. Whoever may see some namespaces sees those about nothing else.',
  permission: 'tasks:read',
  scope: 'namespace',
  cost: 'point',
  query: z.strictObject({
    state: listOf(z.enum(OPERATION_STATES)),
    before: params.shape.operation_id
      .optional()
      .describe('Only operations before this one: the last of a page before, in place of a cursor.'),
    limit,
    cursor,
  }),
  response: page(operation),
  example: { query: '?state=running', response: { items: [OPERATION_EXAMPLE], ...PAGE } },
  async handle({ client, cursors, principal, query, redact }) {
    const { namespaces } = principal;
    const list = ['listOperations', query.state, namespaces, query.before];
    const rows = await client.operations.list({
      namespaces,
      ...(query.state === undefined ? {} : { states: query.state }),
      before: query.cursor === undefined ? query.before : cursors.open(list, query.cursor),
      limit: query.limit + 1,
    });
    return {
      body: pageBody(rows, {
        most: query.limit,
        cursors,
        list,
        placeOf: (row) => row.operation_id,
        show: (row) => operationView(row, { principal, redact }),
        scannedTo: (row) => row.created_at,
      }),
    };
  },
});

export const getOperation = defineRoute({
  operation: 'getOperation',
  shared: true,
  method: 'GET',
  path: '/v1/operations/{operation_id}',
  summary: 'A bulk operation, and how far it is',
  permission: 'tasks:read',
  scope: 'namespace',
  cost: 'point',
  params,
  response: operation,
  example: { response: OPERATION_EXAMPLE },
  async handle(request) {
    return { body: operationView(await requireOperation(request, request.params), request) };
  },
});

export const listOperationItems = defineRoute({
  operation: 'listOperationItems',
  shared: true,
  method: 'GET',
  path: '/v1/operations/{operation_id}/items',
  summary: 'What came of each task of a bulk operation, in the order in which they are acted on',
  permission: 'tasks:read',
  scope: 'namespace',
  cost: 'list',
  params,
  query: z.strictObject({
    state: z.enum(ITEM_STATES).optional(),
    after: taskId.optional().describe('Only tasks after this one: the last of a page before, in place of a cursor.'),
    limit,
    cursor,
  }),
  response: page(operationItem),
  example: {
    query: '?state=refused',
    response: {
      items: [
        {
          task_id: '4711',
          task_state: 'error',
          fingerprints: ['9c41d0a2b7e3'],
          state: 'refused',
          outcome: 'changed',
          detail: null,
          new_task_id: null,
          acted_at: '2026-03-01T09:40:11.000Z',
          settled: null,
          state_now: 'complete',
        },
      ],
      ...PAGE,
    },
  },
  async handle(request) {
    const { client, cursors, params: of, principal, query } = request;
    await requireOperation(request, of);
    const list = ['listOperationItems', of.operation_id, query.state, query.after];
    const rows = await client.operations.items(of.operation_id, {
      state: query.state,
      after: query.cursor === undefined ? query.after : cursors.open(list, query.cursor),
      limit: query.limit + 1,
    });
    const mayRead = principal.permissions.has('payload:read');
    return {
      body: pageBody(rows, {
        most: query.limit,
        cursors,
        list,
        placeOf: (item) => item.task_id,
        // The text of an error of the database may repeat what the task works on.
        show: (item) => ({ ...item, detail: item.state === 'failed' && !mayRead ? null : item.detail }),
      }),
    };
  },
});

/** The operation, if whoever asks may see it. Throws Problem. */
export async function requireOperation(
  { client, principal }: Pick<RouteRequest, 'client' | 'principal'>,
  { operation_id: operationId }: { operation_id: string },
): Promise<OperationRow> {
  const found = await client.operations.get(operationId, principal);
  if (found === undefined) throw new Problem('NOT_FOUND', `there is no operation ${operationId}`);
  return found;
}

export const ALLOWED: Readonly<Record<OperationRow['state'], readonly string[]>> = {
  preview: ['start'],
  running: ['pause', 'abort'],
  paused: ['resume', 'abort'],
  stopped: ['resume', 'abort'],
  done: [],
  aborted: [],
};

/** With what is left, and what is allowed. A result, the text of an error and what is looked for in inputs are payloads. */
export function operationView(
  row: OperationRow,
  { principal: { permissions }, redact }: Pick<RouteRequest, 'principal' | 'redact'>,
): object {
  const { result, ...options } = row.options;
  const { error: _error, input_has: _input, ...hidden } = (row.selection['filter'] ?? {}) as Record<string, unknown>;
  const mayRead = permissions.has('payload:read');
  const waits = row.state === 'running' && !row.canary_passed;
  return {
    ...row,
    options: mayRead && result !== undefined ? { ...options, result: redact(JSON.parse(result), 'result') } : options,
    selection: mayRead || row.selection['filter'] === undefined ? row.selection : { filter: hidden },
    waiting: row.total - row.done - row.refused - row.failed,
    allowed_actions: waits ? [...ALLOWED.running, 'resume'] : ALLOWED[row.state],
  };
}
