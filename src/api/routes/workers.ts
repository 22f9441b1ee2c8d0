import { z } from 'zod';
import { Problem } from '../problem.ts';
import { defineRoute } from '../route.ts';
import { flag, nullableTime, taskId, time } from '../schemas/common.ts';

const fleet = { method: 'GET', permission: 'fleet:read', scope: 'fleet' } as const;

const worker = z
  .object({
    worker_id: z.string(),
    role: z.string(),
    name: z.string(),
    version: z.string(),
    queues: z.array(z.string()),
    slots: z.number().int(),
    busy_slots: z.number().int(),
    draining: z.boolean(),
    started_at: time,
    silent_seconds: z.number().describe('Since its last heartbeat.'),
    stopped_at: nullableTime,
    stop_reason: z.string().nullable(),
  })
  .meta({ id: 'Worker', description: 'A process of the fleet.' });

const WORKER = {
  worker_id: '12',
  role: 'worker',
  name: 'host:4242',
  version: '0.1.0',
  queues: ['payments'],
  slots: 20,
  busy_slots: 3,
  draining: false,
  started_at: '2026-03-01T08:00:00.000Z',
  silent_seconds: 0.4,
  stopped_at: null,
  stop_reason: null,
};

export const listWorkers = defineRoute({
  ...fleet,
  operation: 'listWorkers',
  shared: true,
  path: '/v1/workers',
  summary: 'The processes of the fleet',
  cost: 'point',
  query: z.strictObject({ stopped: flag.describe('Also those that stopped.') }),
  response: z.object({ items: z.array(worker) }),
  example: { response: { items: [WORKER] } },
  handle: async ({ client, query }) => ({ body: { items: await client.workers({ stopped: query.stopped }) } }),
});

const served = { namespace: z.string(), workflow: z.string(), version: z.string() };

const details = worker
  .extend({
    live: z.boolean().describe('It has not stopped, and its lease has not run out.'),
    lease_seconds: z.number().describe('How long it may be silent before its steps are taken from it.'),
    lease_left_seconds: z.number().describe('Negative: its lease has run out.'),
    serves: z.array(z.object(served)).describe('The workflow versions that it has handlers for.'),
    refuses: z.array(z.object({ ...served, problem: z.string() })).describe('Those that it has and refuses, and why.'),
    steps: z
      .array(
        z.object({
          task_id: taskId,
          step: z.string(),
          ...served,
          queue: z.string(),
          attempt: z.number().int(),
          retry_limit: z.number().int(),
          claimed_at: time,
          held_seconds: z.number().describe('Since it was claimed: running, or waiting for a slot of the process.'),
        }),
      )
      .describe('What it has claimed and not ended, the oldest claim first; 200 at most.'),
    complete: z.boolean().describe('False: it holds more steps than these.'),
  })
  .meta({ id: 'WorkerDetails', description: 'A process with what it can run and what it holds.' });

export const getWorker = defineRoute({
  ...fleet,
  operation: 'getWorker',
  shared: true,
  path: '/v1/workers/{worker_id}',
  summary: 'One process: its lease, what it can run, and the steps that it holds',
  description: 'Also one that has stopped, as long as it is on record.',
  cost: 'point',
  params: z.object({ worker_id: z.string().regex(/^\d{1,18}$/, 'is no id of a process: digits') }),
  response: details,
  example: {
    response: {
      ...WORKER,
      live: true,
      lease_seconds: 15,
      lease_left_seconds: 14.6,
      serves: [{ namespace: 'shop', workflow: 'checkout', version: '1.4.0' }],
      refuses: [],
      steps: [
        {
          task_id: '4711',
          step: 'charge',
          namespace: 'shop',
          workflow: 'checkout',
          version: '1.4.0',
          queue: 'payments',
          attempt: 1,
          retry_limit: 3,
          claimed_at: '2026-03-01T09:31:58.000Z',
          held_seconds: 2.1,
        },
      ],
      complete: true,
    },
  },
  async handle({ client, params }) {
    const found = await client.worker(params.worker_id);
    if (found === undefined) throw new Problem('NOT_FOUND', `there is no process ${params.worker_id}`);
    return { body: found };
  },
});
