import { z } from 'zod';
import { listQueueSamples, listQueueTimes } from '../../db/reads/queue-details.ts';
import { findPausable } from '../../db/statements/acts/pauses.ts';
import { readQueueScaling } from '../../db/statements/scaling/queue-scaling.ts';
import { idleQueue, reportQueues, type QueueReport } from '../../reads/queues.ts';
import { Problem } from '../problem.ts';
import { defineRoute, type RouteRequest } from '../route.ts';
import { name, nullableTime, time } from '../schemas/common.ts';

const pause = z.object({ by: z.string(), reason: z.string().nullable(), until: z.string().nullable() }).nullable();

export const readyIs = z
  .enum(['exact', 'about', 'at_least'])
  .describe(
    'What `ready` is. `exact`: counted. `about`: more than the 10,000 that are counted for each answer; a scheduler counted this number lately. `at_least`: more, and nobody has counted them.',
  );

export const queue = z
  .object({
    queue: z.string(),
    ready: z.number().int(),
    ready_is: readyIs,
    oldest_ready_seconds: z.number(),
    workers: z.number().int().describe('Live workers that serve it.'),
    paused: pause.describe('By whom and why nothing of it is claimed; null: it is not paused.'),
  })
  .meta({ id: 'Queue', description: 'A queue that has ready steps, or is paused.' });

export const QUEUE = {
  queue: 'payments',
  ready: 12,
  ready_is: 'exact',
  oldest_ready_seconds: 3.4,
  workers: 2,
  paused: null,
} as const;

const fleet = { method: 'GET', permission: 'fleet:read', scope: 'fleet' } as const;

export const listQueues = defineRoute({
  ...fleet,
  operation: 'listQueues',
  shared: true,
  path: '/v1/queues',
  summary: 'The queues that have ready steps',
  description:
    'Costs an index entry for each ready step, up to 10,000 in a queue; kept for little more than a second. With `all` also those that are idle, and what is known of each.',
  cost: 'list',
  query: z.strictObject({
    all: z
      .enum(['true', 'false'])
      .default('false')
      .describe('Also idle queues, each with its scaling signal and its times.'),
  }),
  response: z.object({
    items: z.array(
      queue.extend({
        scaling: z.lazy(() => scaling.nullable().optional()),
        times: z.lazy(() => times.nullable().optional()),
      }),
    ),
  }),
  example: { response: { items: [QUEUE] } },
  async handle(request) {
    if (request.query.all === 'false') return { body: { items: await request.reports.queues() } };
    return { body: { items: await everyQueue(request) } };
  },
});

const scaling = z
  .object({
    desired_replicas: z.number().int(),
    wanted_replicas: z.number().int().describe('Without the limit of connections.'),
    reason: z.string().describe('`load`, `idle`, `stalled` or `unclaimed`.'),
    workers: z.number().int(),
    slots_per_worker: z.number(),
    arrival_rate: z.number().describe('Steps that become ready per second.'),
    completion_rate: z.number().describe('Attempts that complete per second.'),
    step_seconds: z.number().describe('Mean duration of an attempt.'),
    max_replicas: z.number().int().nullable(),
    overdue: z.boolean().describe('No scheduler has evaluated it lately.'),
  })
  .meta({ id: 'ScalingSignal', description: 'How many workers a queue should have, and why.' });

const seconds = z.number().nullable();
const times = z
  .object({
    runs: z.number(),
    failures: z.number(),
    waiting_p50: seconds,
    waiting_p95: seconds,
    running_p50: seconds,
    running_p95: seconds,
  })
  .meta({ id: 'QueueTimes', description: 'Of the attempts of this hour and the one before. Seconds, within 5 %.' });

const sample = z
  .object({
    minute: time,
    ready: z.number(),
    oldest_ready_seconds: z.number(),
    running: z.number(),
    workers: z.number().int(),
    desired_workers: z.number().int(),
    arrivals_per_second: z.number().describe('The average of the minute.'),
    completions_per_second: z.number().describe('The average of the minute.'),
  })
  .meta({ id: 'QueueSample', description: 'A minute of a queue.' });

export const getQueue = defineRoute({
  ...fleet,
  operation: 'getQueue',
  shared: true,
  path: '/v1/queues/{queue}',
  summary: 'One queue: depth, waiting times, the scaling signal with its reason, and the last minutes',
  description:
    'A minute in which nothing was ready and nothing ran is missing. A queue that is idle is empty; one that no worker serves and no workflow uses is not found.',
  cost: 'list',
  params: z.object({ queue: name }),
  query: z.strictObject({ minutes: z.coerce.number().int().min(1).max(1440).default(60) }),
  response: queue.extend({
    scaling: scaling.nullable(),
    times: times.nullable(),
    minutes: z.array(sample),
    as_of: nullableTime,
  }),
  example: {
    response: {
      ...QUEUE,
      scaling: {
        desired_replicas: 3,
        wanted_replicas: 3,
        reason: 'load',
        workers: 2,
        slots_per_worker: 20,
        arrival_rate: 4.2,
        completion_rate: 4,
        step_seconds: 0.8,
        max_replicas: 40,
        overdue: false,
      },
      times: { runs: 830, failures: 4, waiting_p50: 0.02, waiting_p95: 0.3, running_p50: 0.8, running_p95: 2 },
      minutes: [
        {
          minute: '2026-03-01T09:31:00.000Z',
          ready: 12,
          oldest_ready_seconds: 3.4,
          running: 20,
          workers: 2,
          desired_workers: 3,
          arrivals_per_second: 4.2,
          completions_per_second: 4,
        },
      ],
      as_of: '2026-03-01T09:32:00.000Z',
    },
  },
  async handle(request) {
    const { client, params, query, reports } = request;
    const { minutes } = query;
    const found = (await everyQueue(request)).find((each) => each.queue === params.queue);
    const samples = await reports.kept(`samples ${minutes} ${params.queue}`, 5000, () =>
      client.db.run(listQueueSamples, { queue: params.queue, minutes }),
    );
    if (found === undefined && samples.length === 0) await requireQueue(request, params.queue);
    return {
      body: {
        ...(found ?? idleQueue(params.queue)),
        minutes: samples,
        as_of: new Date(),
      },
    };
  },
});

/** Throws Problem if no worker serves it and no workflow uses it: whoever mistyped a name must not read that nothing waits. */
async function requireQueue(
  { client, reports }: Pick<RouteRequest, 'client' | 'reports'>,
  given: string,
): Promise<void> {
  const [row] = await reports.kept(`queue ${given}`, 5000, () =>
    client.db.run(findPausable, { kind: 'queue', name: given }),
  );
  if (row?.known !== true)
    throw new Problem(
      'NOT_FOUND',
      `there is no queue ${JSON.stringify(given)}: no worker serves it, and no workflow uses it (GET /v1/queues?all=true has those that there are)`,
    );
}

/** Every queue that has ready steps, a signal or a pause, or in which something ran lately. */
async function everyQueue({ client, reports }: Pick<RouteRequest, 'client' | 'reports'>): Promise<QueueReport[]> {
  const [depths, signals, measured] = await Promise.all([
    reports.queues(),
    reports.kept('scaling signals', 2000, () => client.db.run(readQueueScaling)),
    reports.kept('times of queues', 15_000, () => client.db.run(listQueueTimes)),
  ]);
  return reportQueues(depths, signals, measured);
}
