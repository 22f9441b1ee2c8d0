import type { Executor } from '../db/connections/database.ts';
import { recordImported } from '../db/statements/imports/books.ts';
import {
  findTaken,
  insertImportedEdges,
  insertImportedStepHistory,
  insertImportedSteps,
  insertImportedTaskHistory,
  insertImportedTasks,
  nextTaskIds,
} from '../db/statements/imports/write-tasks.ts';
import { lockRegistry } from '../db/statements/workflows/register-workflow.ts';
import { HIGHEST_TASK_ID } from '../workflow/step-id.ts';
import type { MappedTask, Mapping } from './mapped-task.ts';
import { rowsOf } from './rows.ts';
import { Versions } from './versions.ts';
import type { SourceWorkflow } from './workflows.ts';

export interface Books {
  source: string;
  importId: string;
}

export interface Written {
  task: MappedTask;
  taskId: string;
  version: string;
}

type Left = Exclude<Mapping, { task: unknown }>;

/**
 * Writes tasks and the books about them, and about those that are left out, in the caller's transaction. A task whose identity is taken
 * here is left out.
 */
export async function writeTasks(
  tx: Executor,
  books: Books,
  workflows: ReadonlyMap<number, SourceWorkflow>,
  mappings: readonly Mapping[],
): Promise<{ written: Written[]; left: Left[] }> {
  const left = mappings.filter((mapping): mapping is Left => 'left' in mapping);
  const tasks = mappings.flatMap((mapping) => ('task' in mapping ? [mapping.task] : []));
  const taken = await tx.run(findTaken, {
    task_ids: tasks.filter((task) => hasRoom(task.sourceId)).map((task) => task.sourceId),
    identity_hashes: tasks.map((task) => task.identityHash),
  });
  const identities = new Set(taken.map((row) => row.identity_hash));
  const free: MappedTask[] = [];
  for (const task of tasks) {
    if (identities.has(task.identityHash))
      left.push({ sourceId: task.sourceId, phase: task.phase, left: 'identity_taken' });
    else free.push(task);
    identities.add(task.identityHash);
  }
  const ids = await idsFor(tx, free, new Set(taken.map((row) => row.task_id)));
  await tx.run(lockRegistry);
  const versions = new Versions(tx);
  const written: Written[] = [];
  const rows: ReturnType<typeof rowsOf>[] = [];
  for (const [index, task] of free.entries()) {
    const target = await versions.of(workflows.get(task.namedTaskId) as SourceWorkflow, task);
    const taskId = ids[index] as string;
    rows.push(rowsOf(task, taskId, target));
    written.push({ task, taskId, version: target.version });
  }
  await tx.run(insertImportedTasks, { tasks: rows.map((row) => row.task) });
  await tx.run(insertImportedSteps, { steps: rows.flatMap((row) => row.steps) });
  await tx.run(insertImportedEdges, { edges: rows.flatMap((row) => row.edges) });
  await tx.run(insertImportedStepHistory, { history: rows.flatMap((row) => row.stepHistory) });
  await tx.run(insertImportedTaskHistory, { history: rows.flatMap((row) => row.history) });
  await tx.run(recordImported, {
    source: books.source,
    import_id: books.importId,
    tasks: [
      ...written.map(({ task, taskId }, index) => ({
        source_task_id: task.sourceId,
        phase: task.phase,
        task_id: taskId,
        reason: null,
        details: JSON.stringify({ ...task.details, sort_keys: rows[index]?.sortKeys }),
      })),
      ...left.map((one) => ({
        source_task_id: one.sourceId,
        phase: one.phase,
        task_id: null,
        reason: one.left,
        details: JSON.stringify(one.detail === undefined ? {} : { detail: one.detail }),
      })),
    ],
  });
  return { written, left };
}

/** Steps of a task with a higher id would have no ids. */
const hasRoom = (id: string): boolean => BigInt(id) <= HIGHEST_TASK_ID && BigInt(id) > 0n;

/** The id in Tasker (Ruby), if it is free here and leaves room for those of steps. */
async function idsFor(tx: Executor, tasks: readonly MappedTask[], taken: ReadonlySet<string>): Promise<string[]> {
  const keeps = tasks.map((task) => hasRoom(task.sourceId) && !taken.has(task.sourceId));
  const count = keeps.filter((kept) => !kept).length;
  const fresh = count === 0 ? [] : await tx.run(nextTaskIds, { count });
  let next = 0;
  return tasks.map((task, index) => (keeps[index] ? task.sourceId : (fresh[next++]?.task_id as string)));
}
