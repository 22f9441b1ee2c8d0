import { z } from 'zod';
import { listTaskStates } from '../../db/reads/task-states.ts';
import { compressJson, encoded } from '../http/compress.ts';
import { Problem } from '../problem.ts';
import { defineRoute } from '../route.ts';
import { nullableTime, state, time } from '../schemas/common.ts';
import { params } from './one-task.ts';

const when = z.number().int().nullable();

const stepTuple = z
  .tuple([
    z.number().int().describe('Its ordinal in the workflow, from 1.'),
    state,
    z.number().int().describe('Attempts.'),
    z.number().int().describe('Parents that are not done.'),
    when.describe('Ready since.'),
    when.describe('The last attempt began.'),
    when.describe('Done.'),
    when.describe('Next retry.'),
    when.describe('Blocked since.'),
  ])
  .meta({
    id: 'StepTuple',
    description: 'A step in 60 bytes. Times are milliseconds since the submit; null: none.',
  });

export const getStates = defineRoute({
  operation: 'getStates',
  shared: true,
  method: 'GET',
  path: '/v1/tasks/{task_id}/states',
  summary: 'The states and times of all steps of a task, or of those that have changed',
  description:
    'For whoever watches a task: names and edges are in the layout of its workflow. With `since` a few bytes.',
  permission: 'tasks:read',
  scope: 'namespace',
  cost: 'point',
  params,
  query: z.strictObject({
    since: z
      .string()
      .regex(/^\d{1,18}$/, 'is no version: give `version` of the answer before as it is')
      .optional()
      .describe('`version` of the answer before: only what may have changed since.'),
  }),
  response: z.object({
    version: z.string(),
    complete: z.boolean().describe('All steps are in it. False: put these in the place of those that you have.'),
    state,
    requested_at: time,
    completed_at: nullableTime,
    as_of: time.describe('The clock of the database.'),
    steps: z.array(stepTuple),
  }),
  example: {
    response: {
      version: '81234',
      complete: false,
      state: 'in_progress',
      requested_at: '2026-03-01T09:31:08.000Z',
      completed_at: null,
      as_of: '2026-03-01T09:31:10.000Z',
      steps: [[12, 'complete', 1, 0, null, 340, 560, null, null]],
    },
  },
  async handle(request) {
    const { client, params: given, principal, query } = request;
    const [found] = await client.db.run(listTaskStates, {
      task_id: given.task_id,
      namespaces: principal.namespaces,
      since: query.since,
    });
    if (found === undefined) throw new Problem('NOT_FOUND', `there is no task ${given.task_id}`);
    const { steps, ...head } = found;
    // The database has written the steps as JSON: they are sent as they came.
    return encoded(await compressJson(`${JSON.stringify(head).slice(0, -1)},"steps":${steps}}`), request);
  },
});
