import { z } from 'zod';
import type { PurgeReport } from '../../client/purge.ts';
import { Problem } from '../problem.ts';
import { defineRoute } from '../route.ts';
import { reason, taskId, text } from '../schemas/common.ts';
import { snakeCase } from '../views.ts';

const count = z.number().int();
const rows = { tasks: count, steps: count, edges: count, transitions: count };

const kept = z.object({
  task_id: taskId,
  reason: z
    .string()
    .describe('Why it is left: it has not ended (`open`), a hold keeps it, or its identity is still used.'),
  state: z.string().optional(),
  held_by: z.string().optional().describe('The task that has its identity.'),
  hold: z
    .object({ hold_id: z.string(), tag: z.string().optional(), reason: z.string() })
    .optional()
    .describe('The hold that keeps it.'),
});

const shownKept = ({ hold, ...task }: PurgeReport['kept'][number]): object => ({
  ...snakeCase(task),
  ...(hold === undefined ? {} : { hold: { hold_id: hold.holdId, tag: hold.tag, reason: hold.reason } }),
});

export const purgeTasks = defineRoute({
  operation: 'purgeTasks',
  method: 'POST',
  path: '/v1/purges',
  summary: 'Remove tasks for good, with their input, results and history, from the archive as well',
  description:
    'Nothing brings them back. In batches, each of them a transaction: a request that is cut off has removed whole tasks, and the same one goes on. Holds are kept. Begin with `dry_run`.',
  permission: 'admin',
  scope: 'fleet',
  cost: 'report',
  act: 'task.purge',
  body: z.strictObject({
    task_ids: z.array(taskId).min(1).max(10_000).optional().describe('These tasks, or those with a `tag`.'),
    tag: text.optional(),
    open: z.boolean().default(false).describe('Also tasks that have not ended or are in error: what runs is aborted.'),
    dry_run: z.boolean().default(false).describe('Remove nothing, and answer with what would be removed.'),
    reason: reason.optional(),
  }),
  response: z.object({
    ...rows,
    kept: z.array(kept).describe('Tasks that it left, the first 1,000 of them, and why.'),
    kept_tasks: count,
    missing: z.array(z.string()).describe('Ids that were given and have no task, the first 1,000 of them.'),
    archived: z.object({ ...rows, objects: count }),
  }),
  example: {
    body: { tag: 'tenant=acme', reason: 'the contract has ended', dry_run: true },
    response: {
      tasks: 12,
      steps: 48,
      edges: 36,
      transitions: 130,
      kept: [],
      kept_tasks: 0,
      missing: [],
      archived: { tasks: 0, steps: 0, edges: 0, transitions: 0, objects: 0 },
    },
  },
  async handle({ client, principal, body }) {
    const { task_ids: taskIds, tag, open, dry_run: dryRun, reason: why } = body;
    if ((taskIds === undefined) === (tag === undefined))
      throw new Problem('REQUEST_INVALID', 'give either task_ids or tag');
    const selection = taskIds === undefined ? { tag: tag as string } : { taskIds };
    const report = await client.purge(selection, { open, dryRun, by: principal.name, reason: why });
    const { kept: left, keptTasks, ...removed } = report;
    return { body: { ...removed, kept: left.map(shownKept), kept_tasks: keptTasks } };
  },
});
