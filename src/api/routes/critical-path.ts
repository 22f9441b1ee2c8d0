import { z } from 'zod';
import { Problem } from '../problem.ts';
import { defineRoute } from '../route.ts';
import { state, taskId, time } from '../schemas/common.ts';
import { recordView } from '../record-view.ts';
import { params } from './one-task.ts';
import { requireTask } from './task-scope.ts';

const seconds = z.number();
const split = {
  wait: seconds.describe('Ready, until a worker took it.'),
  work: seconds.describe('Its handler ran.'),
  backoff: seconds.describe('Between a failure and the retry.'),
  held: seconds.describe('Blocked: it waited for a person.'),
};

const pathStep = z
  .object({
    step: z.string(),
    n: z.number().int().describe('Its ordinal.'),
    state,
    attempts: z.number().int(),
    from: seconds.describe('When the step before it on the path ended, in seconds since the submit.'),
    until: seconds.describe('When it ended, or now.'),
    seconds,
    share: z.number().describe('Of the whole, 0 to 1.'),
    ...split,
  })
  .meta({ id: 'PathStep', description: 'A step that decided how long its task took. Durations in seconds.' });

const path = {
  complete: z.boolean().describe('False: the task goes on, and the path is that of now.'),
  seconds,
  path: z.array(pathStep),
  totals: z.object(split),
  slack: z
    .array(z.object({ step: z.string(), n: z.number().int(), seconds }))
    .describe('How much later each step beside the path could have ended without a later end of the whole.'),
};

const PATH = {
  complete: true,
  seconds: 2,
  path: [
    {
      step: 'charge',
      n: 2,
      state: 'complete',
      attempts: 1,
      from: 0.4,
      until: 2,
      seconds: 1.6,
      share: 0.8,
      wait: 0.1,
      work: 1.5,
      backoff: 0,
      held: 0,
    },
  ],
  totals: { wait: 0.1, work: 1.5, backoff: 0, held: 0 },
  slack: [{ step: 'mail', n: 3, seconds: 1.1 }],
};

export const getCriticalPath = defineRoute({
  operation: 'getCriticalPath',
  shared: true,
  method: 'GET',
  path: '/v1/tasks/{task_id}/critical-path',
  summary: 'Which steps decided how long a task took',
  description: 'Each step of the path began when the one before it ended. Reads the history of the task.',
  permission: 'tasks:read',
  scope: 'namespace',
  cost: 'list',
  params,
  response: z.object({
    task_id: taskId,
    namespace: z.string(),
    workflow: z.string(),
    version: z.string(),
    state,
    requested_at: time,
    as_of: time,
    ...path,
  }),
  example: {
    response: {
      task_id: '4711',
      namespace: 'shop',
      workflow: 'checkout',
      version: '1.4.0',
      state: 'complete',
      requested_at: '2026-03-01T09:31:08.000Z',
      as_of: '2026-03-01T09:32:00.000Z',
      ...PATH,
    },
  },
  async handle(request) {
    const { task_id: id } = request.params;
    await requireTask(request, id);
    const found = await request.client.criticalPath(id);
    if (found === undefined) throw new Problem('NOT_FOUND', `there is no task ${id}`);
    return { body: found };
  },
});

export const getRecord = defineRoute({
  operation: 'getRecord',
  method: 'GET',
  path: '/v1/tasks/{task_id}/record',
  summary: 'The whole run as one document',
  description:
    'For a ticket, or to keep: task, steps, history, critical path, and why it does not go on. Inputs, results and the messages of errors are in it for whoever may read payloads, unless `payloads=false`.',
  permission: 'tasks:read',
  scope: 'namespace',
  cost: 'report',
  params,
  query: z.strictObject({ payloads: z.enum(['true', 'false']).default('true') }),
  response: z.looseObject({
    format: z.literal(1),
    made_at: time,
    made_by: z.string(),
    payloads: z.boolean(),
    task: z.looseObject({ task_id: taskId, state }),
    input: z.looseObject({ bytes: z.number().int() }).describe('`value`: absent for whoever may not read it.'),
    steps: z.array(z.looseObject({ n: z.number().int(), name: z.string(), state })),
    history: z.array(z.looseObject({ step: z.string().nullable(), to_state: z.string(), at: z.string() })),
    history_complete: z.boolean(),
    critical_path: z.object(path).nullable(),
    explanation: z.looseObject({ verdict: z.string() }).nullable(),
  }),
  example: {
    response: {
      format: 1,
      made_at: '2026-03-01T09:32:00.000Z',
      made_by: 'tasker-fleet 0.1.0',
      payloads: false,
      task: { task_id: '4711', state: 'complete' },
      input: { bytes: 15 },
      steps: [{ n: 1, name: 'charge', state: 'complete' }],
      history: [{ step: 'charge', to_state: 'complete', at: '2026-03-01T09:31:10.123456Z' }],
      history_complete: true,
      critical_path: PATH,
      explanation: null,
    },
  },
  async handle(request) {
    const { client, params: given, principal, query, redact } = request;
    await requireTask(request, given.task_id);
    const payloads = query.payloads === 'true' && principal.permissions.has('payload:read');
    const found = await client.record(given.task_id, { payloads });
    if (found === undefined) throw new Problem('NOT_FOUND', `there is no task ${given.task_id}`);
    const { explanation } = found;
    // What keeps a step waiting may be a task of another namespace.
    const because = explanation?.because.filter(
      ({ links }) =>
        principal.namespaces === undefined || links.task_id === undefined || links.task_id === given.task_id,
    );
    return {
      body: recordView(
        { ...found, explanation: explanation === null ? null : { ...explanation, because: because ?? [] } },
        redact,
      ),
      headers: { 'content-disposition': `attachment; filename="task-${given.task_id}.json"` },
    };
  },
});
