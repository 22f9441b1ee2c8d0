import { z } from 'zod';
import { PAGE } from '../examples.ts';
import { defineRoute } from '../route.ts';
import { cursor, json, limit, page, time } from '../schemas/common.ts';

const text = z.string().min(1).max(300);

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
    subject: text.optional().describe('`task`, `queue`, ...; with `subject_id`.'),
    subject_id: text.optional(),
    limit,
    cursor,
  }),
  response: page(act),
  example: {
    response: {
      items: [
        {
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
        },
      ],
      ...PAGE,
    },
  },
  async handle({ client, cursors, query }) {
    const { limit: most, cursor: given, refused, subject, subject_id: id, ...named } = query;
    const list = ['listAudit', { ...named, refused, subject, id }];
    const rows = await client.audit({
      ...named,
      ...(refused === undefined ? {} : { refused: refused === 'true' }),
      ...(subject === undefined || id === undefined ? {} : { on: { kind: subject, id } }),
      before: given === undefined ? undefined : cursors.open(list, given),
      limit: most + 1,
    });
    const items = rows.slice(0, most);
    const last = rows.length > most ? items.at(-1) : undefined;
    return {
      body: {
        items,
        next_cursor: last === undefined ? null : cursors.sign(list, last.audit_id),
        complete: true,
        scanned_to: last?.at ?? null,
        as_of: new Date(),
      },
    };
  },
});
