import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { json, reason, state } from '../schemas/common.ts';
import { act, common, dry_run, MATCH } from './act.ts';
import { params as ofStep } from './one-step.ts';
import { params as ofTask } from './one-task.ts';

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
  handle: (request) =>
    act(request as never, 'task.cancel', (action) => request.client.cancel(request.params.task_id, action)),
});

export const releaseStep = defineRoute({
  ...common,
  operation: 'releaseStep',
  act: 'step.release',
  path: '/v1/tasks/{task_id}/steps/{step}:release',
  summary: 'Put a step in progress back in its queue, its attempt uncounted',
  description: `For a step that no recovery finds. What it has done so far happens again. ${MATCH}`,
  params: ofStep,
  body: z
    .strictObject({
      force: z.boolean().default(false).describe('Also if a worker that lives has it.'),
      reason: reason.optional(),
      dry_run,
    })
    .optional(),
  response: z.object({ outcome: z.literal('released') }),
  example: { body: { reason: 'its host is gone' }, response: { outcome: 'released' } },
  handle: (request) =>
    act(request as never, 'step.release', (action) =>
      request.client.releaseStep(request.params.task_id, request.params.step, {
        ...action,
        force: request.body?.force === true,
      }),
    ),
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
  handle: (request) =>
    act(request as never, 'task.resolve', (action) => request.client.resolveTask(request.params.task_id, action)),
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
    act(request as never, 'step.resolve', (action) =>
      request.client.resolveStep(request.params.task_id, request.params.step, {
        ...action,
        result: request.body?.result ?? null,
      }),
    ),
});
