import type { Executor } from '../db/connections/database.ts';
import { findOpenTasks, findVersions } from '../db/statements/tasks/adopt-tasks.ts';
import { findStepTemplates, renameVersion } from '../db/statements/workflows/register-workflow.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import type { SetAside } from './adopt-inherited-tasks.ts';
import { graphOf, graphOfTemplates } from './graph-shape.ts';
import { FIRST_OTHER_PATCH, freeVersion } from './other-version.ts';

/**
 * Frees the version of a definition for another graph: the workflow that has it keeps its id, its steps and its tasks, under a
 * version of its own. If an earlier call set this very graph aside, it gets its version back, and its open tasks go on.
 * The caller holds the lock of the registry.
 */
export async function setGraphAside(
  tx: Executor,
  namedTaskId: number,
  definition: WorkflowDefinition,
): Promise<SetAside> {
  const versions = await tx.run(findVersions, { named_task_id: namedTaskId });
  const version = freeVersion(definition.version, new Set(versions.map((row) => row.version)));
  const taskIds = (await tx.run(findOpenTasks, { named_task_id: namedTaskId })).map((row) => row.task_id);
  await tx.run(renameVersion, { named_task_id: namedTaskId, version });
  const [major, minor] = definition.version.split('.');
  for (const row of versions) {
    const [otherMajor, otherMinor, patch] = row.version.split('.');
    if (otherMajor !== major || otherMinor !== minor || Number(patch) < FIRST_OTHER_PATCH) continue;
    const templates = await tx.run(findStepTemplates, { named_task_id: row.named_task_id });
    if (graphOfTemplates(templates) !== graphOf(definition)) continue;
    await tx.run(renameVersion, { named_task_id: row.named_task_id, version: definition.version });
    break;
  }
  return { version, taskIds };
}
