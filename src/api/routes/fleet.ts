import { z } from 'zod';
import { countLiveSchedulers } from '../../reads/schedulers.ts';
import { defineRoute } from '../route.ts';
import { flag, nullableTime, time } from '../schemas/common.ts';

const fleet = { method: 'GET', permission: 'fleet:read', scope: 'fleet' } as const;

const queue = z
  .object({
    queue: z.string(),
    ready: z.number().int(),
    oldest_ready_seconds: z.number(),
    workers: z.number().int().describe('Live workers that serve it.'),
  })
  .meta({ id: 'Queue', description: 'A queue that has ready steps.' });

const QUEUE = { queue: 'payments', ready: 12, oldest_ready_seconds: 3.4, workers: 2 };

export const listQueues = defineRoute({
  ...fleet,
  operation: 'listQueues',
  path: '/v1/queues',
  summary: 'The queues that have ready steps',
  description: 'Costs an index entry for each ready step; kept for a second.',
  cost: 'list',
  response: z.object({ items: z.array(queue) }),
  example: { response: { items: [QUEUE] } },
  handle: async ({ reports }) => ({ body: { items: await reports.queues() } }),
});

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
  path: '/v1/workers',
  summary: 'The processes of the fleet',
  cost: 'point',
  query: z.strictObject({ stopped: flag.describe('Also those that stopped.') }),
  response: z.object({ items: z.array(worker) }),
  example: { response: { items: [WORKER] } },
  handle: async ({ client, query }) => ({ body: { items: await client.workers({ stopped: query.stopped }) } }),
});

export const getOverview = defineRoute({
  ...fleet,
  operation: 'getOverview',
  path: '/v1/overview',
  summary: 'What goes on, in one answer',
  description: 'Kept for 5 seconds, however many ask.',
  cost: 'list',
  response: z.object({
    schedulers: z.number().int(),
    workers: z.number().int(),
    slots: z.number().int(),
    busy_slots: z.number().int(),
    ready: z.number().int(),
    queues: z.array(queue),
    as_of: time,
  }),
  example: {
    response: {
      schedulers: 2,
      workers: 1,
      slots: 20,
      busy_slots: 3,
      ready: 12,
      queues: [QUEUE],
      as_of: '2026-03-01T09:32:00.000Z',
    },
  },
  handle: async ({ reports, client }) => ({
    body: await reports.overview(async () => {
      const [workers, queues, schedulers] = await Promise.all([
        client.workers(),
        reports.queues(),
        countLiveSchedulers(client.db),
      ]);
      const working = workers.filter(({ role }) => role === 'worker');
      const sum = (of: (row: (typeof working)[number]) => number): number =>
        working.reduce((total, row) => total + of(row), 0);
      return {
        schedulers,
        workers: working.length,
        slots: sum((row) => row.slots),
        busy_slots: sum((row) => row.busy_slots),
        ready: queues.reduce((total, row) => total + row.ready, 0),
        queues,
        as_of: new Date(),
      };
    }),
  }),
});

export const getDoctor = defineRoute({
  ...fleet,
  operation: 'examineData',
  path: '/v1/health/doctor',
  summary: 'Check every invariant of the data',
  description:
    'Reads whole tables, from the replica for reports if there is one. One examination at a time; whoever asks meanwhile gets the same answer.',
  permission: 'admin',
  cost: 'report',
  waits: 'always',
  response: z.object({
    checks: z.number().int(),
    findings: z.array(z.object({ id: z.string(), title: z.string(), why: z.string(), violations: z.number().int() })),
    as_of: time,
  }),
  example: { response: { checks: 64, findings: [], as_of: '2026-03-01T09:32:00.000Z' } },
  handle: async ({ reports }) => ({ body: await reports.doctor() }),
});
