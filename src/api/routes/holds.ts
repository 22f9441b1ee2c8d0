import { z } from 'zod';
import type { Hold } from '../../engine/holds.ts';
import { Problem } from '../problem.ts';
import { defineRoute } from '../route.ts';
import { taskId, time, why } from '../schemas/common.ts';

const hold = z
  .object({
    hold_id: z.string(),
    task_id: taskId.nullable(),
    tag: z.string().nullable().describe('It holds every task with this tag, also those that are submitted later.'),
    reason: z.string(),
    by: z.string(),
    at: time,
  })
  .meta({ id: 'Hold', description: 'What one of these is about is removed by nobody.' });

const EXAMPLE = {
  hold_id: '3',
  task_id: null,
  tag: 'case-17',
  reason: 'lawsuit 17/2026',
  by: 'ada',
  at: '2026-03-01T09:40:00.000Z',
} as const;

const shown = ({ holdId, taskId: id, tag, reason, by, at }: Hold): object => ({
  hold_id: holdId,
  task_id: id ?? null,
  tag: tag ?? null,
  reason,
  by,
  at,
});

export const listHolds = defineRoute({
  operation: 'listHolds',
  shared: true,
  method: 'GET',
  path: '/v1/holds',
  summary: 'All legal holds, the latest first',
  permission: 'fleet:read',
  scope: 'fleet',
  cost: 'list',
  response: z.object({ items: z.array(hold) }),
  example: { response: { items: [EXAMPLE] } },
  handle: async ({ client }) => ({ body: { items: (await client.holds.list()).map(shown) } }),
});

const text = z.string().trim().min(1).max(2000);
const write = { permission: 'retention:write', scope: 'fleet', cost: 'write' } as const;

export const setHold = defineRoute({
  ...write,
  operation: 'setHold',
  method: 'POST',
  path: '/v1/holds',
  summary: 'Keep one task, or every task with a tag, from being removed',
  act: 'hold.set',
  body: z.union([z.strictObject({ task_id: taskId, reason: text }), z.strictObject({ tag: text, reason: text })]),
  response: hold,
  status: 201,
  example: { body: { tag: 'case-17', reason: 'lawsuit 17/2026' }, response: EXAMPLE },
  async handle({ client, body, principal, transaction }) {
    const subject = 'tag' in body ? { tag: body.tag } : { taskId: body.task_id };
    const set = await client.holds.add({ ...subject, reason: body.reason, by: principal.name }, { transaction });
    if (set === undefined) return { problem: new Problem('NOT_FOUND', 'there is no such task') };
    return { status: 201, body: shown(set) };
  },
});

export const endHold = defineRoute({
  ...write,
  operation: 'endHold',
  method: 'DELETE',
  path: '/v1/holds/{hold_id}',
  summary: 'End a legal hold: what no other one keeps may go again',
  act: 'hold.end',
  params: z.object({ hold_id: z.string().regex(/^\d{1,18}$/, 'is no id of a hold: digits, as a text') }),
  query: why,
  response: hold,
  example: { response: EXAMPLE },
  async handle({ client, params, query: { reason }, principal, transaction }) {
    const ended = await client.holds.remove(params.hold_id, { by: principal.name, reason, transaction });
    if (ended === undefined) return { problem: new Problem('NOT_FOUND', `there is no hold ${params.hold_id}`) };
    return { body: shown(ended) };
  },
});
