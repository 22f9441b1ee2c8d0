import { z } from 'zod';
import { KEPT_STATES } from '../../keep-policy.ts';
import { defineRoute } from '../route.ts';
import { nullableTime } from '../schemas/common.ts';

const kept = z.object({
  time: z.string().describe('Such as `30 days`, or `forever`.'),
  source: z.enum(['setting', 'definition', 'default', 'none']),
});

export const getRetention = defineRoute({
  operation: 'getRetention',
  shared: true,
  method: 'GET',
  path: '/v1/retention',
  summary: 'For how long the tasks of each workflow are kept, and what was removed',
  description: 'What would go now is not counted here, since that reads every task: `tasker retention --dry-run` does.',
  permission: 'fleet:read',
  scope: 'fleet',
  cost: 'list',
  response: z.object({
    workflows: z.array(
      z
        .object({
          namespace: z.string(),
          workflow: z.string(),
          version: z.string().describe('The newest one: its definition counts.'),
          keep: z.record(z.enum(KEPT_STATES), kept),
        })
        .meta({ id: 'WorkflowRetention', description: 'For how long tasks of a workflow are kept, by state.' }),
    ),
    keep: z.string().describe('TASKER_KEEP of the scheduler that started last.'),
    keep_set_at: nullableTime.describe('When that one started; null: none has, so nothing is removed.'),
    lag_seconds: z.number().describe('For how long the oldest task that may go has been due.'),
    holds: z.number().int(),
    removed: z
      .array(
        z
          .object({
            namespace: z.string(),
            workflow: z.string(),
            state: z.string(),
            tasks: z.number().int(),
            steps: z.number().int(),
            last_day: z.string(),
          })
          .meta({ id: 'RemovedTasks', description: 'What retention removed of a workflow in 30 days.' }),
      )
      .describe('In the last 30 days.'),
  }),
  example: {
    response: {
      workflows: [
        {
          namespace: 'shop',
          workflow: 'checkout',
          version: '1.4.0',
          keep: { complete: { time: '30 days', source: 'definition' } },
        },
      ],
      keep: '90 days',
      keep_set_at: '2026-03-01T08:00:00.000Z',
      lag_seconds: 0,
      holds: 1,
      removed: [],
    },
  },
  async handle({ client }) {
    const { keepSetAt, lagSeconds, due: _due, ...report } = await client.retention();
    return { body: { ...report, keep_set_at: keepSetAt, lag_seconds: lagSeconds } };
  },
});
