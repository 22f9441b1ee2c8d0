import { z } from 'zod';
import { defineRoute } from '../route.ts';

const open = { method: 'GET', permission: 'public', scope: 'namespace', cost: 'none' } as const;
const status = z.object({ status: z.enum(['ok', 'failing']) });

export const getLive = defineRoute({
  ...open,
  operation: 'getLive',
  path: '/livez',
  summary: 'Whether the process responds',
  response: status,
  example: { response: { status: 'ok' } },
  handle: async () => ({ body: { status: 'ok' } }),
});

export const getReady = defineRoute({
  ...open,
  operation: 'getReady',
  path: '/readyz',
  summary: 'Whether the process can do its work; 503 if not',
  description: 'Why not, is at /readyz of the metrics port, which is not for everybody.',
  response: status,
  example: { response: { status: 'ok' } },
  async handle({ ready }) {
    const { ok } = await ready();
    return { status: ok ? 200 : 503, body: { status: ok ? 'ok' : 'failing' } };
  },
});
