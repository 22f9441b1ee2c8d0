import { z } from 'zod';
import type { OperatorAction } from '../../engine/operator-action.ts';
import { Problem } from '../problem.ts';
import { defineRoute, type RouteRequest } from '../route.ts';
import { name, reason, time } from '../schemas/common.ts';
import { requireNamespace } from './task-scope.ts';

const searchPath = z
  .object({
    namespace: z.string(),
    workflow: z.string().describe('Every version of it.'),
    path: z.string().describe('As a search has it: `input.order`.'),
    stretches: z.number().int().describe('Ranges of 32,768 ids with tasks that are entered by workflow and tag.'),
    searched: z.number().int().describe('How many of them are entered by this path: fewer for some minutes.'),
    enabled_at: time,
    enabled_by: z.string(),
  })
  .meta({ id: 'SearchPath', description: 'A path of inputs by which `q` finds tasks at once.' });

export const listSearchPaths = defineRoute({
  operation: 'listSearchPaths',
  shared: true,
  method: 'GET',
  path: '/v1/search-paths',
  summary: 'Paths of inputs by which tasks are found at once',
  description: 'A search of another path works as well: it looks into the newest tasks first, some thousand a page.',
  permission: 'fleet:read',
  scope: 'fleet',
  cost: 'list',
  response: z.object({ items: z.array(searchPath) }),
  example: {
    response: {
      items: [
        {
          namespace: 'shop',
          workflow: 'checkout',
          path: 'input.order',
          stretches: 153,
          searched: 153,
          enabled_at: '2026-03-01T09:40:00.000Z',
          enabled_by: 'ada',
        },
      ],
    },
  },
  handle: async ({ client }) => ({
    body: { items: (await client.search.list()).map(({ path_id: _, ...row }) => row) },
  }),
});

const write = {
  method: 'POST',
  permission: 'queues:write',
  scope: 'namespace',
  cost: 'write',
  params: z.object({ namespace: name, workflow: name }),
} as const;

const body = z.strictObject({
  path: z.string().min(1).max(1000).describe('As a search has it: `input.order`, `input.lines[].sku`.'),
  reason: reason.optional(),
  dry_run: z.boolean().default(false),
});

type Request = RouteRequest<{ namespace: string; workflow: string }, undefined, z.output<typeof body>>;

/** Throws Problem for a namespace that whoever asks may not see. */
function actionOf({
  principal,
  params,
  body: given,
  transaction,
}: Request): OperatorAction & Pick<Request, 'transaction'> {
  requireNamespace(principal, params.namespace);
  const { reason: why, dry_run: dryRun } = given;
  // A dry run is rolled back by itself.
  return { by: principal.name, reason: why, dryRun, transaction: dryRun ? undefined : transaction };
}

const changed = z.object({
  outcome: z.enum(['enabled', 'enabled_before', 'disabled']),
  namespace: z.string(),
  workflow: z.string(),
  path: z.string(),
});

/** `path`: as it is kept, which may be written otherwise than it was given. */
const shown = ({ outcome, path }: { outcome: string; path?: string }, { params, body: given }: Request): object => ({
  outcome,
  ...params,
  path: path ?? given.path,
});

const EXAMPLE = { namespace: 'shop', workflow: 'checkout', path: 'input.order' };

export const enableSearch = defineRoute({
  ...write,
  operation: 'enableSearch',
  act: 'search.enable',
  path: '/v1/workflows/{namespace}/{workflow}:search',
  summary: 'Have tasks of a workflow found at once by what their input has at a path',
  description:
    'Schedulers enter the values of all tasks, the newest first; `listSearchPaths` has how far they are. Submits do not pay for it. A workflow may have 10 paths, and an installation 100.',
  body,
  response: changed,
  example: {
    body: { path: 'input.order', reason: 'support asks for it' },
    response: { outcome: 'enabled', ...EXAMPLE },
  },
  async handle(request) {
    const action = actionOf(request);
    const done = await request.client.search.enable(request.params, request.body.path, action);
    if (done.outcome === 'not_found')
      return { problem: new Problem('NOT_FOUND', 'no version of this workflow is registered') };
    if (done.outcome === 'too_many')
      return {
        problem: new Problem('REFUSED', `the ${done.of} has ${done.most} paths already: disable one`, {
          members: done,
        }),
      };
    return { body: shown(done, request) };
  },
});

export const disableSearch = defineRoute({
  ...write,
  operation: 'disableSearch',
  act: 'search.disable',
  path: '/v1/workflows/{namespace}/{workflow}:unsearch',
  summary: 'Have inputs of a workflow looked into again, one task after another',
  description: 'What was entered for the path is dropped within a day.',
  body,
  response: changed,
  example: { body: { path: 'input.order' }, response: { outcome: 'disabled', ...EXAMPLE } },
  async handle(request) {
    const action = actionOf(request);
    const done = await request.client.search.disable(request.params, request.body.path, action);
    if (done.outcome === 'not_found') return { problem: new Problem('NOT_FOUND', 'the path is not enabled') };
    return { body: shown(done, request) };
  },
});
