import type { Database, Executor } from '../db/connections/database.ts';
import { isNotInEncoding, sqlState } from '../db/connections/sql-errors.ts';
import { findTasksByIdentity, type SubmittedTaskRow, submitTasks } from '../db/statements/tasks/submit-tasks.ts';
import { InvalidInputError, UnknownWorkflowError } from '../errors.ts';
import type { WorkflowName } from '../workflow/definition.ts';

export interface NewTask {
  namedTaskId: number;
  /** Unique over all tasks: the same hash twice is the same task. */
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
}

/** `existing`: a task with this identity was there before (or earlier in the same batch); nothing was created. */
export interface Submitted {
  outcome: 'created' | 'existing';
  taskId: string;
}

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

/** As `submit`, in a transaction that the caller began: the tasks exist if and when the caller commits. */
export async function submitIn(tx: Executor, tasks: readonly NewTask[], workflow?: WorkflowName): Promise<Submitted[]> {
  const created = await insert(tx, tasks, workflow);
  const createdIds = new Map(created.map((row) => [row.identity_hash, row.task_id]));

  // ON CONFLICT DO NOTHING waits for a concurrent submit of the same identity, but this statement's snapshot is older than
  // that commit: a second statement sees it.
  const missing = [...new Set(tasks.map((task) => task.identityHash))].filter((hash) => !createdIds.has(hash));
  const existing =
    missing.length === 0 ? [] : await tx.run(findTasksByIdentity, { identity_hashes: missing.toSorted() });
  const existingIds = new Map(existing.map((row) => [row.identity_hash, row.task_id]));

  const seen = new Set<string>();
  return tasks.map((task): Submitted => {
    const taskId = createdIds.get(task.identityHash);
    if (taskId === undefined) {
      const existingId = existingIds.get(task.identityHash);
      // Neither created nor found: the statement refused the workflow.
      if (existingId === undefined) throw unknownWorkflow(task.namedTaskId, workflow);
      return { outcome: 'existing', taskId: existingId };
    }
    const first = !seen.has(taskId);
    seen.add(taskId);
    return { outcome: first ? 'created' : 'existing', taskId };
  });
}

async function insert(
  tx: Executor,
  tasks: readonly NewTask[],
  workflow: WorkflowName | undefined,
): Promise<SubmittedTaskRow[]> {
  try {
    return await tx.run(submitTasks, {
      tasks: tasks.map(taskRow),
      namespace: workflow?.namespace,
      name: workflow?.name,
      version: workflow?.version,
    });
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
  };
}

function unknownWorkflow(namedTaskId: number, workflow: WorkflowName | undefined): UnknownWorkflowError {
  const which = workflow === undefined ? '' : ` ${workflow.namespace}/${workflow.name} ${workflow.version}`;
  return new UnknownWorkflowError(
    `this database has no workflow${which} under id ${namedTaskId}: no task was created; register it in this database (start a worker that has it, or client.register) and submit again`,
    { namespace: workflow?.namespace, name: workflow?.name, version: workflow?.version, namedTaskId },
  );
}
