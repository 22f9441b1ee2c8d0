import { z } from 'zod';
import { inCallersTransaction } from '../../db/connections/callers-transaction.ts';
import { listApiKeys } from '../../db/statements/api/keys.ts';
import { createKey, revokeKey as revoke } from '../auth/create-key.ts';
import { ROLES } from '../permissions.ts';
import { Problem } from '../problem.ts';
import { defineRoute } from '../route.ts';
import { nullableTime, reason, time, why } from '../schemas/common.ts';

const admin = { permission: 'admin', scope: 'fleet' } as const;

const key = z
  .object({
    key_id: z.string(),
    name: z.string(),
    role: z.string(),
    payload: z.boolean(),
    namespaces: z.array(z.string()).nullable(),
    created_at: time,
    expires_at: nullableTime,
    last_used_at: nullableTime,
    revoked_at: nullableTime,
  })
  .meta({ id: 'ApiKey', description: 'A key, without its secret.' });

const EXAMPLE = {
  key_id: '4f0q9xk2m1zz',
  name: 'billing',
  role: 'submitter',
  payload: false,
  namespaces: ['shop'],
  created_at: '2026-03-01T09:00:00.000Z',
  expires_at: '2026-05-30T09:00:00.000Z',
  last_used_at: null,
  revoked_at: null,
};

export const getMe = defineRoute({
  operation: 'getMe',
  method: 'GET',
  path: '/v1/me',
  summary: 'Who asks, and what for',
  permission: 'tasks:read',
  scope: 'namespace',
  cost: 'none',
  response: z.object({
    id: z.string(),
    name: z.string(),
    role: z.string(),
    permissions: z.array(z.string()),
    namespaces: z.array(z.string()).nullable(),
    reason_required: z.boolean().describe('Acts have to say why (TASKER_REQUIRE_REASON).'),
    read_only: z
      .boolean()
      .describe('This process refuses whatever would change something, whoever asks (TASKER_API_READ_ONLY).'),
    links: z
      .object({ trace: z.string().nullable(), log: z.string().nullable() })
      .describe(
        'Pages of other tools (TASKER_TRACE_URL, TASKER_LOG_URL), with `{trace_id}`, `{task_id}`, `{step}` and `{attempt}` to be filled in; null: none is configured.',
      ),
  }),
  example: {
    response: {
      id: 'key:4f0q9xk2m1zz',
      name: 'billing',
      role: 'viewer',
      permissions: ['tasks:read', 'fleet:read'],
      namespaces: ['shop'],
      reason_required: false,
      read_only: false,
      links: { trace: 'https://traces.example/trace/{trace_id}', log: null },
    },
  },
  handle: async ({ principal: { id, name, role, permissions, namespaces }, requireReason, readOnly, links }) => ({
    body: {
      id,
      name,
      role,
      permissions: [...permissions],
      namespaces: namespaces ?? null,
      reason_required: requireReason,
      read_only: readOnly,
      links: { trace: links.traceUrl ?? null, log: links.logUrl ?? null },
    },
  }),
});

export const listKeys = defineRoute({
  ...admin,
  operation: 'listKeys',
  method: 'GET',
  path: '/v1/api-keys',
  summary: 'All keys, the newest first',
  cost: 'point',
  response: z.object({ items: z.array(key) }),
  example: { response: { items: [EXAMPLE] } },
  handle: async ({ client }) => ({ body: { items: await client.db.run(listApiKeys) } }),
});

export const makeKey = defineRoute({
  ...admin,
  operation: 'createKey',
  method: 'POST',
  path: '/v1/api-keys',
  summary: 'Make a key: its text is in this answer and nowhere else',
  cost: 'write',
  act: 'key.create',
  body: z.strictObject({
    name: z.string().min(1).max(200),
    role: z.enum(Object.keys(ROLES) as (keyof typeof ROLES)[]),
    payload: z.boolean().default(false),
    namespaces: z.array(z.string().min(1).max(255)).min(1).max(100).optional(),
    expires_in_days: z.number().positive().max(3650).optional(),
    reason: reason.optional(),
  }),
  response: key.extend({ key: z.string() }),
  status: 201,
  secret: true,
  example: {
    body: { name: 'billing', role: 'submitter', namespaces: ['shop'], expires_in_days: 90 },
    response: { ...EXAMPLE, key: 'tsk_4f0q9xk2m1zz_...' },
  },
  async handle({ client, body, principal }) {
    const { expires_in_days: days, reason: given, ...rest } = body;
    const options = { ...rest, ...(days === undefined ? {} : { days }) };
    return { status: 201, body: await createKey(client.db, options, { by: principal.name, reason: given }) };
  },
});

export const revokeKey = defineRoute({
  ...admin,
  operation: 'revokeKey',
  method: 'DELETE',
  path: '/v1/api-keys/{key_id}',
  summary: 'Revoke a key: every process refuses it within 5 seconds',
  cost: 'write',
  act: 'key.revoke',
  params: z.object({ key_id: z.string().regex(/^[0-9a-z]{12}$/, 'is no id of a key: the 12 characters behind tsk_') }),
  query: why,
  response: key,
  example: { response: { ...EXAMPLE, revoked_at: '2026-03-01T10:00:00.000Z' } },
  async handle({ client, params, query: { reason: given }, principal, transaction }) {
    const { db } = client;
    const within = transaction === undefined ? db : inCallersTransaction(transaction, db.schema);
    const revoked = await revoke(within, params.key_id, { by: principal.name, reason: given });
    if (revoked === undefined) return { problem: new Problem('NOT_FOUND', `there is no key ${params.key_id}`) };
    return { body: revoked };
  },
});
