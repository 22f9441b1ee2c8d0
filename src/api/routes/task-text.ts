import { z } from 'zod';
import type { TaskDetails } from '../../reads/task.ts';
import { drawExplanation } from '../../reads/text/draw-explanation.ts';
import { drawTask } from '../../reads/text/draw-task.ts';
import { explained } from '../explained.ts';
import { Problem } from '../problem.ts';
import { defineRoute } from '../route.ts';
import { params } from './one-task.ts';
import { requireTask } from './task-scope.ts';

export const getTaskText = defineRoute({
  operation: 'getTaskText',
  method: 'GET',
  path: '/ui/t/{task_id}.txt',
  summary: 'A task as plain text, for terminals and chats',
  description:
    'Why it is where it is, then its steps, as `tasker explain` and `tasker task` print them. Beside the page of the task in the dashboard.',
  permission: 'tasks:read',
  scope: 'namespace',
  cost: 'point',
  params,
  produces: 'text/plain',
  response: z.string(),
  example: { response: 'task 4711, step charge (error)  shop/checkout@1.4.0\n' },
  async handle(request) {
    const { client, links, params: given, principal } = request;
    await requireTask(request, given.task_id);
    const found = await client.getTask(given.task_id);
    if (found === undefined) throw new Problem('NOT_FOUND', `there is no task ${given.task_id}`);
    const explanation = await explained(request, given.task_id, undefined);
    const task = principal.permissions.has('payload:read') ? found : withoutMessages(found);
    return { body: Buffer.from(`${drawExplanation(explanation)}\n\n${drawTask(task, {}, links)}\n`) };
  },
});

/** What an error says may repeat what the step worked on. */
function withoutMessages(task: TaskDetails): TaskDetails {
  return {
    ...task,
    steps: task.steps.map((step) =>
      step.last_error === null ? step : { ...step, last_error: { name: step.last_error.name, message: '' } },
    ),
  };
}
