import { z } from 'zod';
import { inOneTransaction } from '../../db/connections/callers-own.ts';
import { inCallersTransaction } from '../../db/connections/callers-transaction.ts';
import { findTaskScope } from '../../db/reads/task-documents.ts';
import { lockTask } from '../../engine/operator-action.ts';
import { MAX_RETRY_LIMIT } from '../../workflow/step-options.ts';
import { Problem } from '../problem.ts';
import { type Answer, defineRoute, type RouteRequest, type TransactionOfRequest } from '../route.ts';
import { json, name, reason, state } from '../schemas/common.ts';
import { params as ofStep } from './one-step.ts';
import { params as ofTask } from './one-task.ts';
import { checkMatch, requireTask } from './task-scope.ts';

const common = {
  method: 'POST',
  permission: 'tasks:operate',
  scope: 'namespace',
  cost: 'write',
} as const;

const dry_run = z.boolean().default(false).describe('Change nothing, and respond as the act would now.');

const MATCH = 'With `If-Match` it is refused with 412 if the task has changed since it was read.';

/** What the verbs return. */
interface Outcome {
  readonly outcome: string;
  readonly state?: string;
  readonly by?: unknown;
}

const DONE = new Set(['cancelled', 'retried', 'resolved']);

interface Action {
  readonly by: string;
  readonly reason: string | undefined;
  readonly dryRun: boolean | undefined;
  readonly transaction: TransactionOfRequest | undefined;
}

/** Does an act on a task that whoever asks may see, and that is as `If-Match` says. */
async function act(
  request: RouteRequest<{ task_id: string }, undefined, { reason?: string | undefined; dry_run?: boolean }>,
  work: (action: Action) => Promise<Outcome>,
): Promise<Answer> {
  const { client, principal, params, body, headers, transaction } = request;
  const scope = await requireTask(request, params.task_id);
  const doIt = (within: TransactionOfRequest | undefined): Promise<Outcome> =>
    work({ by: principal.name, reason: body?.reason, dryRun: body?.dry_run, transaction: within });
  if (body?.dry_run === true) {
    checkMatch(request, scope);
    return answerOf(await doIt(undefined));
  }
  if (headers['if-match'] === undefined) return answerOf(await doIt(transaction));
  // Nothing changes the task between the comparison and the act.
  const matched = async (within: TransactionOfRequest): Promise<Answer> => {
    const tx = inCallersTransaction(within, client.db.schema);
    await lockTask(tx, params.task_id);
    const [locked] = await tx.run(findTaskScope, { task_id: params.task_id, namespaces: principal.namespaces });
    if (locked === undefined) throw new Problem('NOT_FOUND', `there is no task ${params.task_id}`);
    checkMatch(request, locked);
    return answerOf(await doIt(within));
  };
  if (transaction !== undefined) return matched(transaction);
  return inOneTransaction(client.db, (_tx, own) => matched(own));
}

function answerOf({ ...outcome }: Outcome): Answer {
  if (DONE.has(outcome.outcome)) {
    const { queues: _queues, ...rest } = outcome as Outcome & { queues?: unknown };
    return { body: shown(rest) };
  }
  if (outcome.outcome === 'not_found') return { problem: new Problem('NOT_FOUND', 'there is no such task') };
  const why = REFUSALS[outcome.outcome] ?? 'the state of the task does not allow it';
  // Not thrown: the act is in the audit, which a transaction that is rolled back would lose.
  return { problem: new Problem('REFUSED', why, { members: shown(outcome) }) };
}

const REFUSALS: Readonly<Record<string, string>> = {
  superseded: 'another task has taken over its identity: act on that one',
  unknown_steps: 'the task has no such steps in error',
  nothing_to_retry: 'no step of the task is in error',
};

function shown({
  steps,
  taskState,
  ...rest
}: Outcome & { steps?: unknown; taskState?: string }): Record<string, unknown> {
  const named = Array.isArray(steps)
    ? steps.map((step: unknown) =>
        typeof step === 'object' && step !== null && 'retryLimit' in step
          ? { name: (step as { name?: unknown }).name, retry_limit: step.retryLimit }
          : step,
      )
    : steps;
  return {
    ...rest,
    ...(steps === undefined ? {} : { steps: named }),
    ...(taskState === undefined ? {} : { task_state: taskState }),
  };
}

export const cancelTask = defineRoute({
  ...common,
  operation: 'cancelTask',
  act: 'task.cancel',
  path: '/v1/tasks/{task_id}:cancel',
  summary: 'End a task that has not ended',
  description: `What runs is aborted, what waits is cancelled. ${MATCH}`,
  params: ofTask,
  body: z.strictObject({ reason: reason.optional(), dry_run }).optional(),
  response: z.object({ outcome: z.literal('cancelled'), steps: z.number().int() }),
  example: { body: { reason: 'the customer called' }, response: { outcome: 'cancelled', steps: 3 } },
  handle: (request) => act(request as never, (action) => request.client.cancel(request.params.task_id, action)),
});

export const retryTask = defineRoute({
  ...common,
  operation: 'retryTask',
  act: 'task.retry',
  path: '/v1/tasks/{task_id}:retry',
  summary: 'Run the steps in error of a task again',
  description: `All of them, or those named, at once. ${MATCH}`,
  params: ofTask,
  body: z
    .strictObject({
      steps: z.array(name).min(1).max(1000).optional(),
      attempts: z.number().int().min(1).max(MAX_RETRY_LIMIT).default(1).describe('Further attempts, at least.'),
      reason: reason.optional(),
      dry_run,
    })
    .optional(),
  response: z.object({
    outcome: z.literal('retried'),
    steps: z.array(z.object({ name: z.string(), retry_limit: z.number().int() })),
  }),
  example: {
    body: { steps: ['charge'], reason: 'the bank is back' },
    response: { outcome: 'retried', steps: [{ name: 'charge', retry_limit: 4 }] },
  },
  handle: (request) =>
    act(request as never, (action) => {
      const { steps, attempts = 1 } = request.body ?? {};
      return request.client.retry(request.params.task_id, {
        ...action,
        attempts,
        ...(steps === undefined ? {} : { steps }),
      });
    }),
});

const resolved = z.object({ outcome: z.literal('resolved'), task_state: state });

export const resolveTask = defineRoute({
  ...common,
  operation: 'resolveTask',
  act: 'task.resolve',
  path: '/v1/tasks/{task_id}:resolve',
  summary: 'Declare a whole task in error done by hand',
  description: `Its open steps are cancelled. ${MATCH}`,
  params: ofTask,
  body: z.strictObject({ reason: reason.optional(), dry_run }).optional(),
  response: resolved,
  example: { body: { reason: 'done by phone' }, response: { outcome: 'resolved', task_state: 'resolved_manually' } },
  handle: (request) => act(request as never, (action) => request.client.resolveTask(request.params.task_id, action)),
});

export const resolveStep = defineRoute({
  ...common,
  operation: 'resolveStep',
  act: 'step.resolve',
  path: '/v1/tasks/{task_id}/steps/{step}:resolve',
  summary: 'Declare a step done by hand',
  description: `Its children see \`result\`. ${MATCH}`,
  params: ofStep,
  body: z.strictObject({ reason: reason.optional(), result: json.optional(), dry_run }).optional(),
  response: resolved,
  example: {
    body: { result: { charged: true }, reason: 'charged by hand' },
    response: { outcome: 'resolved', task_state: 'in_progress' },
  },
  handle: (request) =>
    act(request as never, (action) =>
      request.client.resolveStep(request.params.task_id, request.params.step, {
        ...action,
        result: request.body?.result ?? null,
      }),
    ),
});
