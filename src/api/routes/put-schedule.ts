import { z } from 'zod';
import { REDACTED, type Redact } from '../../redact.ts';
import type { SchedulePut } from '../../schedules/schedule-list.ts';
import { LEAST_URGENT, MOST_URGENT } from '../../workflow/priority.ts';
import { LEAST_MAKE_UP_WINDOW_SECONDS, MOST_MAKE_UP_WINDOW_SECONDS } from '../../workflow/schedule-options.ts';
import { checkIfNoneMatch } from '../http/if-match.ts';
import { type FieldProblem, Problem } from '../problem.ts';
import { type Answer, defineRoute } from '../route.ts';
import { json, name, nullableTime, reason } from '../schemas/common.ts';
import { expected, etagOf, write } from './schedules.ts';
import { named } from './submit.ts';
import { requireNamespace } from './task-scope.ts';

const body = z
  .strictObject({
    cron: z.string().max(200).describe('Five fields, or @hourly, @daily, @weekly, @monthly, @yearly.'),
    timezone: z.string().max(100).default('UTC').describe('A name of the IANA database.'),
    namespace: name.default('default'),
    workflow: name,
    version: name.optional().describe('Default: the newest that a live worker serves.'),
    version_policy: z
      .enum(['latest', 'pinned'])
      .optional()
      .describe(
        '`latest`: each occurrence runs the newest version that a live worker serves, `version` or a later one; the default without `version`. `pinned`: always `version`.',
      ),
    input: json
      .optional()
      .describe(
        'Of each task, checked against the JSON Schema of the workflow. Absent: that of the schedule that is there, if it is of the same workflow, or else `{}`.',
      ),
    priority: z.number().int().min(MOST_URGENT).max(LEAST_URGENT).optional().describe('Of each task.'),
    tags: z.array(z.string().max(255)).max(50).optional().describe('Of each task.'),
    task_reason: z.string().max(2000).optional().describe('The `reason` of each task.'),
    overlap: z
      .enum(['allow', 'skip'])
      .default('allow')
      .describe('`skip`: an occurrence is left out while the task of the one before is pending or in progress.'),
    make_up: z
      .enum(['all', 'last', 'skip'])
      .default('all')
      .describe('What happens to occurrences that were missed: all are submitted, the last one, or none.'),
    make_up_window_seconds: z
      .number()
      .int()
      .min(LEAST_MAKE_UP_WINDOW_SECONDS)
      .max(MOST_MAKE_UP_WINDOW_SECONDS)
      .optional()
      .describe('Occurrences that were missed longer ago are left out; default 600.'),
    paused: z.boolean().optional().describe('Pause it, or end its pause. Absent: that stays as it is.'),
    take_over: z
      .boolean()
      .default(false)
      .describe(
        'Also replace a schedule that is written in code (`source: code`): from then on deployments leave it alone.',
      ),
    reason: reason.optional(),
    dry_run: z.boolean().default(false).describe('Change nothing, and respond as the act would now.'),
  })
  .refine((given) => given.make_up !== 'skip' || given.make_up_window_seconds === undefined, {
    path: ['make_up_window_seconds'],
    message: 'has no meaning with make_up "skip": leave one of them out',
  })
  .meta({ id: 'ScheduleWrite', description: 'A schedule as it is to be: what is left out has its default.' });

const put = z.object({
  outcome: z.enum(['created', 'changed', 'unchanged']),
  next: nullableTime.describe('Null: never, or not before it is resumed.'),
  live_schedulers: z.number().int().describe('With none, nothing is submitted.'),
  changes: z
    .array(z.object({ path: z.string(), from: json.optional(), to: json.optional() }))
    .describe('What differs from before, by JSON pointers; of the input, only the places. The audit has the same.'),
  more_changes: z.number().int().describe('How many further places there are.'),
  etag: z.string().nullable().describe('For `If-Match`; null: there is no such schedule, since it was a dry run.'),
});

export const putSchedule = defineRoute({
  ...write,
  operation: 'putSchedule',
  act: 'schedule.put',
  method: 'PUT',
  path: '/v1/schedules/{key}',
  summary: 'Make a schedule, or replace the one of this key',
  description:
    'One that is there as it is stays untouched (`unchanged`); one whose cron expression and time zone stay keeps its occurrences. With `If-Match` it is refused with 412 if it has changed since it was read, with `If-None-Match: *` if there is one. One that is written in code is refused with 409 unless `take_over` is set. 201 for a new one.',
  matches: true,
  body,
  response: put,
  example: {
    body: {
      cron: '0 3 * * *',
      timezone: 'Europe/Berlin',
      namespace: 'shop',
      workflow: 'report',
      input: { day: 'yesterday' },
      reason: 'an hour later',
    },
    response: {
      outcome: 'changed',
      next: '2026-03-02T02:00:00.000Z',
      live_schedulers: 1,
      changes: [{ path: '/cron', from: '0 2 * * *', to: '0 3 * * *' }],
      more_changes: 0,
      etag: '"1772323200000000"',
    },
  },
  async handle(request) {
    const { client, principal, headers, params, body: given, redact } = request;
    const { namespace, workflow, version, dry_run: dryRun, take_over: takeOver, paused, input } = named(given);
    requireNamespace(principal, namespace);
    checkNotHidden(input, redact);
    const isSeen = expected(request);
    const done = await client.scheduleByName(
      { namespace, workflow, version },
      {
        key: params.key,
        cron: given.cron,
        timezone: given.timezone,
        overlap: given.overlap,
        makeUp: given.make_up,
        ...(input === undefined ? {} : { input }),
        ...(given.version_policy === undefined ? {} : { version: given.version_policy }),
        ...(given.make_up_window_seconds === undefined ? {} : { makeUpWindowSeconds: given.make_up_window_seconds }),
        ...(given.priority === undefined ? {} : { priority: given.priority }),
        ...(given.tags === undefined ? {} : { tags: given.tags }),
        ...(given.task_reason === undefined ? {} : { reason: given.task_reason }),
      },
      {
        by: principal.name,
        reason: given.reason,
        dryRun,
        takeOver,
        paused,
        // A dry run is rolled back by itself.
        transaction: dryRun ? undefined : request.transaction,
        expect(before) {
          isSeen(before);
          checkIfNoneMatch(headers, before !== undefined, 'schedule');
        },
      },
    );
    return answerOf(done);
  },
});

function answerOf({ outcome, next, schedulers, changes, more, edition }: SchedulePut): Answer {
  if (outcome === 'kept') {
    const why =
      'the schedule is written in the code of its workflow: change it there, pause it, or send "take_over": true, after which deployments leave it alone';
    // Not thrown: the act is in the audit, which a transaction that is rolled back would lose.
    return { problem: new Problem('REFUSED', why, { members: { outcome, source: 'code' } }) };
  }
  const etag = edition === undefined ? null : etagOf(edition);
  return {
    status: outcome === 'created' ? 201 : 200,
    body: { outcome, next, live_schedulers: schedulers, changes, more_changes: more, etag },
    headers: etag === null ? {} : { etag },
  };
}

const MOST_PLACES = 20;

/** What was read with something hidden would be stored with the mark in its place. Throws Problem. */
function checkNotHidden(input: unknown, redact: Redact): void {
  const errors: FieldProblem[] = [];
  const visit = (value: unknown, place: readonly string[]): void => {
    if (errors.length >= MOST_PLACES) return;
    if (value === REDACTED && redact.hides(place, 'input')) {
      const pointer = ['/input', ...place.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1'))].join('/');
      const detail = `is ${JSON.stringify(REDACTED)}, which stands for what is hidden: send the value, or leave the whole input out to keep it`;
      errors.push({ pointer, detail });
    } else if (typeof value === 'object' && value !== null)
      for (const [part, member] of Object.entries(value)) visit(member, [...place, part]);
  };
  visit(input, []);
  const [first] = errors;
  if (first !== undefined) throw new Problem('INPUT_INVALID', `${first.pointer} ${first.detail}`, { errors });
}
