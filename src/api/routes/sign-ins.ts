import { z } from 'zod';
import { inCallersTransaction } from '../../db/connections/callers-transaction.ts';
import { listSignIns as list } from '../../db/statements/api/sign-ins.ts';
import { endSignInOf } from '../auth/oidc/people.ts';
import { Problem } from '../problem.ts';
import { defineRoute } from '../route.ts';
import { nullableTime, time, why } from '../schemas/common.ts';

const admin = { permission: 'admin', scope: 'fleet' } as const;

const signIn = z
  .object({
    sign_in_id: z.string(),
    issuer: z.string(),
    subject: z.string(),
    name: z.string(),
    role_values: z.array(z.string()).describe('What of the claim of the roles TASKER_OIDC_ROLES names.'),
    created_at: time,
    expires_at: time,
    ended_at: nullableTime,
    ended_by: z.string().nullable().describe('Null: it was not ended, or the person signed out.'),
  })
  .meta({ id: 'SignIn', description: 'A person who has signed in with the OpenID provider.' });

const EXAMPLE = {
  sign_in_id: '3vJ0c2Xh_Qa81LmZ',
  issuer: 'https://id.example/realms/staff',
  subject: '8f14e45f-ceea-467f-ab3c-7e2f3a1b9c55',
  name: 'ada',
  role_values: ['shop-ops'],
  created_at: '2026-03-01T09:00:00.000Z',
  expires_at: '2026-03-01T17:00:00.000Z',
  ended_at: null,
  ended_by: null,
};

export const listSignIns = defineRoute({
  ...admin,
  operation: 'listSignIns',
  method: 'GET',
  path: '/v1/sign-ins',
  summary: 'Who is signed in with the OpenID provider, the newest first',
  cost: 'point',
  response: z.object({ items: z.array(signIn) }),
  example: { response: { items: [EXAMPLE] } },
  handle: async ({ client }) => ({ body: { items: await client.db.run(list) } }),
});

export const endSignIn = defineRoute({
  ...admin,
  operation: 'endSignIn',
  method: 'DELETE',
  path: '/v1/sign-ins/{sign_in_id}',
  summary: 'End a sign-in: every process refuses it within 5 seconds',
  description:
    'Bulk operations that this person has started stop too. Whoever still has a role with the provider may sign in again.',
  cost: 'write',
  act: 'sign_in.end',
  params: z.object({
    sign_in_id: z
      .string()
      .regex(/^[A-Za-z0-9_-]{16}$/, 'is no id of a sign-in: 16 characters, as GET /v1/sign-ins has them'),
  }),
  query: why,
  response: signIn,
  example: { response: { ...EXAMPLE, ended_at: '2026-03-01T10:00:00.000Z', ended_by: 'root' } },
  async handle({ client, params, query: { reason }, principal, transaction }) {
    const { db } = client;
    const within = transaction === undefined ? db : inCallersTransaction(transaction, db.schema);
    const ended = await endSignInOf(within, params.sign_in_id, { by: principal.name, reason });
    if (ended === undefined) return { problem: new Problem('NOT_FOUND', `there is no sign-in ${params.sign_in_id}`) };
    return { body: ended };
  },
});
