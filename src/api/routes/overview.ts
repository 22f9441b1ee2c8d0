import { z } from 'zod';
import { readOverview } from '../overview.ts';
import { defineRoute } from '../route.ts';
import { nullableTime, time } from '../schemas/common.ts';
import { group } from './failures.ts';
import { QUEUE, queue, readyIs } from './queues.ts';

const attention = z
  .object({
    failures: z.object({
      groups: z.array(group).describe('The five largest.'),
      more_groups: z.number().int(),
      steps: z.number().int(),
      blocked: z.number().int(),
      complete: z.boolean(),
    }),
    no_scheduler: z.boolean().describe('Nothing is retried, recovered or submitted by schedules.'),
    silent: z
      .array(
        z.object({
          worker_id: z.string(),
          role: z.string(),
          name: z.string(),
          silent_seconds: z.number(),
          busy_slots: z.number().int(),
        }),
      )
      .describe('Processes that have missed heartbeats.'),
    unserved_versions: z
      .array(
        z.object({
          namespace: z.string(),
          workflow: z.string(),
          version: z.string(),
          ready: z.number().int(),
          oldest_ready_seconds: z.number(),
          problems: z.array(z.string()),
        }),
      )
      .describe('With ready steps, and no live worker that has handlers for them.'),
    unserved_queues: z.array(
      z.object({ queue: z.string(), ready: z.number().int(), ready_is: readyIs, oldest_ready_seconds: z.number() }),
    ),
    paused: z.array(
      z.object({
        kind: z.enum(['queue', 'workflow']),
        name: z.string(),
        by: z.string(),
        reason: z.string().nullable(),
        paused_at: time,
        until: nullableTime,
      }),
    ),
    schedules: z.array(z.object({ key: z.string(), problem: z.string() })).describe('That do not fire, and why.'),
    operations: z
      .array(
        z.object({
          operation_id: z.string(),
          action: z.string(),
          state: z.string(),
          total: z.number().int(),
          done: z.number().int(),
          why: z.string().nullable(),
        }),
      )
      .describe('Bulk operations that run, are paused, or have stopped by themselves.'),
    doctor: z
      .object({ findings: z.number().int(), as_of: time })
      .nullable()
      .describe('Of the last examination by this process; null: there was none.'),
  })
  .meta({ id: 'Attention', description: 'What needs a person.' });

export const getOverview = defineRoute({
  operation: 'getOverview',
  shared: true,
  method: 'GET',
  permission: 'fleet:read',
  scope: 'fleet',
  path: '/v1/overview',
  summary: 'What goes on, and what needs a person, in one answer',
  description: 'Kept for 5 seconds, however many ask.',
  cost: 'list',
  response: z.object({
    schedulers: z.number().int(),
    workers: z.number().int(),
    slots: z.number().int(),
    busy_slots: z.number().int(),
    ready: z.number().int(),
    ready_is: readyIs,
    queues: z.array(queue),
    attention,
    as_of: time,
  }),
  example: {
    response: {
      schedulers: 2,
      workers: 1,
      slots: 20,
      busy_slots: 3,
      ready: 12,
      ready_is: 'exact',
      queues: [QUEUE],
      attention: {
        failures: { groups: [], more_groups: 0, steps: 0, blocked: 0, complete: true },
        no_scheduler: false,
        silent: [],
        unserved_versions: [],
        unserved_queues: [],
        paused: [],
        schedules: [],
        operations: [],
        doctor: null,
      },
      as_of: '2026-03-01T09:32:00.000Z',
    },
  },
  handle: async ({ client, principal, reports }) => ({
    body: await readOverview(client, reports, principal.permissions.has('payload:read')),
  }),
});
