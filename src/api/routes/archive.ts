import { z } from 'zod';
import type { ArchivedTaskRow } from '../../archive/find-tasks.ts';
import { ConfigError } from '../../errors.ts';
import type { TaskDetails } from '../../reads/task.ts';
import { STEP, TASK } from '../examples.ts';
import { Problem } from '../problem.ts';
import { defineRoute, type RouteRequest } from '../route.ts';
import { json, reason, taskId, text, time } from '../schemas/common.ts';
import { stepFields, task } from '../schemas/tasks.ts';
import { errorView } from '../views.ts';
import { params } from './one-task.ts';
import { requireNamespace, requireTask } from './task-scope.ts';

const archivedTask = z
  .object({
    task_id: taskId,
    namespace: z.string(),
    workflow: z.string(),
    version: z.string(),
    state: z.string(),
    generation: z.number().int().nullable(),
    tags: z.array(z.string()).nullable(),
    requested_at: time,
    ended_at: time,
    archive_id: z.string(),
    object: z.string(),
  })
  .meta({ id: 'ArchivedTask', description: 'A task in the archive, without its steps.' });

const EXAMPLE = {
  task_id: '4711',
  namespace: 'shop',
  workflow: 'checkout',
  version: '1.4.0',
  state: 'complete',
  generation: null,
  tags: ['vip'],
  requested_at: '2025-03-01T09:30:00.000Z',
  ended_at: '2025-03-01T09:31:00.000Z',
  archive_id: '12',
  object: 'tasks/2025/03/12.tasks',
} as const;

const ENDED_STEP = {
  ...STEP,
  state: 'complete',
  parents: [],
  attempts: 1,
  blocked_at: null,
  processed_at: '2025-03-01T09:31:00.000Z',
  last_error: null,
} as const;

export const findArchived = defineRoute({
  operation: 'findArchivedTasks',
  method: 'GET',
  path: '/v1/archived-tasks',
  summary: 'Tasks in the archive with a tag, or with the key of a submit',
  description: 'Reads the index of each object of the archive that may have one, the newest first.',
  permission: 'tasks:read',
  scope: 'namespace',
  cost: 'report',
  query: z.strictObject({
    tag: text.optional(),
    key: text.optional().describe('With `workflow` and `namespace`.'),
    workflow: text.optional(),
    namespace: text.default('default'),
    limit: z.coerce.number().int().min(1).max(200).default(50),
  }),
  response: z.object({
    items: z.array(archivedTask),
    complete: z.boolean().describe('False: there are more, or the time was over.'),
  }),
  example: { query: '?tag=vip', response: { items: [EXAMPLE], complete: true } },
  async handle(request) {
    const { client, principal, query, signal } = request;
    const { tag, key, workflow, namespace, limit } = query;
    if ((tag === undefined) === (key === undefined) || (key === undefined) !== (workflow === undefined)) {
      throw new Problem('REQUEST_INVALID', 'give either tag, or key with workflow');
    }
    const search = tag === undefined ? { namespace, workflow: workflow as string, key: key as string } : { tag };
    if (tag === undefined) requireNamespace(principal, namespace);
    return inArchive(async () => {
      const items: ArchivedTaskRow[] = [];
      for await (const found of client.archive.find(search)) {
        if (principal.namespaces?.includes(found.namespace) === false) continue;
        if (items.length === limit || signal.aborted) return { body: { items, complete: false } };
        items.push(found);
      }
      return { body: { items, complete: true } };
    });
  },
});

/** Throws Problem if there is no archive. */
export async function inArchive<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ConfigError) throw new Problem('NOT_FOUND', 'this API has no archive: set TASKER_ARCHIVE_URL');
    throw error;
  }
}

const missing = (id: string): Problem => new Problem('NOT_FOUND', `there is no task ${id} in the archive`);

type Found = Awaited<ReturnType<RouteRequest['client']['archive']['show']>>;

/** The task in the archive; undefined: none that whoever asks may see. */
async function find({ client, principal, params: { task_id: id } }: RouteRequest<{ task_id: string }>): Promise<Found> {
  const found = await inArchive(() => client.archive.show(id));
  return found !== undefined && principal.namespaces?.includes(found.task.namespace) === false ? undefined : found;
}

const { allowed_actions: _actions, ...fields } = stepFields;
const step = z.object({ ...fields, result: json.describe('Null for whoever may not read payloads.') });

function shown({ context, steps, ...rest }: TaskDetails, { principal, redact }: RouteRequest): object {
  const { identity_hash: _identity, allowed_actions: _allowed, ...row } = rest;
  const mayRead = principal.permissions.has('payload:read');
  return {
    ...row,
    input: mayRead ? redact(context, 'input') : null,
    steps: steps.map(({ workflow_step_id: _id, retryable: _may, allowed_actions: _do, results, ...each }) => ({
      ...each,
      last_error: errorView(each.last_error, principal),
      result: mayRead ? redact(results, 'result') : null,
    })),
  };
}

export const getArchived = defineRoute({
  operation: 'getArchivedTask',
  method: 'GET',
  path: '/v1/archived-tasks/{task_id}',
  summary: 'A task as it was when it was archived',
  permission: 'tasks:read',
  scope: 'namespace',
  cost: 'report',
  params,
  response: task
    .extend({
      archive_id: z.string(),
      object: z.string(),
      stored_at: time,
      superseded_by: taskId.nullable(),
      replaces: taskId.nullable(),
      trace_id: z.string().nullable(),
      input: json.describe('Null for whoever may not read payloads.'),
      steps: z.array(step),
    })
    .meta({ id: 'ArchivedTaskDetails', description: 'A task in the archive with its steps.' }),
  example: {
    response: {
      ...TASK,
      archive_id: '12',
      object: 'tasks/2025/03/12.tasks',
      stored_at: '2025-04-01T00:10:00.000Z',
      superseded_by: null,
      replaces: null,
      trace_id: null,
      input: { order: 'A-1' },
      steps: [{ ...ENDED_STEP, result: { charged: true } }],
    },
  },
  async handle(request) {
    const archived = await find(request);
    if (archived === undefined) throw missing(request.params.task_id);
    const { task: found, record } = archived;
    const { archive_id, object, stored_at } = record;
    return { body: { ...shown(found, request), archive_id, object, stored_at } };
  },
});

export const restoreArchived = defineRoute({
  operation: 'restoreArchivedTask',
  method: 'POST',
  path: '/v1/archived-tasks/{task_id}:restore',
  summary: 'Bring a task back into the tables, with the other tasks of its identity',
  permission: 'retention:write',
  scope: 'namespace',
  cost: 'write',
  act: 'task.restore',
  params,
  body: z
    .strictObject({
      keep_seconds: z
        .number()
        .int()
        .min(0)
        .max(3_162_240_000)
        .default(604_800)
        .describe('How long retention leaves it.'),
      reason: reason.optional(),
      dry_run: z.boolean().default(false).describe('Change nothing, and answer with what would come of it.'),
    })
    .optional(),
  response: z.object({
    outcome: z.enum(['restored', 'alive']),
    task_ids: z.array(taskId),
    keep_until: time.nullable(),
  }),
  example: {
    body: { reason: 'a complaint' },
    response: { outcome: 'restored', task_ids: ['4711'], keep_until: '2026-03-08T09:40:00.000Z' },
  },
  async handle(request) {
    const { client, params: given, body, principal } = request;
    const id = given.task_id;
    // One that is in the tables was restored before; of another namespace it is as one that does not exist.
    if ((await find(request)) === undefined) await requireTask(request, id);
    const done = await client.archive.restore(id, {
      by: principal.name,
      reason: body?.reason,
      ...(body === undefined ? {} : { keepSeconds: body.keep_seconds, dryRun: body.dry_run }),
    });
    if (done.outcome === 'restored')
      return { body: { outcome: 'restored', task_ids: done.taskIds, keep_until: done.keepUntil } };
    if (done.outcome === 'alive') return { body: { outcome: 'alive', task_ids: [id], keep_until: null } };
    if (done.outcome === 'not_found') throw missing(id);
    throw new Problem('REFUSED', WHY[done.outcome], { members: done });
  },
});

const WHY = {
  identity_taken: 'another task has its identity now',
  identity_incomplete: 'it is a later task of an identity whose first task was purged',
  id_taken: 'another task has its id: the database was restored to an earlier time',
} as const;
