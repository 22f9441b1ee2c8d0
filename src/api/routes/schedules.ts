import { actView } from '../../engine/act-view.ts';
import { z } from 'zod';
import { nextRuns, type ScheduleInfo } from '../../schedules/schedule-info.ts';
import type { ScheduledSubmit } from '../../schedules/scheduled-submit.ts';
import { Problem } from '../problem.ts';
import { defineRoute, type RouteRequest } from '../route.ts';
import { checkIfMatch } from '../http/if-match.ts';
import { flag, json, nullableTime, reason, time } from '../schemas/common.ts';
import { snakeCase } from '../views.ts';

const schedule = z
  .object({
    key: z.string(),
    cron: z.string(),
    timezone: z.string(),
    namespace: z.string(),
    workflow: z.string(),
    version_policy: z.string(),
    version: z.string().nullable().describe('That it would run now; null: none that it may run is registered.'),
    made_with: z.string().describe('The version that it was made with: with `latest` it runs this one or a later one.'),
    served: z.boolean(),
    overlap: z.string(),
    make_up: z.string(),
    make_up_window_seconds: z.number(),
    priority: z.number().int().nullable().describe('Of each task; null: the priorities of the definition.'),
    tags: z.array(z.string()).describe('Of each task.'),
    task_reason: z.string().nullable().describe('Of each task.'),
    source: z
      .string()
      .describe(
        '`code`: it is written in the code of its workflow, and a deployment has applied it; `hand`: a person or a program made it.',
      ),
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
    etag: z.string().describe('For `If-Match`: another one after each change, and after each pause and its end.'),
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
  made_with: '1.0.0',
  served: true,
  overlap: 'skip',
  make_up: 'last',
  make_up_window_seconds: 3600,
  priority: null,
  tags: [],
  task_reason: null,
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
  etag: '"1772323200000000"',
};

export const params = z.object({ key: z.string().min(1).max(255) });

/** A strong validator of what is written of a schedule: what becomes of its occurrences does not change it. */
export const etagOf = (edition: string): string => `"${edition}"`;

const maySee = ({ principal: { namespaces } }: Pick<RouteRequest, 'principal'>, namespace: string): boolean =>
  namespaces === undefined || namespaces.includes(namespace);

function shown({ data, edition, ...info }: ScheduleInfo, { principal, redact }: RouteRequest, runs: number): object {
  const { input } = data as { input?: unknown };
  return {
    ...snakeCase(info),
    next_runs: nextRuns(info, runs),
    input: principal.permissions.has('payload:read') ? redact(input ?? null, 'input') : null,
    etag: etagOf(edition),
  };
}

/** Throws Problem for a schedule that whoever asks may not see, as for one that does not exist. */
async function requireSchedule(request: RouteRequest<{ key: string }>): Promise<ScheduleInfo> {
  const { key } = request.params;
  const info = await request.client.getSchedule(key);
  if (info === undefined || !maySee(request, info.namespace))
    throw new Problem('NOT_FOUND', `there is no schedule ${JSON.stringify(key)}`);
  return info;
}

/** For an act under the lock of the schedule: compares `If-Match`, and throws Problem for one of a namespace that whoever asks may not see. */
export function expected(
  request: RouteRequest<{ key: string }>,
): (before: { edition: string; data: unknown } | undefined) => void {
  return (before) => {
    if (before !== undefined && !maySee(request, (before.data as ScheduledSubmit).namespace))
      throw new Problem('NOT_FOUND', `there is no schedule ${JSON.stringify(request.params.key)} that you may change`);
    checkIfMatch(request.headers, before === undefined ? undefined : etagOf(before.edition), 'schedule');
  };
}

const runs = z.coerce.number().int().min(0).max(20);
const RUNS = 'How many occurrences to come are computed.';

export const listSchedules = defineRoute({
  operation: 'listSchedules',
  shared: true,
  method: 'GET',
  path: '/v1/schedules',
  summary: 'All schedules: what each runs, when, and what became of its last occurrence',
  permission: 'fleet:read',
  scope: 'namespace',
  cost: 'list',
  query: z.strictObject({ runs: runs.default(0).describe(RUNS) }),
  response: z.object({ items: z.array(schedule) }),
  example: { query: '?runs=2', response: { items: [EXAMPLE] } },
  async handle(request) {
    const items = (await request.client.schedules()).filter(({ namespace }) => maySee(request, namespace));
    return { body: { items: items.map((info) => shown(info, request, request.query.runs)) } };
  },
});

export const getSchedule = defineRoute({
  operation: 'getSchedule',
  tagged: true,
  method: 'GET',
  path: '/v1/schedules/{key}',
  summary: 'One schedule, with its ETag',
  description: 'A `/` in the key is written `%2F`.',
  permission: 'fleet:read',
  scope: 'namespace',
  cost: 'point',
  params,
  query: z.strictObject({ runs: runs.default(10).describe(RUNS) }),
  response: schedule,
  example: { query: '?runs=2', response: EXAMPLE },
  async handle(request) {
    const info = await requireSchedule(request);
    return { body: shown(info, request, request.query.runs), headers: { etag: etagOf(info.edition) } };
  },
});

const action = z.strictObject({ reason: reason.optional(), dry_run: z.boolean().default(false) }).optional();

const actionOf = ({ body, principal, transaction }: RouteRequest<unknown, unknown, z.output<typeof action>>) => ({
  by: principal.name,
  reason: body?.reason,
  dryRun: body?.dry_run,
  // A dry run is rolled back by itself.
  transaction: body?.dry_run === true ? undefined : transaction,
});

/** Of every route that is an act on a schedule. */
export const write = { permission: 'schedules:write', scope: 'namespace', cost: 'write', params } as const;

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
  description:
    'Tasks that it has submitted stay. One that is written in code comes back with the next deployment that applies it: remove it there, or pause it. With `If-Match` it is refused with 412 if it has changed since it was read.',
  matches: true,
  query: z.strictObject({
    reason: reason.optional(),
    dry_run: flag.describe('Change nothing, and respond as the act would now.'),
  }),
  response: z.object({ outcome: z.literal('removed') }),
  example: { query: '?reason=replaced', response: { outcome: 'removed' } },
  async handle(request) {
    await requireSchedule(request);
    const {
      client,
      params: { key },
      query,
      principal,
      transaction,
    } = request;
    const removed = await client.unschedule(key, {
      by: principal.name,
      reason: query.reason,
      dryRun: query.dry_run,
      transaction: query.dry_run ? undefined : transaction,
      expect: expected(request),
    });
    if (!removed) throw new Problem('NOT_FOUND', `there is no schedule ${JSON.stringify(key)}`);
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
    return { body: actView(await request.client.triggerSchedule(request.params.key, actionOf(request))) };
  },
});
