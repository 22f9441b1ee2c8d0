import { z } from 'zod';
import { pauseRefusalText } from '../../engine/refusal-text.ts';
import { Problem } from '../problem.ts';
import { type Answer, defineRoute, type TransactionOfRequest } from '../route.ts';
import { name, nullableTime, reason, time } from '../schemas/common.ts';
import { requireNamespace } from './task-scope.ts';

const pause = z
  .object({
    kind: z.enum(['queue', 'workflow']),
    name: z.string().describe('Of a queue; of a workflow `namespace/name`.'),
    by: z.string(),
    reason: z.string().nullable(),
    paused_at: time,
    until: nullableTime.describe('When it ends by itself; null: when somebody resumes.'),
  })
  .meta({ id: 'Pause', description: 'A queue or a workflow of which workers claim nothing.' });

const EXAMPLE = {
  kind: 'queue',
  name: 'payments',
  by: 'ada',
  reason: 'the bank is down',
  paused_at: '2026-03-01T09:30:00.000Z',
  until: null,
} as const;

export const listPauses = defineRoute({
  operation: 'listPauses',
  shared: true,
  method: 'GET',
  path: '/v1/pauses',
  summary: 'What is paused, by whom, why and until when',
  permission: 'fleet:read',
  scope: 'fleet',
  cost: 'point',
  response: z.object({ items: z.array(pause) }),
  example: { response: { items: [EXAMPLE] } },
  handle: async ({ client }) => ({ body: { items: await client.pauses() } }),
});

const body = z
  .strictObject({
    reason: reason.optional(),
    for_seconds: z.number().positive().max(31_622_400).optional().describe('Default: until somebody resumes.'),
    dry_run: z.boolean().default(false),
  })
  .optional();
const resumeBody = z.strictObject({ reason: reason.optional(), dry_run: z.boolean().default(false) }).optional();
const outcome = z.looseObject({ outcome: z.string() });

type PauseBody = z.output<typeof body>;

/** What changed nothing is a problem, and stays in the audit. */
function answerOf(kind: 'queue' | 'workflow', of: string, done: { outcome: string }): Answer {
  const { outcome: came } = done;
  if (came === 'not_found') return { problem: new Problem('NOT_FOUND', pauseRefusalText(kind, of, came)) };
  if (came === 'not_paused')
    return { problem: new Problem('REFUSED', pauseRefusalText(kind, of, came), { members: done }) };
  return { body: done };
}

const optionsOf = (given: PauseBody, by: string, transaction: TransactionOfRequest | undefined) => ({
  by,
  reason: given?.reason,
  dryRun: given?.dry_run,
  // A dry run is rolled back by itself.
  transaction: given?.dry_run === true ? undefined : transaction,
  ...(given?.for_seconds === undefined ? {} : { forSeconds: given.for_seconds }),
});

const write = {
  method: 'POST',
  permission: 'queues:write',
  cost: 'write',
  // What has pauses in it is read anew when these have changed.
  outdates: ['pauses'],
} as const;
const ofQueue = z.object({ queue: name });
const ofWorkflow = z.object({ namespace: name, workflow: name });

export const pauseQueue = defineRoute({
  ...write,
  scope: 'fleet',
  operation: 'pauseQueue',
  path: '/v1/queues/{queue}:pause',
  summary: 'Let workers claim nothing of a queue',
  act: 'queue.pause',
  params: ofQueue,
  body,
  response: outcome,
  example: { body: { reason: 'the bank is down', for_seconds: 600 }, response: { outcome: 'paused' } },
  handle: async ({ client, params, body: given, principal, transaction }) =>
    answerOf(
      'queue',
      params.queue,
      await client.pause({ queue: params.queue }, optionsOf(given, principal.name, transaction)),
    ),
});

export const resumeQueue = defineRoute({
  ...write,
  scope: 'fleet',
  operation: 'resumeQueue',
  path: '/v1/queues/{queue}:resume',
  summary: 'Let workers claim of a queue again',
  act: 'queue.resume',
  params: ofQueue,
  body: resumeBody,
  response: outcome,
  example: { body: {}, response: { outcome: 'resumed' } },
  handle: async ({ client, params, body: given, principal, transaction }) =>
    answerOf(
      'queue',
      params.queue,
      await client.resume({ queue: params.queue }, optionsOf(given, principal.name, transaction)),
    ),
});

export const pauseWorkflow = defineRoute({
  ...write,
  scope: 'namespace',
  operation: 'pauseWorkflow',
  path: '/v1/workflows/{namespace}/{workflow}:pause',
  summary: 'Let workers claim nothing of a workflow, whatever its version',
  act: 'workflow.pause',
  params: ofWorkflow,
  body,
  response: outcome,
  example: { body: { reason: 'a bad deploy' }, response: { outcome: 'paused' } },
  async handle({ client, params, body: given, principal, transaction }) {
    requireNamespace(principal, params.namespace);
    const workflow = `${params.namespace}/${params.workflow}`;
    return answerOf(
      'workflow',
      workflow,
      await client.pause({ workflow }, optionsOf(given, principal.name, transaction)),
    );
  },
});

export const resumeWorkflow = defineRoute({
  ...write,
  scope: 'namespace',
  operation: 'resumeWorkflow',
  path: '/v1/workflows/{namespace}/{workflow}:resume',
  summary: 'Let workers claim of a workflow again',
  act: 'workflow.resume',
  params: ofWorkflow,
  body: resumeBody,
  response: outcome,
  example: { body: {}, response: { outcome: 'resumed' } },
  async handle({ client, params, body: given, principal, transaction }) {
    requireNamespace(principal, params.namespace);
    const workflow = `${params.namespace}/${params.workflow}`;
    return answerOf(
      'workflow',
      workflow,
      await client.resume({ workflow }, optionsOf(given, principal.name, transaction)),
    );
  },
});
