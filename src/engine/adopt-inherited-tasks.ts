import type { Executor } from '../db/connections/database.ts';
import {
  finishEdges,
  finishSteps,
  finishTransitions,
  findForeignTasks,
  findOpenTasks,
  findVersions,
  insertVersionOfTasks,
  lockInheritedSteps,
  moveTasksToVersion,
  renumberEdges,
  renumberSteps,
  renumberTransitions,
} from '../db/statements/tasks/adopt-tasks.ts';
import { deleteOtherTemplates } from '../db/statements/workflows/register-workflow.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import { freeVersion } from './other-version.ts';

/** Open tasks of Tasker (Ruby) whose graph is not the definition's, and the version that they belong to from now on. */
export interface SetAside {
  version: string;
  taskIds: string[];
}

/**
 * Step ids of Tasker (Ruby) do not contain the step's place in its workflow; a worker finds the handler, and the results of
 * the parents, by the id. So the open tasks of a workflow that Tasker (Ruby) registered get the engine's ids before any
 * worker may claim them: none serves this workflow before its registration commits.
 */
export async function adoptInheritedTasks(
  tx: Executor,
  namedTaskId: number,
  definition: WorkflowDefinition,
): Promise<SetAside[]> {
  await tx.run(deleteOtherTemplates, {
    named_task_id: namedTaskId,
    names: definition.steps.map((step) => step.name),
  });
  await tx.run(lockInheritedSteps, { named_task_id: namedTaskId });
  const setAside = await setForeignTasksAside(tx, namedTaskId, definition);
  const own = await tx.run(findOpenTasks, { named_task_id: namedTaskId });
  await renumber(
    tx,
    namedTaskId,
    own.map((row) => row.task_id),
  );
  return setAside;
}

async function renumber(tx: Executor, namedTaskId: number, taskIds: readonly string[]): Promise<void> {
  const given = { named_task_id: namedTaskId, task_ids: taskIds };
  await tx.run(renumberTransitions, given);
  await tx.run(finishTransitions, given);
  await tx.run(renumberEdges, given);
  await tx.run(finishEdges, given);
  await tx.run(renumberSteps, given);
  await tx.run(finishSteps, given);
}

/** Tasks of another graph go to the version of the workflow that has it, if one is registered, and else to a new one. */
async function setForeignTasksAside(
  tx: Executor,
  namedTaskId: number,
  definition: WorkflowDefinition,
): Promise<SetAside[]> {
  const foreign = await tx.run(findForeignTasks, { named_task_id: namedTaskId });
  if (foreign.length === 0) return [];
  const versions = await tx.run(findVersions, { named_task_id: namedTaskId });
  const taken = new Set(versions.map((row) => row.version));
  const setAside: SetAside[] = [];
  for (const [graph, tasks] of Map.groupBy(foreign, (row) => row.shape)) {
    const taskIds = tasks.map((row) => row.task_id);
    const same = graph === null ? undefined : versions.find((row) => row.shape === graph);
    if (same !== undefined) {
      await tx.run(moveTasksToVersion, { named_task_id: same.named_task_id, task_ids: taskIds });
      await renumber(tx, same.named_task_id, taskIds);
      setAside.push({ version: same.version, taskIds });
      continue;
    }
    const version = freeVersion(definition.version, taken);
    taken.add(version);
    const [row] = await tx.run(insertVersionOfTasks, { named_task_id: namedTaskId, version, task_ids: taskIds });
    const { named_task_id: newNamedTaskId } = row as { named_task_id: number };
    await tx.run(moveTasksToVersion, { named_task_id: newNamedTaskId, task_ids: taskIds });
    setAside.push({ version, taskIds });
  }
  return setAside;
}
