import { z } from 'zod';
import { namesApart } from '../../client/workflow-reference.ts';
import { ERROR } from '../examples.ts';
import { defineRoute } from '../route.ts';
import { limit, taskId, text, time } from '../schemas/common.ts';
import { requireNamespace } from './task-scope.ts';

export const group = z
  .object({
    fingerprint: z.string().nullable().describe('`listTasks` takes it as a filter.'),
    name: z.string().nullable(),
    code: z.string().nullable(),
    message: z.string().nullable().describe('Null for whoever may not read payloads.'),
    namespace: z.string(),
    workflow: z.string(),
    versions: z.array(z.string()),
    step: z.string(),
    steps: z.number().int(),
    blocked: z.number().int().describe('No retry will come to these.'),
    first_seen: time,
    last_seen: time,
    sample_task_id: taskId,
  })
  .meta({ id: 'FailureGroup', description: 'Steps that are in error now, by what they failed with.' });

export const listFailures = defineRoute({
  operation: 'listFailures',
  shared: true,
  method: 'GET',
  path: '/v1/failures',
  summary: 'What fails now, by cause, the largest group first',
  permission: 'tasks:read',
  scope: 'namespace',
  description: 'Kept for 2 seconds.',
  cost: 'list',
  query: z.strictObject({
    namespace: text.optional(),
    workflow: text.optional().describe('Only failures of this workflow: its name, or `[namespace/]name[@version]`.'),
    version: text.optional(),
    limit,
  }),
  response: z.object({
    items: z.array(group),
    complete: z.boolean().describe('False: more steps are in error than were read; the numbers are of the newest.'),
  }),
  example: {
    response: {
      items: [
        {
          fingerprint: '9c41d0a2b7e3',
          ...ERROR,
          namespace: 'shop',
          workflow: 'checkout',
          versions: ['1.4.0'],
          step: 'charge',
          steps: 214,
          blocked: 200,
          first_seen: '2026-03-01T09:20:00.000Z',
          last_seen: '2026-03-01T09:31:10.000Z',
          sample_task_id: '4711',
        },
      ],
      complete: true,
    },
  },
  async handle({ principal, query, reports }) {
    const { namespaces, permissions } = principal;
    const of = namesApart(query);
    if (of.namespace !== undefined) requireNamespace(principal, of.namespace);
    const { groups, complete } = await reports.failures(of);
    const items = groups
      .filter(({ namespace }) => namespaces === undefined || namespaces.includes(namespace))
      .slice(0, query.limit)
      .map((each) => ({ ...each, message: permissions.has('payload:read') ? each.message : null }));
    return { body: { items, complete } };
  },
});
