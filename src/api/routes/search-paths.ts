import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { time } from '../schemas/common.ts';

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
