import { z } from 'zod';
import { listCoverage as readCoverage } from '../../db/reads/attention.ts';
import { defineRoute } from '../route.ts';
import { time } from '../schemas/common.ts';

const fleet = { method: 'GET', permission: 'fleet:read', scope: 'fleet' } as const;

const coverage = z
  .object({
    namespace: z.string(),
    workflow: z.string(),
    version: z.string(),
    registered: z.boolean(),
    workers: z.array(z.string()).describe('Ids of the live processes that serve it.'),
    refused: z
      .array(z.object({ worker_id: z.string(), problem: z.string() }))
      .describe('Live processes that have it and refuse it, and why.'),
  })
  .meta({ id: 'Coverage', description: 'Which live processes can run a workflow version.' });

export const listCoverage = defineRoute({
  operation: 'listCoverage',
  shared: true,
  method: 'GET',
  path: '/v1/coverage',
  summary: 'Which live process can run which workflow version',
  description: 'As `listWorkflows`, without reading open tasks.',
  permission: 'fleet:read',
  scope: 'namespace',
  cost: 'point',
  response: z.object({ items: z.array(coverage) }),
  example: {
    response: {
      items: [
        { namespace: 'shop', workflow: 'checkout', version: '1.4.0', registered: true, workers: ['12'], refused: [] },
      ],
    },
  },
  async handle({ client, principal, reports }) {
    const { namespaces } = principal;
    const rows = await reports.kept('coverage', 1000, () => client.db.run(readCoverage));
    const visible = rows.filter(({ namespace }) => namespaces === undefined || namespaces.includes(namespace));
    const versions = Map.groupBy(visible, ({ namespace, workflow, version }) =>
      JSON.stringify([namespace, workflow, version]),
    );
    return {
      body: {
        items: [...versions.values()].map((pairs) => {
          const { namespace, workflow, version, registered } = pairs[0] as (typeof pairs)[number];
          const held = pairs.filter(({ worker_id: id }) => id !== null);
          return {
            namespace,
            workflow,
            version,
            registered,
            workers: held.filter(({ problem }) => problem === null).map(({ worker_id: id }) => id),
            refused: held
              .filter(({ problem }) => problem !== null)
              .map(({ worker_id, problem }) => ({ worker_id, problem })),
          };
        }),
      },
    };
  },
});

export const getDoctor = defineRoute({
  ...fleet,
  operation: 'examineData',
  path: '/v1/health/doctor',
  summary: 'Check every invariant of the data',
  description:
    'Reads whole tables, from the replica for reports if there is one. One examination at a time; whoever asks meanwhile gets the same answer.',
  permission: 'admin',
  cost: 'report',
  waits: 'always',
  response: z.object({
    checks: z.number().int(),
    findings: z.array(
      z.object({
        id: z.string(),
        title: z.string(),
        why: z.string(),
        violations: z.number().int().describe('Rows, counted up to 1,000.'),
        examples: z
          .array(z.record(z.string(), z.unknown()))
          .describe('The keys of up to five of these rows, such as `task_id` and `workflow_step_id`.'),
      }),
    ),
    as_of: time,
  }),
  example: { response: { checks: 64, findings: [], as_of: '2026-03-01T09:32:00.000Z' } },
  handle: async ({ reports }) => ({ body: await reports.doctor() }),
});
