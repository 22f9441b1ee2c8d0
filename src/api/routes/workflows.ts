import { z } from 'zod';
import { findWorkflowDetails } from '../../db/reads/workflow-details.ts';
import { Problem } from '../problem.ts';
import { defineRoute } from '../route.ts';
import { json, name, time } from '../schemas/common.ts';
import { requireNamespace } from './task-scope.ts';

const version = z
  .object({
    namespace: z.string(),
    workflow: z.string(),
    version: z.string(),
    registered: z.boolean(),
    pending_tasks: z.number().int(),
    tasks_in_progress: z.number().int(),
    tasks_in_error: z.number().int(),
    complete: z
      .boolean()
      .describe('False: there are more open steps than are read for it, and the numbers are the least that there are.'),
    workers: z.array(z.string()).describe('Ids of the live workers that serve it.'),
    problems: z.array(z.string()).describe('Why live workers refuse it.'),
  })
  .meta({ id: 'WorkflowVersion', description: 'A version of a workflow with its open tasks.' });

const EXAMPLE = {
  namespace: 'shop',
  workflow: 'checkout',
  version: '1.4.0',
  registered: true,
  pending_tasks: 2,
  tasks_in_progress: 5,
  tasks_in_error: 1,
  complete: true,
  workers: ['12'],
  problems: [],
};

export const listWorkflows = defineRoute({
  operation: 'listWorkflows',
  shared: true,
  method: 'GET',
  path: '/v1/workflows',
  summary: 'Every version of every workflow, with its open tasks and the workers that serve it',
  description:
    'Counts the tasks of up to 20,000 open steps, on the replica for reports if there is one; kept for 5 seconds.',
  permission: 'fleet:read',
  scope: 'namespace',
  cost: 'report',
  response: z.object({
    items: z.array(version),
    as_of: time.describe('When it was read; of a replica, up to when it has everything.'),
  }),
  example: { response: { items: [EXAMPLE], as_of: '2026-03-01T09:32:00.000Z' } },
  async handle({ principal, reports }) {
    const { workflows, asOf } = await reports.workflows();
    const { namespaces } = principal;
    const items = workflows.filter(({ namespace }) => namespaces === undefined || namespaces.includes(namespace));
    return { body: { items, as_of: asOf } };
  },
});

const definition = z
  .object({
    version: z.string(),
    description: z.string().nullable(),
    registered: z.boolean(),
    served: z.boolean().describe('A live worker has handlers for it.'),
    configuration: json.describe('Its steps and what they depend on; null: Tasker (Ruby) registered it.'),
    input_schema: json.describe('JSON Schema of its input; null: none is stored.'),
    workers: z.array(z.string()).describe('Ids of the live workers that serve it.'),
    problems: z.array(z.string()).describe('Why live workers refuse it.'),
  })
  .meta({ id: 'StoredDefinition', description: 'A version of a workflow as the database has it.' });

export const getWorkflow = defineRoute({
  operation: 'getWorkflow',
  shared: true,
  method: 'GET',
  path: '/v1/workflows/{namespace}/{workflow}',
  summary: 'The versions of one workflow: steps, and the schema of the input',
  permission: 'fleet:read',
  scope: 'namespace',
  cost: 'point',
  params: z.object({ namespace: name, workflow: name }),
  response: z.object({ items: z.array(definition) }),
  example: {
    response: {
      items: [
        {
          version: '1.4.0',
          description: null,
          registered: true,
          served: true,
          configuration: { steps: [] },
          input_schema: { type: 'object' },
          workers: ['12'],
          problems: [],
        },
      ],
    },
  },
  async handle({ client, params, principal }) {
    requireNamespace(principal, params.namespace);
    const rows = await client.db.run(findWorkflowDetails, { namespace: params.namespace, name: params.workflow });
    if (rows.length === 0) {
      throw new Problem('NOT_FOUND', `there is no workflow ${params.namespace}/${params.workflow}`);
    }
    return {
      body: {
        items: rows.map(({ namespace: _namespace, workflow: _workflow, ...row }) => ({
          ...row,
          served: row.workers.length > 0,
        })),
      },
    };
  },
});
