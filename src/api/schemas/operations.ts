import { z } from 'zod';
import { nullableTime, state, taskId, time } from './common.ts';

export const ACTIONS = ['retry', 'cancel', 'resolve', 'rerun'] as const;
export const OPERATION_STATES = ['preview', 'running', 'paused', 'stopped', 'done', 'aborted'] as const;
export const ITEM_STATES = ['waiting', 'done', 'refused', 'failed'] as const;

const count = z.number().int();

export const operation = z
  .object({
    operation_id: z.string(),
    action: z.enum(ACTIONS),
    options: z
      .looseObject({})
      .describe(
        '`attempts` of a retry, `step` of a resolve, `from` of a rerun; `result` for whoever may read payloads.',
      ),
    selection: z.looseObject({}).describe('`filter`, or the number of `task_ids`.'),
    state: z
      .enum(OPERATION_STATES)
      .describe('`stopped`: by itself, `why` says why. `done`: each task has an outcome. `aborted`: for good.'),
    by: z.string().describe('Who is responsible for it: who started it, or resumed it last.'),
    reason: z.string().nullable(),
    namespaces: z.array(z.string()).nullable().describe('Only tasks of these are touched; null: all.'),
    preview: z.object({
      states: z.record(z.string(), count).describe('Tasks by their state when they were chosen.'),
      allowed: z.record(z.string(), count).describe('Tasks by what they would not have refused then.'),
      workflows: z.array(z.object({ namespace: z.string(), workflow: z.string(), tasks: count })),
      fingerprints: z
        .array(z.object({ fingerprint: z.string(), tasks: count }))
        .describe('What their steps in error had failed with, the most frequent first, at most 50.'),
    }),
    total: count.describe('Tasks.'),
    waiting: count.describe('Tasks that are to come.'),
    done: count,
    refused: count.describe('Tasks whose state did not allow it any more.'),
    failed: count.describe('Tasks of which the database refused the act.'),
    settled: count.describe(
      'Tasks that are done, and of which it is known how they went on: it is watched until an hour after the end.',
    ),
    came_back: count.describe('Those of them that failed again with what they had failed with before.'),
    pace_per_second: z.number(),
    canary: count.describe('Tasks that come first and are waited for; 0: none.'),
    canary_passed: z.boolean(),
    stop_share: z.number().nullable(),
    created_at: time,
    expires_at: time.describe('Until then a preview may be started.'),
    started_at: nullableTime,
    ended_at: nullableTime,
    why: z.string().nullable().describe('Why it is paused, stopped or aborted.'),
    allowed_actions: z.array(z.enum(['start', 'pause', 'resume', 'abort'])),
  })
  .meta({ id: 'Operation', description: 'One act on many tasks, which schedulers work off.' });

export const previewed = operation
  .extend({
    token: z.string().describe('What `startOperation` needs: whoever starts it has seen these numbers.'),
    missing: z.array(z.string()).describe('Ids that were given and have no task, the first 100 of them.'),
  })
  .meta({ id: 'PreviewedOperation', description: 'A bulk operation that may be started, within an hour.' });

export const operationItem = z
  .object({
    task_id: taskId,
    task_state: state.describe('When it was chosen.'),
    fingerprints: z.array(z.string()).nullable(),
    state: z.enum(ITEM_STATES),
    outcome: z
      .string()
      .nullable()
      .describe(
        'As the act on one task returns it; `changed`: somebody else acted on it since it was chosen; null: it waits.',
      ),
    detail: z.string().nullable().describe('The state that refused it, or the task that has its identity.'),
    new_task_id: taskId.nullable().describe('The task that a rerun made.'),
    acted_at: nullableTime,
    settled: z
      .enum(['ended', 'failed', 'came_back'])
      .nullable()
      .describe('How it went on, until an hour after the operation ended; null: not known.'),
    state_now: state.nullable().describe('Of the task, or of the new one; null: it was removed.'),
  })
  .meta({ id: 'OperationItem', description: 'What came of the act on one task.' });

export const OPERATION_EXAMPLE = {
  operation_id: '12',
  action: 'retry',
  options: { attempts: 1 },
  selection: { filter: { fingerprint: '9c41d0a2b7e3' } },
  state: 'running',
  by: 'ada',
  reason: 'the bank is back',
  namespaces: null,
  preview: {
    states: { error: 214 },
    allowed: { retry: 214, edit: 214, resolve: 214, rerun: 214 },
    workflows: [{ namespace: 'shop', workflow: 'checkout', tasks: 214 }],
    fingerprints: [{ fingerprint: '9c41d0a2b7e3', tasks: 214 }],
  },
  total: 214,
  waiting: 114,
  done: 99,
  refused: 1,
  failed: 0,
  settled: 80,
  came_back: 2,
  pace_per_second: 50,
  canary: 3,
  canary_passed: true,
  stop_share: 0.2,
  created_at: '2026-03-01T09:40:00.000Z',
  expires_at: '2026-03-01T10:40:00.000Z',
  started_at: '2026-03-01T09:40:10.000Z',
  ended_at: null,
  why: null,
  allowed_actions: ['pause', 'abort'],
} as const;
