import { z } from 'zod';
import { exactTime } from '../../exact-time.ts';
import { Problem } from '../problem.ts';
import { defineRoute } from '../route.ts';
import { PAGE } from '../examples.ts';
import { asItIs, pageBody } from '../page-body.ts';
import { cursor, flag, idOf, limit, page, reason, taskId, time } from '../schemas/common.ts';
import { snakeCase } from '../views.ts';
import { inArchive } from './archive.ts';

const id = idOf('an object');
const moment = z.iso.datetime({ offset: true });

const archiveObject = z
  .object({
    archive_id: id,
    object: z.string(),
    format: z.number().int(),
    tasks: z.number().int(),
    steps: z.number().int(),
    edges: z.number().int(),
    transitions: z.number().int(),
    erased_tasks: z.number().int().describe('Tasks that a purge has removed from it.'),
    restored_tasks: z.number().int().describe('Tasks of it that are in the tables again.'),
    lowest_task_id: taskId,
    highest_task_id: taskId,
    requested_since: time,
    requested_until: time,
    ended_until: time,
    bytes: z.string(),
    sha256: z.string(),
    stored_at: time,
  })
  .meta({ id: 'ArchiveObject', description: 'A file of the archive, as the database has recorded it.' });

const NAME = 'tasks/2025/03/12.tasks';
const EXAMPLE = {
  archive_id: '12',
  object: NAME,
  format: 1,
  tasks: 1000,
  steps: 5000,
  edges: 4000,
  transitions: 20_000,
  erased_tasks: 0,
  restored_tasks: 1,
  lowest_task_id: '4001',
  highest_task_id: '5000',
  requested_since: '2025-03-01T09:30:00.000Z',
  requested_until: '2025-03-02T09:30:00.000Z',
  ended_until: '2025-03-02T09:31:00.000Z',
  bytes: '734003',
  sha256: 'f00d',
  stored_at: '2025-04-01T00:10:00.000Z',
};

export const listArchiveObjects = defineRoute({
  operation: 'listArchiveObjects',
  shared: true,
  method: 'GET',
  path: '/v1/archive/objects',
  summary: 'The objects of the archive, the newest first',
  description: 'As the database has recorded them: the store is not read.',
  permission: 'fleet:read',
  scope: 'fleet',
  cost: 'list',
  query: z.strictObject({
    requested_since: moment.optional().describe('Only objects with tasks that were requested then or later.'),
    requested_before: moment.optional().describe('Only objects with tasks that were requested before.'),
    below: id.optional().describe('Only objects with a lower id: the last of a page before, in place of a cursor.'),
    limit,
    cursor,
  }),
  response: page(archiveObject),
  example: { query: '?limit=20', response: { items: [EXAMPLE], ...PAGE } },
  async handle({ client, cursors, query }) {
    const { requested_since: since, requested_before: before, below, limit: most, cursor: given } = query;
    const list = ['listArchiveObjects', since, before, below];
    const rows = await client.archive.list({
      since: since === undefined ? undefined : exactTime(since),
      before: before === undefined ? undefined : exactTime(before),
      after: given === undefined ? below : cursors.open(list, given),
      limit: most + 1,
    });
    return { body: pageBody(rows, { most, cursors, list, placeOf: (row) => row.archive_id, show: asItIs }) };
  },
});

const orphan = z
  .object({
    object: z.string(),
    bytes: z.number().int(),
    modified_at: time,
    tasks: z.number().int().nullable().describe('Null: it was never finished.'),
    only_here: z.number().int().describe('Its tasks that are neither in the tables nor in another object.'),
  })
  .meta({ id: 'ArchiveOrphan', description: 'An object of the store that the database has no record of.' });

/** A page of a verification begins no further object then, so that it ends in its time. */
const PATIENCE_MS = 3000;

export const verifyArchive = defineRoute({
  operation: 'verifyArchive',
  method: 'GET',
  path: '/v1/archive/verification',
  summary: 'Compare records of the archive with their objects in the store',
  description:
    'A page compares as many records as `limit` says and a few seconds allow, the newest first; the last one lists what the store has besides. ' +
    'Follow `next_cursor` to the end for the whole archive. Changes nothing.',
  permission: 'admin',
  scope: 'fleet',
  cost: 'report',
  query: z.strictObject({
    deep: flag.describe('Read each object whole: its hash, and each row.'),
    limit,
    cursor,
  }),
  response: z.object({
    objects: z.number().int().describe('Records that this page has compared.'),
    tasks: z.number().int(),
    bytes: z.number().int(),
    problems: z.array(
      z
        .object({
          kind: z.enum(['missing', 'damaged', 'doubled']),
          object: z.string(),
          archive_id: id,
          task_id: taskId.optional(),
          problem: z.string(),
        })
        .meta({ id: 'ArchiveProblem', description: 'What is wrong with an object of the archive.' }),
    ),
    orphans: z.array(orphan),
    unfinished: z.array(z.object({ object: z.string(), state: z.string(), touched_at: time })),
    next_cursor: z.string().nullable(),
  }),
  example: {
    query: '?deep=true',
    response: {
      objects: 12,
      tasks: 12_000,
      bytes: 8_808_036,
      problems: [],
      orphans: [],
      unfinished: [],
      next_cursor: null,
    },
  },
  async handle({ client, cursors, query: { deep, limit: most, cursor: given }, signal }) {
    const list = ['verifyArchive', deep];
    const from = given === undefined ? undefined : cursors.open(list, given);
    const { problems, orphans, next, ...found } = await inArchive(() =>
      client.archive.verifyPart({ deep, from, limit: most, signal, patienceMs: PATIENCE_MS }),
    );
    return {
      body: {
        ...found,
        problems: problems.map(snakeCase),
        orphans: orphans.map(({ tasks, ...rest }) => ({ ...snakeCase(rest), tasks: tasks ?? null })),
        next_cursor: next === undefined ? null : cursors.sign(list, next),
      },
    };
  },
});

export const mendArchive = defineRoute({
  operation: 'mendArchive',
  method: 'POST',
  path: '/v1/archive:mend',
  summary: 'Give an object without a record its record again, or remove it',
  description:
    'It is removed if its tasks are all elsewhere, or if it was never finished. `verifyArchive` lists such objects.',
  permission: 'admin',
  scope: 'fleet',
  cost: 'report',
  act: 'archive.mend',
  body: z.strictObject({ object: z.string().min(1).max(1000), reason: reason.optional() }),
  response: z.object({ object: z.string(), outcome: z.enum(['removed', 'adopted']) }),
  example: {
    body: { object: NAME, reason: 'after the restore of March' },
    response: { object: NAME, outcome: 'adopted' },
  },
  async handle({ client, body, principal }) {
    const action = { by: principal.name, reason: body.reason };
    const mended = await inArchive(() => client.archive.mend(body.object, action));
    if (mended === undefined)
      throw new Problem('NOT_FOUND', `the archive has no object ${JSON.stringify(body.object)} without a record`);
    return { body: mended };
  },
});
