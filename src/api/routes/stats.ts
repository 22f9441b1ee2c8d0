import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { flag, nullableTime, time } from '../schemas/common.ts';
import { RUN_FIGURES } from '../schemas/run-figures.ts';
import { requireNamespace } from './task-scope.ts';

export const getStats = defineRoute({
  operation: 'getStats',
  shared: true,
  method: 'GET',
  path: '/v1/stats',
  summary: 'What ran, failed and was tried again in a time, by workflow',
  description: 'Sums that a scheduler keeps, minutes old in general.',
  permission: 'fleet:read',
  scope: 'namespace',
  cost: 'list',
  query: z.strictObject({
    since: z.iso.datetime({ offset: true }).optional().describe('Default: 24 hours ago.'),
    namespace: z.string().max(255).optional(),
    workflow: z.string().max(255).optional(),
    steps: flag.describe('Also each step.'),
  }),
  response: z.object({
    since: time,
    counted_until: nullableTime,
    items: z.array(
      z
        .object({
          namespace: z.string(),
          workflow: z.string(),
          step: z.string().nullable(),
          ...RUN_FIGURES,
        })
        .meta({ id: 'RunStats', description: 'Durations in seconds.' }),
    ),
  }),
  example: {
    response: {
      since: '2026-03-01T00:00:00.000Z',
      counted_until: '2026-03-01T09:30:00.000Z',
      items: [
        {
          namespace: 'shop',
          workflow: 'checkout',
          step: null,
          runs: 830,
          failures: 4,
          retries: 2,
          waiting_p50: 0.02,
          waiting_p95: 0.3,
          running_p50: 1.2,
          running_p95: 4,
        },
      ],
    },
  },
  async handle({ client, principal, query }) {
    const { namespaces } = principal;
    if (query.namespace !== undefined) requireNamespace(principal, query.namespace);
    const { since, countedUntil, rows } = await client.stats({
      ...(query.since === undefined ? {} : { since: new Date(query.since) }),
      ...(query.namespace === undefined ? {} : { namespace: query.namespace }),
      ...(query.workflow === undefined ? {} : { workflow: query.workflow }),
      steps: query.steps,
    });
    const items = rows.filter(({ namespace }) => namespaces === undefined || namespaces.includes(namespace));
    return { body: { since, counted_until: countedUntil, items } };
  },
});
