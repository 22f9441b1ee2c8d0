import { z } from 'zod';
import { listHistoryPage } from '../../db/reads/task-documents.ts';
import { editOf } from '../../reads/record/record.ts';
import { editView } from '../edit-view.ts';
import { PAGE } from '../examples.ts';
import { pageBody } from '../page-body.ts';
import { defineRoute } from '../route.ts';
import { cursor, limit, page } from '../schemas/common.ts';
import { transition } from '../schemas/tasks.ts';
import { errorView } from '../views.ts';
import { params } from './one-task.ts';
import { requireTask } from './task-scope.ts';

export const getHistory = defineRoute({
  operation: 'getHistory',
  shared: true,
  method: 'GET',
  path: '/v1/tasks/{task_id}/history',
  summary: 'Every transition of a task and of its steps, in order of time',
  permission: 'tasks:read',
  scope: 'namespace',
  cost: 'list',
  params,
  query: z.strictObject({ limit, cursor }),
  response: page(transition),
  example: {
    response: {
      items: [
        {
          step: null,
          from_state: 'in_progress',
          to_state: 'error',
          cause: 'step_blocked',
          error: null,
          by: null,
          reason: null,
          edited: null,
          worker_id: null,
          at: '2026-03-01T09:31:10.123456Z',
        },
      ],
      ...PAGE,
    },
  },
  async handle(request) {
    const { client, cursors, params: given, principal, query, redact } = request;
    await requireTask(request, given.task_id);
    const list = ['getHistory', given.task_id];
    const after =
      query.cursor === undefined ? [] : (JSON.parse(cursors.open(list, query.cursor)) as [string, string, number]);
    const [at, step, key] = after;
    const rows = await client.db.run(listHistoryPage, {
      task_id: given.task_id,
      after_at: at,
      after_step: step,
      after_key: key,
      limit: query.limit + 1,
    });
    return {
      body: pageBody(rows, {
        most: query.limit,
        cursors,
        list,
        placeOf: (row) => JSON.stringify([row.at, row.step_id, row.sort_key]),
        show: ({ step_id: _step, sort_key: _key, error, edited, ...row }) => ({
          ...row,
          error: errorView(error, principal),
          edited: editView(editOf(edited, principal.permissions.has('payload:read')), redact),
        }),
      }),
    };
  },
});
