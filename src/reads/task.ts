import type { Executor } from '../db/connections/database.ts';
import {
  countTaskSteps,
  findTask,
  findTaskHead,
  findTaskStep,
  findTaskStepHeads,
  findTaskSteps,
  type StepHeadRow,
  type StepRow,
  type TaskHeadRow,
  type TaskRow,
} from '../db/reads/tasks.ts';
import { traceIdOf } from '../tracing/stored-context.ts';
import {
  allowedStepActions,
  allowedTaskActions,
  type StepAction,
  type TaskAction,
} from '../workflow/allowed-actions.ts';

/** A task with its input (`context`) and its steps in topological order. */
export interface TaskDetails extends TaskRow {
  context: unknown;
  /** Identifies the task in every state of the database, which `task_id` does not: after a restore ids are given out again. */
  identity_hash: string;
  /** The task that took over this one's identity by a reuse rule; null: none. */
  superseded_by: string | null;
  /** The task whose identity this one took over; null: none. */
  replaces: string | null;
  /** Of the OpenTelemetry trace that its attempts are in; null: it is not traced. */
  trace_id: string | null;
  steps: TaskStep[];
  /** What an operator can do with it now. */
  allowed_actions: TaskAction[];
}

/** A step of a task. */
export interface TaskStep extends StepRow {
  /** What an operator can do with it now. */
  allowed_actions: StepAction[];
}

/** One task with its steps in topological order; undefined if there is none of this id. Reads by primary key. */
export async function readTask(db: Executor, taskId: string): Promise<TaskDetails | undefined> {
  const [task] = await db.run(findTask, { task_id: taskId });
  if (task === undefined) return undefined;
  return withActions(task, await db.run(findTaskSteps, { task_id: taskId }));
}

/** A task without its input and the results of its steps. */
export type TaskOutline = Omit<TaskDetails, 'context' | 'steps'> & { steps: StepOutline[] };

/** A step without its result. */
export type StepOutline = Omit<TaskStep, 'results'>;

/** As `readTask`, without the documents, which may be large. */
export async function readTaskOutline(db: Executor, taskId: string): Promise<TaskOutline | undefined> {
  const [task] = await db.run(findTaskHead, { task_id: taskId });
  if (task === undefined) return undefined;
  return withActions(task, await db.run(findTaskStepHeads, { task_id: taskId }));
}

/** An outline without its steps, and how many of them are in each state. */
export type TaskHead = Omit<TaskOutline, 'steps'> & { counts: Record<string, number> };

/** As `readTaskOutline`, at the same cost for a task of three steps and of thousands: they are counted, and not sent. */
export async function readTaskHead(db: Executor, taskId: string): Promise<TaskHead | undefined> {
  const [stored] = await db.run(findTaskHead, { task_id: taskId });
  if (stored === undefined) return undefined;
  const { trace_context: traceContext, ...task } = stored;
  const rows = await db.run(countTaskSteps, { task_id: taskId });
  const superseded = task.superseded_by !== null;
  const failed = rows.some(({ state }) => state === 'error');
  return {
    ...task,
    trace_id: traceIdOf(traceContext),
    counts: Object.fromEntries(rows.map(({ state, steps }) => [state, steps])),
    allowed_actions: allowedTaskActions({ state: task.state, superseded, failed }),
  };
}

/** One step of a task, by its name and without its result; undefined if there is none. The other steps are not read. */
export async function readTaskStep(db: Executor, taskId: string, step: string): Promise<StepOutline | undefined> {
  const [found] = await db.run(findTaskStep, { task_id: taskId, step });
  if (found === undefined) return undefined;
  const { task_state: state, superseded, ...head } = found;
  return {
    ...head,
    allowed_actions: allowedStepActions({ state, superseded }, { state: head.state, unmetParents: head.unmet_parents }),
  };
}

/** A task and its steps, each with what an operator can do with it. */
export function withActions<Task extends TaskHeadRow, Step extends StepHeadRow>(
  { trace_context: traceContext, ...task }: Task,
  rows: readonly Step[],
): Omit<Task, 'trace_context'> & {
  trace_id: string | null;
  steps: (Step & { allowed_actions: StepAction[] })[];
  allowed_actions: TaskAction[];
} {
  const { state } = task;
  const superseded = task.superseded_by !== null;
  const failed = rows.some((step) => step.state === 'error');
  const steps = rows.map((step) => ({
    ...step,
    allowed_actions: allowedStepActions({ state, superseded }, { state: step.state, unmetParents: step.unmet_parents }),
  }));
  return {
    ...task,
    trace_id: traceIdOf(traceContext),
    steps,
    allowed_actions: allowedTaskActions({ state, superseded, failed }),
  };
}
