import { z } from 'zod';
import {
  findStepDocuments,
  type HistoryPageRow,
  listStepTransitions,
  stepExists,
  type StoredDocument,
} from '../../db/reads/task-documents.ts';
import { readTaskStep } from '../../reads/task.ts';
import { ERROR, STEP } from '../examples.ts';
import { explained } from '../explained.ts';
import { Problem } from '../problem.ts';
import { defineRoute, type RouteRequest } from '../route.ts';
import { listOf, name } from '../schemas/common.ts';
import { attempt, stepDetails } from '../schemas/tasks.ts';
import { traceIdOf } from '../../tracing/stored-context.ts';
import { errorView, linksOf, MOST_INLINE_BYTES, payloadView } from '../views.ts';
import { params as ofTask } from './one-task.ts';
import { requireTask } from './task-scope.ts';

export const params = ofTask.extend({ step: name });

const NO_LINKS = { trace: null, log: null };

/** Undefined: there is none. */
const documentOf = (json: string | null = null, bytes: number | null = null): StoredDocument | undefined =>
  bytes === null ? undefined : { json, bytes };

const missing = (taskId: string, step: string): Problem =>
  new Problem('NOT_FOUND', `task ${taskId} has no step ${JSON.stringify(step)}`);

export const getStep = defineRoute({
  operation: 'getStep',
  shared: true,
  method: 'GET',
  path: '/v1/tasks/{task_id}/steps/{step}',
  summary: 'One step with what it works on',
  permission: 'tasks:read',
  scope: 'namespace',
  cost: 'point',
  params,
  query: z.strictObject({
    include: listOf(z.enum(['attempts', 'explanation'])).describe('Also this, in the same answer.'),
  }),
  response: stepDetails,
  example: {
    response: {
      ...STEP,
      parents: [],
      last_error: ERROR,
      allowed_actions: ['retry'],
      inputs: null,
      result: null,
      links: NO_LINKS,
    },
  },
  async handle(request) {
    const { client, principal } = request;
    const { task_id: id, step: wanted } = request.params;
    const traceId = traceIdOf((await requireTask(request, id)).trace_context);
    const step = await readTaskStep(client.db, id, wanted);
    if (step === undefined) throw missing(id, wanted);
    const include = new Set(request.query.include);
    const [documents] = principal.permissions.has('payload:read')
      ? await client.db.run(findStepDocuments, { task_id: id, step: wanted, most_bytes: MOST_INLINE_BYTES })
      : [];
    const at = `/v1/tasks/${id}/payloads/${encodeURIComponent(wanted)}`;
    const { workflow_step_id: _id, retryable: _retryable, last_error, ...rest } = step;
    return {
      body: {
        ...rest,
        last_error: errorView(last_error, principal),
        inputs: payloadView(documentOf(documents?.inputs, documents?.input_bytes), `${at}.inputs`, 'input', request),
        result: payloadView(documentOf(documents?.result, documents?.result_bytes), `${at}.result`, 'result', request),
        links: linksOf(request.links, { traceId, taskId: id, step: wanted, attempt: step.attempts }),
        ...(include.has('attempts')
          ? { attempt_list: await attemptsShown(request, { id, step: wanted, traceId }) }
          : {}),
        ...(include.has('explanation') ? { explanation: await explained(request, id, wanted) } : {}),
      },
    };
  },
});

export const listAttempts = defineRoute({
  operation: 'listAttempts',
  shared: true,
  method: 'GET',
  path: '/v1/tasks/{task_id}/steps/{step}/attempts',
  summary: 'Every attempt of a step, with its own error',
  permission: 'tasks:read',
  scope: 'namespace',
  cost: 'point',
  params,
  response: z.object({ items: z.array(attempt) }),
  example: {
    response: {
      items: [
        {
          attempt: 1,
          started_at: '2026-03-01T09:31:09.000000Z',
          ended_at: '2026-03-01T09:31:10.000000Z',
          outcome: 'fail',
          error: ERROR,
          worker_id: '12',
          links: NO_LINKS,
        },
      ],
    },
  },
  async handle(request) {
    const { task_id: id, step } = request.params;
    const traceId = traceIdOf((await requireTask(request, id)).trace_context);
    const items = await attemptsShown(request, { id, step, traceId });
    if (items.length === 0 && !(await hasStep(request.client, id, step))) throw missing(id, step);
    return { body: { items } };
  },
});

async function attemptsShown(
  { client, links, principal }: Parameters<typeof requireTask>[0] & Pick<RouteRequest, 'links'>,
  { id, step, traceId }: { id: string; step: string; traceId: string | null },
): Promise<unknown[]> {
  const rows = await client.db.run(listStepTransitions, { task_id: id, step });
  return attemptsOf(rows, (error) => errorView(error, principal)).map((each) => ({
    ...each,
    links: linksOf(links, { traceId, taskId: id, step, attempt: each.attempt }),
  }));
}

async function hasStep(
  client: Parameters<typeof requireTask>[0]['client'],
  id: string,
  step: string,
): Promise<boolean> {
  return (await client.db.run(stepExists, { task_id: id, step })).length > 0;
}

/** An attempt goes from the transition to `in_progress` to the next one. */
function attemptsOf<Shown>(
  rows: readonly Omit<HistoryPageRow, 'step'>[],
  shown: (error: HistoryPageRow['error']) => Shown,
): { attempt: number }[] {
  return rows.flatMap((row, index) => {
    if (row.to_state !== 'in_progress') return [];
    const end = rows[index + 1];
    const before = rows.slice(0, index).filter(({ to_state }) => to_state === 'in_progress').length;
    return [
      {
        attempt: before + 1,
        started_at: row.at,
        ended_at: end?.at ?? null,
        outcome: end?.cause ?? null,
        error: shown(end?.error ?? null),
        worker_id: row.worker_id ?? end?.worker_id ?? null,
      },
    ];
  });
}
