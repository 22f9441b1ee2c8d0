import { z } from 'zod';
import { findTaskScope } from '../../db/reads/task-documents.ts';
import { taskerErrorCode } from '../../errors.ts';
import type { Explanation } from '../../reads/explain/explanation.ts';
import { VERDICTS } from '../../reads/explain/verdicts.ts';
import { Problem } from '../problem.ts';
import { type Answer, defineRoute, type RouteRequest } from '../route.ts';
import { nullableTime, state, taskId, time } from '../schemas/common.ts';
import { params as ofStep } from './one-step.ts';
import { params as ofTask } from './one-task.ts';
import { requireTask } from './task-scope.ts';

const verdict = z.enum(Object.keys(VERDICTS) as [keyof typeof VERDICTS]);

const explanation = z
  .object({
    task_id: taskId,
    namespace: z.string(),
    workflow: z.string(),
    version: z.string(),
    state,
    step: z.string().nullable().describe('That the verdict is about; null: the task as a whole.'),
    step_state: state.nullable(),
    verdict,
    because: z
      .array(
        z.object({
          text: z.string(),
          numbers: z.record(z.string(), z.union([z.number(), z.string(), z.boolean(), z.null()])),
          links: z.object({
            task_id: taskId.optional(),
            step: z.string().optional(),
            worker_id: z.string().optional(),
            queue: z.string().optional(),
            workflow: z.string().optional(),
            fingerprint: z.string().optional(),
          }),
        }),
      )
      .describe('The facts that lead to it, the most important first.'),
    until: nullableTime.describe('When it is over by itself, as far as that is known.'),
    who_acts: z.enum(['nobody', 'engine', 'operator', 'platform']),
    next_actions: z.array(z.object({ text: z.string(), command: z.string().nullable() })),
    others: z
      .array(z.object({ step: z.string(), verdict, steps: z.number().int() }))
      .describe('Of a task: what else is open in it, the most urgent first.'),
    as_of: time,
  })
  .meta({ id: 'Explanation', description: 'Why a task or a step is where it is.' });

const EXAMPLE = {
  task_id: '4711',
  namespace: 'shop',
  workflow: 'checkout',
  version: '1.4.0',
  state: 'in_progress',
  step: 'charge',
  step_state: 'error',
  verdict: 'BACKOFF',
  because: [
    {
      text: 'attempt 3 of 5 is due in 12 s',
      numbers: { next_attempt: 3, retry_limit: 5, due_in_seconds: 12, schedulers: 2 },
      links: { task_id: '4711', step: 'charge' },
    },
  ],
  until: '2026-03-01T09:32:12.000Z',
  who_acts: 'engine',
  next_actions: [{ text: 'Try again at once.', command: 'tasker retry 4711 --step charge' }],
  others: [],
  as_of: '2026-03-01T09:32:00.000Z',
} as const;

const common = {
  method: 'GET',
  permission: 'tasks:read',
  scope: 'namespace',
  cost: 'point',
  response: explanation,
  example: { response: EXAMPLE },
} as const;

export const explainTask = defineRoute({
  ...common,
  operation: 'explainTask',
  path: '/v1/tasks/{task_id}/explain',
  summary: 'Why a task is not running: one verdict with its reasons',
  description: 'Of the open step that most needs somebody. What each verdict means: docs/reference/explain.md.',
  params: ofTask,
  handle: (request) => explained(request, request.params.task_id, undefined),
});

export const explainStep = defineRoute({
  ...common,
  operation: 'explainStep',
  path: '/v1/tasks/{task_id}/steps/{step}/explain',
  summary: 'Why a step is not running: one verdict with its reasons',
  params: ofStep,
  handle: (request) => explained(request, request.params.task_id, request.params.step),
});

async function explained(request: RouteRequest, id: string, step: string | undefined): Promise<Answer> {
  await requireTask(request, id);
  const { client, principal } = request;
  const { explain } = await import('../../reads/explain/explain.ts');
  const messages = principal.permissions.has('payload:read');
  const found = await explain(client.db, id, step, { messages }).catch((error: unknown) => {
    if (taskerErrorCode(error) === 'INPUT_INVALID')
      throw new Problem('NOT_FOUND', `task ${id} has no step ${JSON.stringify(step)}`);
    throw error;
  });
  if (found === undefined) throw new Problem('NOT_FOUND', `there is no task ${id}`);
  return { body: { ...found, because: await visible(request, found) } };
}

/** What keeps a step waiting may be a task of another namespace. */
async function visible(
  { client, principal: { namespaces } }: RouteRequest,
  { task_id: own, because }: Explanation,
): Promise<Explanation['because']> {
  if (namespaces === undefined) return because;
  const shown = await Promise.all(
    because.map(async ({ links: { task_id: id } }) => {
      if (id === undefined || id === own) return true;
      return (await client.db.run(findTaskScope, { task_id: id, namespaces })).length > 0;
    }),
  );
  return because.filter((_reason, index) => shown[index] === true);
}
