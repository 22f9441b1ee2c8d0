import { explained } from '../explained.ts';
import { type Answer, defineRoute, type RouteRequest } from '../route.ts';
import { explanation } from '../schemas/explanation.ts';
import { params as ofStep } from './one-step.ts';
import { params as ofTask } from './one-task.ts';

const EXAMPLE = {
  task_id: '4711',
  namespace: 'shop',
  workflow: 'checkout',
  version: '1.4.0',
  state: 'in_progress',
  step: 'charge',
  step_state: 'error',
  verdict: 'BACKOFF',
  summary: 'Its last attempt failed, and the time of the next one has not come.',
  because: [
    {
      text: 'attempt 3 of 5 is due in 12 s',
      numbers: { next_attempt: 3, retry_limit: 5, due_in_seconds: 12, schedulers: 2 },
      links: { task_id: '4711', step: 'charge' },
    },
  ],
  until: '2026-03-01T09:32:12.000Z',
  who_acts: 'engine',
  actor: 'the engine, by itself',
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
  shared: true,
  path: '/v1/tasks/{task_id}/explain',
  summary: 'Why a task is not running: one verdict with its reasons',
  description: 'Of the open step that most needs somebody. What each verdict means: docs/reference/explain.md.',
  params: ofTask,
  handle: (request) => answer(request, request.params.task_id, undefined),
});

export const explainStep = defineRoute({
  ...common,
  operation: 'explainStep',
  shared: true,
  path: '/v1/tasks/{task_id}/steps/{step}/explain',
  summary: 'Why a step is not running: one verdict with its reasons',
  params: ofStep,
  handle: (request) => answer(request, request.params.task_id, request.params.step),
});

async function answer(request: RouteRequest, id: string, step: string | undefined): Promise<Answer> {
  return { body: await explained(request, id, step) };
}
