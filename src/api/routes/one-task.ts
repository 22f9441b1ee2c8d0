import { z } from 'zod';
import { findTaskInput, listStepStates } from '../../db/reads/task-documents.ts';
import { taskerErrorCode } from '../../errors.ts';
import { readTaskHead, readTaskOutline } from '../../reads/task.ts';
import { ERROR, STEP, TASK } from '../examples.ts';
import { isKnown } from '../http/if-match.ts';
import { Problem } from '../problem.ts';
import { defineRoute } from '../route.ts';
import { flagOn, taskId } from '../schemas/common.ts';
import { stepState, taskDetails } from '../schemas/tasks.ts';
import { errorView, linksOf, MOST_INLINE_BYTES, payloadView } from '../views.ts';
import { etagOf, requireRevision } from './task-scope.ts';

export const params = z.object({ task_id: taskId });

const { revision: _revision, ...STEP_STATE } = { ...STEP, revision: '7' };

export const getTask = defineRoute({
  operation: 'getTask',
  tagged: true,
  shared: true,
  method: 'GET',
  path: '/v1/tasks/{task_id}',
  summary: 'One task with its steps',
  description:
    'With `wait_seconds` the answer comes when the task has ended or is in error, or when the time is over. All that wait are served by one statement. `ETag` is the state of the task and its steps; with `If-None-Match` an unchanged task is 304.',
  permission: 'tasks:read',
  scope: 'namespace',
  cost: 'point',
  waits: 'if asked',
  params,
  query: z.strictObject({
    wait_seconds: z.coerce.number().min(0).max(60).default(0).describe('How long to wait for its end.'),
    steps: flagOn.describe(
      'False: without its steps, which may be thousands; `counts` has how many are in which state.',
    ),
  }),
  response: taskDetails,
  example: {
    response: {
      ...TASK,
      allowed_actions: ['retry', 'edit', 'resolve'],
      superseded_by: null,
      replaces: null,
      trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
      links: { trace: 'https://traces.example/trace/4bf92f3577b34da6a3ce929d0e0e4736', log: null },
      counts: { error: 1 },
      input: { bytes: 15, href: '/v1/tasks/4711/payloads/input', value: { order: 'A-1' } },
      steps: [{ ...STEP_STATE, parents: [], last_error: ERROR, allowed_actions: ['retry', 'edit', 'resolve'] }],
    },
  },
  async handle(request) {
    const { client, principal, params: given, query, signal } = request;
    const id = given.task_id;
    let scope = await requireRevision(request, id);
    if (query.wait_seconds > 0) {
      try {
        await client.waitForTask(id, { timeoutMs: query.wait_seconds * 1000, signal });
      } catch (error) {
        if (taskerErrorCode(error) !== 'WAIT_TIMEOUT') throw error;
      }
      scope = await requireRevision(request, id);
    }
    const etag = etagOf(scope, principal);
    if (isKnown(request.headers, etag)) return { status: 304, headers: { etag } };
    const found = query.steps ? await readTaskOutline(client.db, id) : await readTaskHead(client.db, id);
    if (found === undefined) throw new Problem('NOT_FOUND', `there is no task ${id}`);
    const [input] = principal.permissions.has('payload:read')
      ? await client.db.run(findTaskInput, { task_id: id, most_bytes: MOST_INLINE_BYTES })
      : [];
    const { identity_hash: _identity, ...task } = found;
    const steps = 'steps' in found ? found.steps : [];
    return {
      headers: { etag },
      body: {
        ...task,
        links: linksOf(request.links, { traceId: task.trace_id, taskId: id }),
        counts: 'counts' in found ? found.counts : countStates(steps),
        input: payloadView(input, `/v1/tasks/${id}/payloads/input`, 'input', request),
        steps: steps.map(({ workflow_step_id: _id, retryable: _retryable, last_error, ...step }) => ({
          ...step,
          last_error: errorView(last_error, principal),
        })),
      },
    };
  },
});

function countStates(steps: readonly { state: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { state } of steps) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

export const listSteps = defineRoute({
  operation: 'listSteps',
  tagged: true,
  shared: true,
  method: 'GET',
  path: '/v1/tasks/{task_id}/steps',
  summary: 'The steps of a task, states and times alone',
  permission: 'tasks:read',
  scope: 'namespace',
  cost: 'point',
  params,
  response: z.object({ items: z.array(stepState) }),
  example: { response: { items: [{ ...STEP, revision: '7' }] } },
  async handle(request) {
    const scope = await requireRevision(request, request.params.task_id);
    const etag = etagOf(scope, request.principal);
    if (isKnown(request.headers, etag)) return { status: 304, headers: { etag } };
    const items = await request.client.db.run(listStepStates, { task_id: request.params.task_id });
    return { headers: { etag }, body: { items } };
  },
});
