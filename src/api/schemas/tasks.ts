import { z } from 'zod';
import { json, name, nullableTime, payload, state, storedError, taskId, time } from './common.ts';
import { explanation } from './explanation.ts';

export const task = z
  .object({
    task_id: taskId,
    namespace: z.string(),
    workflow: z.string(),
    version: z.string(),
    state,
    priority: z.number().int(),
    requested_at: time,
    completed_at: nullableTime,
    initiator: z.string().nullable(),
    source_system: z.string().nullable(),
    reason: z.string().nullable(),
    tags: z.array(z.string()).nullable(),
    schedule: z
      .object({ name: z.string(), scheduled_at: time, made_up: z.boolean() })
      .nullable()
      .describe('The occurrence of a schedule that submitted it.'),
  })
  .meta({ id: 'Task', description: 'A task, without its steps.' });

export const stepState = z
  .object({
    name,
    state,
    queue: z.string(),
    attempts: z.number().int(),
    retry_limit: z.number().int(),
    ready: z.boolean(),
    unmet_parents: z.number().int(),
    next_retry_at: nullableTime,
    blocked_at: nullableTime,
    last_attempted_at: nullableTime,
    processed_at: nullableTime,
    claimed_by: z.string().nullable(),
    revision: z.string().describe('Another one after each transition.'),
  })
  .meta({ id: 'StepState', description: 'Where a step is.' });

const links = z
  .object({ trace: z.string().nullable(), log: z.string().nullable() })
  .describe(
    'Pages of other tools about it (TASKER_TRACE_URL, TASKER_LOG_URL); null: none is configured, or its template names what there is none of.',
  );

/** Of a step, in the list of its task and alone. */
export const stepFields = {
  name,
  state,
  queue: z.string(),
  parents: z.array(z.string()),
  attempts: z.number().int(),
  retry_limit: z.number().int(),
  ready: z.boolean(),
  unmet_parents: z.number().int(),
  next_retry_at: nullableTime,
  blocked_at: nullableTime,
  last_attempted_at: nullableTime,
  processed_at: nullableTime,
  claimed_by: z.string().nullable(),
  last_error: storedError.nullable(),
  allowed_actions: z.array(z.string()),
};

export const taskDetails = task
  .extend({
    allowed_actions: z.array(z.string()).describe('What it would not refuse now.'),
    superseded_by: taskId.nullable(),
    replaces: taskId.nullable(),
    trace_id: z.string().nullable().describe('Of its OpenTelemetry trace; null: it is not traced.'),
    links,
    counts: z.record(z.string(), z.number().int()).describe('Steps by state.'),
    input: payload,
    steps: z.array(z.object(stepFields)).describe('Empty with `steps=false`.'),
  })
  .meta({ id: 'TaskDetails', description: 'A task with its steps in topological order.' });

export const attempt = z
  .object({
    attempt: z.number().int(),
    started_at: z.string(),
    ended_at: z.string().nullable(),
    outcome: z.string().nullable().describe('The cause of the transition that ended it; null: it runs.'),
    error: storedError.nullable(),
    worker_id: z.string().nullable(),
    links,
  })
  .meta({ id: 'Attempt', description: 'One run of a handler.' });

export const stepDetails = z
  .object({
    ...stepFields,
    inputs: payload.describe("What it has instead of its task's input."),
    result: payload,
    links,
    attempt_list: z.array(attempt).optional().describe('With `include=attempts`.'),
    explanation: explanation.optional().describe('With `include=explanation`.'),
  })
  .meta({ id: 'StepDetails', description: 'A step with what it works on.' });

export const transition = z
  .object({
    step: z.string().nullable().describe('Null: of the task itself.'),
    from_state: z.string().nullable(),
    to_state: z.string(),
    cause: z.string().nullable(),
    error: storedError.nullable(),
    by: z.string().nullable(),
    reason: z.string().nullable(),
    edited: z
      .object({
        of: z.enum(['step', 'task']),
        changes: z
          .array(z.object({ path: z.string().describe('A JSON pointer.'), from: json.optional(), to: json.optional() }))
          .optional()
          .describe('The places that differ, 100 at most. Absent for whoever may not read payloads.'),
        more: z.number().int().optional().describe('How many further places differ.'),
      })
      .nullable()
      .describe('Of a retry with another input: what was changed.'),
    worker_id: z.string().nullable(),
    at: z.string().describe('With microseconds.'),
  })
  .meta({ id: 'Transition', description: 'A change of a state.' });
