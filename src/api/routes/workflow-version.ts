import { z } from 'zod';
import { readWorkflowDetails } from '../../reads/workflow-details.ts';
import { readKeepOf } from '../../engine/retention-policy.ts';
import { KEPT_STATES } from '../../keep-policy.ts';
import { Problem } from '../problem.ts';
import { defineRoute } from '../route.ts';
import { json, name, nullableTime, time } from '../schemas/common.ts';
import { RUN_FIGURES } from '../schemas/run-figures.ts';
import { requireNamespace } from './task-scope.ts';

const step = z.object({
  name: z.string(),
  description: z.string().nullable(),
  depends_on: z.array(z.string()),
  queue: z.string(),
  priority: z.number().int(),
  retryable: z.boolean(),
  retry_limit: z.number().int().describe('Attempts in all.'),
  timeout_seconds: z.number().nullable().describe("Null: the fleet's own."),
  skippable: z.boolean(),
  last_day: z
    .object(RUN_FIGURES)
    .nullable()
    .describe('Its attempts of the last 24 hours, of all versions together, durations in seconds; null: none.'),
});

const keptFor = z.object({
  time: z.string().describe('Such as `30d`; `forever`.'),
  source: z
    .string()
    .describe(
      '`setting`: TASKER_KEEP names the workflow; `definition`: that of its newest version; `default`: TASKER_KEEP; `none`.',
    ),
});

const details = z
  .object({
    namespace: z.string(),
    workflow: z.string(),
    version: z.string(),
    description: z.string().nullable(),
    versions: z.array(z.string()).describe('All that are registered, the newest first.'),
    registered: z.boolean().describe('False: Tasker (Ruby) registered it, and no worker has served it yet.'),
    served: z.boolean().describe('A live worker has handlers for it.'),
    identity: z.string().nullable(),
    input_schema: json.describe('JSON Schema of its input; null: none is stored.'),
    steps: z.array(step).describe('In topological order.'),
    workers: z.array(z.string()).describe('Ids of the live workers that serve it.'),
    problems: z.array(z.string()).describe('Why live workers refuse it.'),
    open_tasks: z
      .object({
        pending: z.number().int(),
        in_progress: z.number().int(),
        in_error: z.number().int(),
        complete: z.boolean().describe('False: there are more open steps than are read for it.'),
      })
      .describe('Of this version.'),
    keep: z
      .object(Object.fromEntries(KEPT_STATES.map((state) => [state, keptFor])))
      .nullable()
      .describe('For how long ended tasks are kept, all versions alike.'),
    counted_until: nullableTime.describe('Up to when `last_day` is counted.'),
    as_of: time.describe('When the open tasks were counted.'),
    layout: z.string().describe('The path of its layout, which has the graph as it is drawn.'),
  })
  .meta({
    id: 'WorkflowVersionDetails',
    description: 'A version of a workflow: graph, schema, who serves it, and how it does.',
  });

const FOREVER = { time: 'forever', source: 'none' };

export const getWorkflowVersion = defineRoute({
  operation: 'getWorkflowVersion',
  shared: true,
  method: 'GET',
  path: '/v1/workflows/{namespace}/{workflow}/{version}',
  summary: 'One version of a workflow: steps, schema, live workers, open tasks, durations, retention',
  description: 'Open tasks and durations are read for all who ask, and kept for some seconds.',
  permission: 'fleet:read',
  scope: 'namespace',
  cost: 'report',
  params: z.object({ namespace: name, workflow: name, version: name }),
  response: details,
  example: {
    response: {
      namespace: 'shop',
      workflow: 'checkout',
      version: '1.4.0',
      description: null,
      versions: ['1.4.0', '1.3.0'],
      registered: true,
      served: true,
      identity: 'caller_key',
      input_schema: { type: 'object' },
      steps: [
        {
          name: 'reserve',
          description: null,
          depends_on: [],
          queue: 'default',
          priority: 100,
          retryable: true,
          retry_limit: 3,
          timeout_seconds: null,
          skippable: false,
          last_day: {
            runs: 830,
            failures: 4,
            retries: 2,
            waiting_p50: 0.02,
            waiting_p95: 0.3,
            running_p50: 0.1,
            running_p95: 0.4,
          },
        },
      ],
      workers: ['12'],
      problems: [],
      open_tasks: { pending: 2, in_progress: 5, in_error: 1, complete: true },
      keep: {
        complete: { time: '30d', source: 'definition' },
        resolved_manually: FOREVER,
        cancelled: FOREVER,
        error: FOREVER,
      },
      counted_until: '2026-03-01T09:30:00.000Z',
      as_of: '2026-03-01T09:32:00.000Z',
      layout: '/v1/workflows/shop/checkout/1.4.0/layout',
    },
  },
  async handle({ client, params, principal, reports }) {
    requireNamespace(principal, params.namespace);
    const { namespace, workflow, version } = params;
    const found = await readWorkflowDetails(client.db, { namespace, name: workflow, version });
    if (found === undefined)
      throw new Problem('NOT_FOUND', `there is no workflow ${namespace}/${workflow} of version ${version}`);
    const kept = `stats ${JSON.stringify([namespace, workflow])}`;
    const [{ workflows, asOf }, stats, keep] = await Promise.all([
      reports.workflows(),
      reports.kept(kept, 5000, () => client.stats({ namespace, workflow, steps: true })),
      readKeepOf(client.db, { namespace, workflow }),
    ]);
    const open = workflows.find(
      (row) => row.namespace === namespace && row.workflow === workflow && row.version === version,
    );
    const path = [namespace, workflow, version].map(encodeURIComponent).join('/');
    return {
      body: {
        ...found,
        served: found.workers.length > 0,
        steps: found.steps.map((each) => {
          const row = stats.rows.find(({ step: of }) => of === each.name);
          if (row === undefined) return { ...each, last_day: null };
          const { namespace: _n, workflow: _w, step: _s, ...lastDay } = row;
          return { ...each, last_day: lastDay };
        }),
        open_tasks: {
          pending: open?.pending_tasks ?? 0,
          in_progress: open?.tasks_in_progress ?? 0,
          in_error: open?.tasks_in_error ?? 0,
          complete: open?.complete ?? true,
        },
        keep: keep ?? null,
        counted_until: stats.countedUntil,
        as_of: asOf,
        layout: `/v1/workflows/${path}/layout`,
      },
    };
  },
});
