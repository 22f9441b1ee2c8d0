import { z } from 'zod';
import { exportAudit } from '../../db/reads/audit.ts';
import { readChainReport } from '../../reads/audit.ts';
import { PAGE } from '../examples.ts';
import { asItIs, pageBody } from '../page-body.ts';
import { defineRoute } from '../route.ts';
import { cursor, idOf, json, limit, page, time } from '../schemas/common.ts';

const text = z.string().min(1).max(300);
const auditId = idOf('an act');

const act = z
  .object({
    audit_id: z.string(),
    at: time,
    act: z.string().describe('Such as `task.retry`.'),
    subject: z.string(),
    subject_id: z.string(),
    by: z.string(),
    reason: z.string().nullable(),
    outcome: z.string(),
    refused: z.boolean().describe('It changed nothing.'),
    before_hash: z.string().nullable(),
    after_hash: z.string().nullable(),
    details: json,
    position: z.string().nullable().describe('Its place in the chain; null: it gets one within seconds.'),
    hash: z.string().nullable(),
  })
  .meta({ id: 'Act', description: 'What an operator did, or was refused.' });

const chained = act
  .extend({ record: z.string().describe('The text of the act.') })
  .meta({ id: 'ChainedAct', description: 'An act at its place in the chain.' });

const EXAMPLE = {
  audit_id: '12',
  at: '2026-03-01T09:40:00.000Z',
  act: 'task.retry',
  subject: 'task',
  subject_id: '4711',
  by: 'ada',
  reason: 'the bank is back',
  outcome: 'retried',
  refused: false,
  before_hash: null,
  after_hash: null,
  details: {},
  position: '12',
  hash: 'f00d',
};

export const listAudit = defineRoute({
  operation: 'listAudit',
  method: 'GET',
  path: '/v1/audit',
  summary: 'Acts of operators, the newest first, refusals included',
  permission: 'admin',
  scope: 'fleet',
  cost: 'list',
  query: z.strictObject({
    act: text.optional(),
    by: text.optional(),
    refused: z.enum(['true', 'false']).optional(),
    reads: z
      .enum(['true', 'false'])
      .optional()
      .describe('`false`: without `payload.read`, of which there are many; `true`: those alone.'),
    subject: text.optional().describe('`task`, `queue`, ...; with `subject_id`.'),
    subject_id: text.optional(),
    before: auditId.optional().describe('Only acts before this one: the last of a page before, in place of a cursor.'),
    limit,
    cursor,
  }),
  response: page(act),
  example: {
    response: {
      items: [EXAMPLE],
      ...PAGE,
    },
  },
  async handle({ client, cursors, query }) {
    const { limit: most, cursor: given, before, refused, reads, subject, subject_id: id, ...named } = query;
    const list = ['listAudit', { ...named, before, refused, reads, subject, id }];
    const rows = await client.audit({
      ...named,
      ...(refused === undefined ? {} : { refused: refused === 'true' }),
      ...(reads === undefined ? {} : { reads: reads === 'true' }),
      ...(subject === undefined || id === undefined ? {} : { on: { kind: subject, id } }),
      before: given === undefined ? before : cursors.open(list, given),
      limit: most + 1,
    });
    const scannedTo = ({ at }: (typeof rows)[number]): Date => at;
    return { body: pageBody(rows, { most, cursors, list, placeOf: (row) => row.audit_id, show: asItIs, scannedTo }) };
  },
});

export const listAuditChain = defineRoute({
  operation: 'listAuditChain',
  method: 'GET',
  path: '/v1/audit/chain',
  summary: 'Every act in the order of the chain, with the text of which its hash is made',
  description:
    'For a copy outside of the database. The hash of an act is SHA-256 of the hash before it, followed by `record`. An act gets its place within seconds. Places whose acts retention has removed are left out: `holes` of the details of an act `audit.prune` has for each the first place, the last, and the hash at that.',
  permission: 'admin',
  scope: 'fleet',
  cost: 'list',
  query: z.strictObject({ limit, cursor }),
  response: page(chained),
  example: {
    response: {
      items: [{ ...EXAMPLE, record: '[12, "task.retry", ...]' }],
      ...PAGE,
      next_cursor: null,
      scanned_to: null,
    },
  },
  async handle({ client, cursors, query: { limit: most, cursor: given } }) {
    const list = ['listAuditChain'];
    const after = given === undefined ? '0' : cursors.open(list, given);
    const rows = await client.db.run(exportAudit, { after, limit: most + 1 });
    return { body: pageBody(rows, { most, cursors, list, placeOf: (row) => row.position, show: asItIs }) };
  },
});

export const verifyAudit = defineRoute({
  operation: 'verifyAudit',
  method: 'GET',
  path: '/v1/audit/verification',
  summary: 'Whether the chain of the audit is whole',
  description:
    'Reads the whole audit. Whoever can write to the database can also make a new chain: keep `hash` and `position` elsewhere.',
  permission: 'admin',
  scope: 'fleet',
  cost: 'report',
  response: z.object({
    acts: z.number().int().describe('In all, those included that have no place yet.'),
    removed: z.number().int().describe('Empty places: what retention has removed, if the chain is whole.'),
    position: z.string().describe('The last place.'),
    hash: z.string().describe('At that place.'),
    broken: z
      .object({ audit_id: z.string().nullable(), position: z.string().nullable() })
      .nullable()
      .describe('Where it is broken first; null: nowhere. Without `audit_id`, acts are missing at its end.'),
  }),
  example: { response: { acts: 12, removed: 0, position: '12', hash: 'f00d', broken: null } },
  handle: async ({ client }) => ({ body: await readChainReport(client.db) }),
});
