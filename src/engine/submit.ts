import type { Database, Executor } from '../db/connections/database.ts';
import { isNotInEncoding, sqlState } from '../db/connections/sql-errors.ts';
import { findTasksByIdentity, resubmitTasks } from '../db/statements/tasks/resubmit-tasks.ts';
import { submitTasks } from '../db/statements/tasks/submit-tasks.ts';
import { InvalidInputError, UnknownWorkflowError } from '../errors.ts';
import { tracedSubmit } from '../tracing/submit-spans.ts';
import type { WorkflowName } from '../workflow/definition.ts';
import type { ReuseRule } from '../workflow/reuse.ts';

export interface NewTask {
  namedTaskId: number;
  /** The same hash twice is the same task, unless `reuse` allows another. */
  identityHash: string;
  /** JSON text. */
  context: string;
  priority?: number | undefined;
  initiator?: string | undefined;
  sourceSystem?: string | undefined;
  reason?: string | undefined;
  tags?: readonly string[] | undefined;
  /** Names of skippable steps that this task does without: when their turn comes they complete with a null result. */
  bypassSteps?: readonly string[] | undefined;
  requestedAt?: Date | undefined;
  /** Undefined: never. */
  reuse?: ReuseRule | undefined;
  reuseAfterSeconds?: number | undefined;
  /** Its place in a trace, which a submit gives it. Undefined: it is not traced. */
  traceContext?: string | undefined;
}

/** What became of one submit. */
export type Submitted =
  /** `replaces`: the task that had this identity, if there was one and the reuse rule let this one replace it. */
  | { outcome: 'created'; taskId: string; replaces?: string }
  /**
   * A task with this identity was there before (or earlier in the same batch); nothing was created. `inputDiffers`: its input is
   * another one than this submit's, as values of jsonb, in which the order of members does not matter.
   */
  | { outcome: 'existing'; taskId: string; inputDiffers: boolean };

/**
 * Creates tasks, any number in one statement and one transaction; returns in the order of the input. Throws InvalidInputError
 * for texts with characters that the encoding of the database lacks.
 *
 * `workflow`: the workflow of all of them. The statement compares it with their named task id, and UnknownWorkflowError is thrown
 * if it differs: an id of another database, or of a lost state of this one, creates nothing. Omit it only if the id
 * was read just before.
 */
export async function submit(db: Database, tasks: readonly NewTask[], workflow?: WorkflowName): Promise<Submitted[]> {
  if (tasks.length === 0) return [];
  return submitIn(db, tasks, workflow);
}

/**
 * As `submit`, in a transaction that the caller began: the tasks exist if and when the caller commits. `traced`: the workflow, for spans,
 * if the statement need not compare it.
 */
export async function submitIn(
  tx: Executor,
  given: readonly NewTask[],
  workflow?: WorkflowName,
  traced: WorkflowName | undefined = workflow,
): Promise<Submitted[]> {
  return tracedSubmit(traced, given, (tasks) =>
    submitOnce(tx, tasks, workflow, (lost) =>
      submitOnce(tx, lost, workflow, ([task]) => {
        throw unknownWorkflow((task as NewTask).namedTaskId, workflow);
      }),
    ),
  );
}

/** `again`: what to do with tasks that were neither created nor found. */
async function submitOnce(
  tx: Executor,
  tasks: readonly NewTask[],
  workflow: WorkflowName | undefined,
  again: (lost: readonly NewTask[]) => Promise<Submitted[]>,
): Promise<Submitted[]> {
  const created = new Map<string, Created>();
  for (const row of await insert(tx, tasks, workflow)) created.set(row.identity_hash, { taskId: row.task_id });

  const repeated = tasks.filter((task) => !created.has(task.identityHash) && mayReplace(task));
  const notGiven = new Map<string, string>();
  for (const { identity_hash: identity, task_id: taskId, former_id: replaces } of await resubmit(
    tx,
    repeated,
    workflow,
  )) {
    if (taskId === null) notGiven.set(identity, replaces);
    else created.set(identity, { taskId, replaces });
  }

  const seen = new Set<string>();
  const others: { task: NewTask; index: number }[] = [];
  const submitted = tasks.map((task, index): Submitted | undefined => {
    const mine = created.get(task.identityHash);
    if (mine !== undefined && !seen.has(mine.taskId) && (mine.replaces === undefined || mayReplace(task))) {
      seen.add(mine.taskId);
      return { outcome: 'created', ...mine };
    }
    others.push({ task, index });
    return undefined;
  });
  if (others.length === 0) return submitted as Submitted[];

  const holders = await tx.run(findTasksByIdentity, {
    tasks: others.map(({ task }) => ({ identity_hash: task.identityHash, context: task.context })),
  });
  const byPosition = new Map(holders.map((row) => [row.position, row]));
  const lost: { task: NewTask; index: number }[] = [];
  for (const [position, { task, index }] of others.entries()) {
    const holder = byPosition.get(position + 1);
    // Not replaced and still there: the statement refused the workflow.
    if (holder !== undefined && notGiven.get(task.identityHash) === holder.task_id)
      throw unknownWorkflow(task.namedTaskId, workflow);
    if (holder === undefined) lost.push({ task, index });
    else submitted[index] = { outcome: 'existing', taskId: holder.task_id, inputDiffers: holder.input_differs };
  }
  // Neither created nor found: the statement refused the workflow, or the task that had the identity was removed in between.
  if (lost.length > 0) {
    const results = await again(lost.map(({ task }) => task));
    for (const [place, { index }] of lost.entries()) submitted[index] = results[place];
  }
  return submitted as Submitted[];
}

const mayReplace = ({ reuse }: NewTask): boolean => reuse !== undefined && reuse !== 'never';

interface Created {
  taskId: string;
  replaces?: string;
}

/** The names of the workflow that the statement compares. */
const named = (workflow: WorkflowName | undefined) => ({
  namespace: workflow?.namespace,
  name: workflow?.name,
  version: workflow?.version,
});

async function resubmit(tx: Executor, tasks: readonly NewTask[], workflow: WorkflowName | undefined) {
  if (tasks.length === 0) return [];
  return tx.run(resubmitTasks, {
    tasks: tasks.map((task) => ({
      ...taskRow(task),
      reuse: task.reuse as string,
      reuse_after_seconds: task.reuseAfterSeconds,
    })),
    ...named(workflow),
  });
}

async function insert(tx: Executor, tasks: readonly NewTask[], workflow: WorkflowName | undefined) {
  try {
    return await tx.run(submitTasks, { tasks: tasks.map(taskRow), ...named(workflow) });
  } catch (error) {
    if (!isNotInEncoding(error)) throw error;
    const which =
      tasks.length === 1
        ? 'the input, or another text of the submit,'
        : `the input of one of these ${tasks.length} tasks`;
    throw new InvalidInputError(
      `${which} has a character that the encoding of this database lacks (${error instanceof Error ? error.message : 'SQLSTATE 22P05'}): use a database with encoding UTF8, or leave the character out`,
      { field: 'input', sqlState: sqlState(error) },
    );
  }
}

function taskRow(task: NewTask) {
  return {
    named_task_id: task.namedTaskId,
    identity_hash: task.identityHash,
    context: task.context,
    priority: task.priority,
    initiator: task.initiator,
    source_system: task.sourceSystem,
    reason: task.reason,
    tags: task.tags === undefined ? null : JSON.stringify(task.tags),
    bypass_steps: task.bypassSteps === undefined ? null : JSON.stringify(task.bypassSteps),
    requested_at: task.requestedAt,
    trace_context: task.traceContext,
  };
}

function unknownWorkflow(namedTaskId: number, workflow: WorkflowName | undefined): UnknownWorkflowError {
  const which = workflow === undefined ? '' : ` ${workflow.namespace}/${workflow.name} ${workflow.version}`;
  return new UnknownWorkflowError(
    `this database has no workflow${which} under id ${namedTaskId}: no task was created; register it in this database (start a worker that has it, or client.register) and submit again`,
    { namespace: workflow?.namespace, name: workflow?.name, version: workflow?.version, namedTaskId },
  );
}
