import { z } from 'zod';
import { encoded } from '../http/compress.ts';
import { Problem } from '../problem.ts';
import { defineRoute } from '../route.ts';
import { name } from '../schemas/common.ts';
import { requireNamespace } from './task-scope.ts';

const layout = z
  .object({
    hash: z.string().describe('Of the graph: under it the layout never changes.'),
    layers: z.number().int(),
    rows: z.number(),
    steps: z
      .array(z.object({ name: z.string(), queue: z.string(), node: z.number().int().describe('Index in `nodes`.') }))
      .describe('In the order of their ordinals, which begin with 1.'),
    nodes: z
      .array(
        z.object({
          layer: z.number().int(),
          row: z.number().describe('Its centre.'),
          steps: z.number().int().describe('1, or how many siblings it stands for.'),
          first: z.number().int().describe('The ordinal of its first step.'),
        }),
      )
      .describe('Steps, and groups of five and more that have the same parents and the same children.'),
    edges: z
      .array(z.array(z.number()))
      .describe('From node, to node, then the rows at which it passes the layers between, if any.'),
  })
  .meta({ id: 'Layout', description: 'The places at which the steps of a workflow are drawn, in abstract units.' });

const YEAR = 31_536_000;

export const getLayout = defineRoute({
  operation: 'getLayout',
  tagged: true,
  method: 'GET',
  path: '/v1/workflows/{namespace}/{workflow}/{version}/layout',
  summary: 'Where the steps of a workflow version are drawn',
  description:
    'Computed once for a definition. With `hash` of an earlier answer it may be kept for a year; 404 if the version has another layout now.',
  permission: 'fleet:read',
  scope: 'namespace',
  cost: 'point',
  params: z.object({ namespace: name, workflow: name, version: name }),
  query: z.strictObject({ hash: z.string().max(64).optional().describe('Of an earlier answer.') }),
  response: layout,
  example: {
    response: {
      hash: '9c41d0a2b7e3f0a1',
      layers: 2,
      rows: 1,
      steps: [
        { name: 'reserve', queue: 'default', node: 0 },
        { name: 'charge', queue: 'payments', node: 1 },
      ],
      nodes: [
        { layer: 0, row: 0, steps: 1, first: 1 },
        { layer: 1, row: 0, steps: 1, first: 2 },
      ],
      edges: [[0, 1]],
    },
  },
  async handle(request) {
    const { layouts, params, principal, query } = request;
    requireNamespace(principal, params.namespace);
    const found = await layouts.find(params);
    const which = `${params.namespace}/${params.workflow}@${params.version}`;
    if (found === undefined) throw new Problem('NOT_FOUND', `there is no workflow ${which} that a worker registered`);
    if (query.hash !== undefined && query.hash !== found.hash)
      throw new Problem('NOT_FOUND', `${which} has the layout ${found.hash} now, and none with this hash`);
    const { body, headers } = encoded(found.json, request);
    return {
      body,
      headers: {
        ...headers,
        etag: `"${found.hash}"`,
        ...(query.hash === undefined ? {} : { 'cache-control': `private, max-age=${YEAR}, immutable` }),
      },
    };
  },
});
