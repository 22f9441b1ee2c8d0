import { z } from 'zod';
import { MAX_RETRY_LIMIT } from '../../workflow/step-options.ts';
import { defineRoute } from '../route.ts';
import { json, name, reason, taskId } from '../schemas/common.ts';
import { act, common, dry_run, MATCH } from './act.ts';
import { params as ofStep } from './one-step.ts';
import { params as ofTask } from './one-task.ts';

const attempts = z.number().int().min(1).max(MAX_RETRY_LIMIT).default(1).describe('Further attempts, at least.');

const EDIT = 'It is checked against the JSON Schema of the workflow, and the history keeps who, why and what differs.';

const retried = z.object({
  outcome: z.literal('retried'),
  steps: z.array(z.object({ name: z.string(), retry_limit: z.number().int() })),
});

/** What is given, without members that are absent. */
const given = <Members extends object>(
  members: Members,
): { [Name in keyof Members]?: Exclude<Members[Name], undefined> } =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never;

export const retryTask = defineRoute({
  ...common,
  operation: 'retryTask',
  act: 'task.retry',
  path: '/v1/tasks/{task_id}:retry',
  summary: 'Run the steps in error of a task again',
  description: `All of them, or those named, at once. With \`input\` the rest of the task runs with another input; it must be in error then. ${EDIT} ${MATCH}`,
  params: ofTask,
  body: z
    .strictObject({
      steps: z.array(name).min(1).max(1000).optional(),
      attempts,
      input: json.optional().describe('Another input of the task; with one step in `steps`, of that step alone.'),
      reason: reason.optional(),
      dry_run,
    })
    .optional(),
  response: retried,
  example: {
    body: { steps: ['charge'], reason: 'the bank is back' },
    response: { outcome: 'retried', steps: [{ name: 'charge', retry_limit: 4 }] },
  },
  handle: (request) =>
    act(request as never, 'task.retry', (action) => {
      const { steps, attempts: more = 1, input } = request.body ?? {};
      return request.client.retry(request.params.task_id, { ...action, attempts: more, ...given({ steps, input }) });
    }),
});

export const retryStep = defineRoute({
  ...common,
  operation: 'retryStep',
  act: 'task.retry',
  path: '/v1/tasks/{task_id}/steps/{step}:retry',
  summary: 'Run one step in error again',
  description: `With \`input\` it runs with an input of its own, which its children do not see. ${EDIT} ${MATCH}`,
  params: ofStep,
  body: z
    .strictObject({
      attempts,
      input: json.optional().describe('Of this step alone, in place of the input of the task.'),
      reason: reason.optional(),
      dry_run,
    })
    .optional(),
  response: retried,
  example: {
    body: { input: { order: 'A-1', amount: 19.9 }, reason: 'the amount was a text' },
    response: { outcome: 'retried', steps: [{ name: 'charge', retry_limit: 4 }] },
  },
  handle: (request) =>
    act(request as never, 'task.retry', (action) => {
      const { attempts: more = 1, input } = request.body ?? {};
      const { task_id: id, step } = request.params;
      return request.client.retry(id, { ...action, attempts: more, steps: [step], ...given({ input }) });
    }),
});

export const rerunTask = defineRoute({
  ...common,
  operation: 'rerunTask',
  act: 'task.rerun',
  path: '/v1/tasks/{task_id}:rerun',
  summary: 'Make a new task from one that has ended or is in error',
  description: `With the same workflow, input, priority and tags. Its identity and its idempotency keys are others: effects happen again. ${MATCH}`,
  params: ofTask,
  body: z
    .strictObject({
      from: z
        .array(name)
        .min(1)
        .max(1000)
        .optional()
        .describe('These steps run, and everything after them; the results of all others are taken over.'),
      input: json.optional().describe('Another input, checked against the JSON Schema of the workflow.'),
      reason: reason.optional(),
      dry_run,
    })
    .optional(),
  status: 201,
  response: z.object({
    outcome: z.literal('created'),
    task_id: taskId.describe('Of the new task. A dry run has none: nothing has an id before it is made.'),
    ordinal: z.number().int().describe('Which rerun of the task it is, from 1.'),
    taken_over: z.array(z.string()).describe('Steps whose results the new task has of the old one.'),
  }),
  example: {
    body: { from: ['charge'], reason: 'charged twice' },
    response: { outcome: 'created', task_id: '4712', ordinal: 1, taken_over: ['reserve'] },
  },
  handle: (request) =>
    act(request as never, 'task.rerun', (action) => {
      const { from, input } = request.body ?? {};
      return request.client.rerun(request.params.task_id, { ...action, ...given({ from, input }) });
    }),
});
