import { z } from 'zod';
import { nextRuns, type ScheduleInfo } from '../../schedules/schedule-info.ts';
import { Problem } from '../problem.ts';
import { defineRoute, type RouteRequest } from '../route.ts';
import { json, nullableTime, reason, time, why } from '../schemas/common.ts';
import { snakeCase } from '../views.ts';

const schedule = z
  .object({
    key: z.string(),
    cron: z.string(),
    timezone: z.string(),
    namespace: z.string(),
    workflow: z.string(),
    version_policy: z.string(),
    version: z.string().nullable(),
    served: z.boolean(),
    overlap: z.string(),
    make_up: z.string(),
    make_up_window_seconds: z.number(),
    source: z.string(),
    paused_at: nullableTime,
    pause_reason: z.string().nullable(),
    next: nullableTime,
    next_runs: z
      .array(time)
      .describe('The occurrences to come, as many as `runs` asks for; in `timezone` when the clocks there say so.'),
    last_occurrence: nullableTime,
    last_outcome: z.string().nullable(),
    last_task_id: z.string().nullable(),
    problem: z.string().nullable(),
    input: json.describe('Null for whoever may not read payloads.'),
  })
  .meta({ id: 'Schedule', description: 'When a workflow is submitted, and with what.' });

const EXAMPLE = {
  key: 'nightly',
  cron: '0 3 * * *',
  timezone: 'Europe/Berlin',
  namespace: 'shop',
  workflow: 'report',
  version_policy: 'latest',
  version: '1.0.0',
  served: true,
  overlap: 'skip',
  make_up: 'last',
  make_up_window_seconds: 3600,
  source: 'code',
  paused_at: null,
  pause_reason: null,
  next: '2026-03-02T02:00:00.000Z',
  next_runs: ['2026-03-02T02:00:00.000Z', '2026-03-03T02:00:00.000Z'],
  last_occurrence: '2026-03-01T02:00:00.000Z',
  last_outcome: 'submitted',
  last_task_id: '4711',
  problem: null,
  input: { day: 'yesterday' },
};

const params = z.object({ key: z.string().min(1).max(255) });

async function visible({ client, principal }: RouteRequest): Promise<ScheduleInfo[]> {
  const { namespaces } = principal;
  const all = await client.schedules();
  return all.filter(({ namespace }) => namespaces === undefined || namespaces.includes(namespace));
}

function shown({ data, ...info }: ScheduleInfo, { principal, redact }: RouteRequest, runs: number): object {
  const { input } = data as { input?: unknown };
  return {
    ...snakeCase(info),
    next_runs: nextRuns(info, runs),
    input: principal.permissions.has('payload:read') ? redact(input ?? null, 'input') : null,
  };
}

/** Throws Problem for a schedule that whoever asks may not see, as for one that does not exist. */
async function requireSchedule(request: RouteRequest<{ key: string }>): Promise<void> {
  const { key } = request.params;
  if (!(await visible(request)).some((info) => info.key === key))
    throw new Problem('NOT_FOUND', `there is no schedule ${JSON.stringify(key)}`);
}

export const listSchedules = defineRoute({
  operation: 'listSchedules',
  shared: true,
  method: 'GET',
  path: '/v1/schedules',
  summary: 'All schedules: what each runs, when, and what became of its last occurrence',
  permission: 'fleet:read',
  scope: 'namespace',
  cost: 'list',
  query: z.strictObject({
    runs: z.coerce.number().int().min(0).max(20).default(0).describe('How many occurrences to come are computed.'),
  }),
  response: z.object({ items: z.array(schedule) }),
  example: { query: 'runs=2', response: { items: [EXAMPLE] } },
  async handle(request) {
    const items = await visible(request);
    return { body: { items: items.map((info) => shown(info, request, request.query.runs)) } };
  },
});

const action = z.strictObject({ reason: reason.optional(), dry_run: z.boolean().default(false) }).optional();

const actionOf = ({ body, principal }: RouteRequest<unknown, unknown, z.output<typeof action>>) => ({
  by: principal.name,
  reason: body?.reason,
  dryRun: body?.dry_run,
});

const write = { permission: 'schedules:write', scope: 'namespace', cost: 'write', params } as const;

export const pauseSchedule = defineRoute({
  ...write,
  operation: 'pauseSchedule',
  act: 'schedule.pause',
  method: 'POST',
  path: '/v1/schedules/{key}:pause',
  summary: 'Let a schedule submit nothing until it is resumed',
  body: action,
  response: z.object({ outcome: z.literal('paused') }),
  example: { body: { reason: 'the bank is closed' }, response: { outcome: 'paused' } },
  async handle(request) {
    await requireSchedule(request);
    await request.client.pauseSchedule(request.params.key, actionOf(request));
    return { body: { outcome: 'paused' } };
  },
});

export const resumeSchedule = defineRoute({
  ...write,
  operation: 'resumeSchedule',
  act: 'schedule.resume',
  method: 'POST',
  path: '/v1/schedules/{key}:resume',
  summary: 'Let a schedule go on: what came due in its pause is not made up for',
  body: action,
  response: z.object({ outcome: z.enum(['resumed', 'not paused']) }),
  example: { body: {}, response: { outcome: 'resumed' } },
  async handle(request) {
    await requireSchedule(request);
    return { body: { outcome: await request.client.resumeSchedule(request.params.key, actionOf(request)) } };
  },
});

export const removeSchedule = defineRoute({
  ...write,
  operation: 'removeSchedule',
  act: 'schedule.remove',
  method: 'DELETE',
  path: '/v1/schedules/{key}',
  summary: 'Remove a schedule',
  query: why,
  response: z.object({ outcome: z.literal('removed') }),
  example: { response: { outcome: 'removed' } },
  async handle(request) {
    await requireSchedule(request);
    const { principal, query, params: of } = request;
    await request.client.unschedule(of.key, { by: principal.name, reason: query.reason });
    return { body: { outcome: 'removed' } };
  },
});

export const triggerSchedule = defineRoute({
  ...write,
  operation: 'triggerSchedule',
  act: 'schedule.trigger',
  method: 'POST',
  path: '/v1/schedules/{key}:trigger',
  summary: 'Submit the workflow of a schedule now, beside its occurrences',
  body: action,
  response: z.looseObject({ outcome: z.string() }),
  example: { body: { reason: 'the report is late' }, response: { outcome: 'triggered', task_id: '4711' } },
  async handle(request) {
    await requireSchedule(request);
    const { queues: _queues, ...outcome } = {
      queues: undefined,
      ...(await request.client.triggerSchedule(request.params.key, actionOf(request))),
    };
    return { body: snakeCase(outcome) };
  },
});
