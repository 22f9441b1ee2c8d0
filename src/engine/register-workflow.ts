import type { Database } from '../db/database.ts';
import {
  findNamedTask,
  findStepTemplates,
  insertNamedSteps,
  lockRegistry,
  upsertNamedTask,
  upsertStepTemplates,
} from '../db/statements/register-workflow.ts';
import { WorkflowDefinitionError } from '../errors.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import { definitionConfiguration, definitionHash } from '../workflow/configuration.ts';

/**
 * Writes a definition to the database, or finds it there, and returns its id. Options of steps (queue, priority, retries)
 * may change under the same version and hold for tasks submitted from then on. Steps and edges may not: tasks in flight
 * have the old ones. Throws WorkflowDefinitionError then.
 */
export async function registerWorkflow(db: Database, definition: WorkflowDefinition): Promise<number> {
  const { namespace, name, version } = definition;
  const hash = definitionHash(definition);
  const [known] = await db.run(findNamedTask, [namespace, name, version]);
  if (known?.definition_hash === hash) return known.named_task_id;

  return db.transaction(async (tx) => {
    await tx.run(lockRegistry);
    const [existing] = await tx.run(findNamedTask, [namespace, name, version]);
    if (existing !== undefined) {
      const stored = await tx.run(findStepTemplates, [existing.named_task_id]);
      if (
        stored.length > 0 &&
        shape(stored) !==
          shape(
            definition.steps.map(({ name: step, ordinal, parentOrdinals }) => ({
              name: step,
              ordinal,
              parents: parentOrdinals,
            })),
          )
      ) {
        throw new WorkflowDefinitionError(
          `workflow ${namespace}/${name} ${version} is registered with other steps or edges: give the changed definition a new version`,
          { namespace, name, version },
        );
      }
    }
    const sinks = definition.steps.filter((step) => step.childOrdinals.length === 0).length;
    const [row] = await tx.run(upsertNamedTask, [
      namespace,
      name,
      version,
      definition.description ?? null,
      JSON.stringify(definitionConfiguration(definition)),
      hash,
      sinks,
    ]);
    const namedTaskId = (row as { named_task_id: number }).named_task_id;
    await tx.run(insertNamedSteps, [definition.steps.map((step) => step.name)]);
    await tx.run(upsertStepTemplates, [
      namedTaskId,
      JSON.stringify(
        definition.steps.map((step) => ({
          name: step.name,
          ordinal: step.ordinal,
          parents: step.parentOrdinals,
          children: step.childOrdinals,
          queue: step.queue,
          priority: step.priority,
          retryable: step.retryable,
          retry_limit: step.retryLimit,
          skippable: step.skippable,
        })),
      ),
    ]);
    return namedTaskId;
  });
}

function shape(steps: readonly { name: string; ordinal: number; parents: readonly number[] }[]): string {
  return JSON.stringify(steps.map((step) => [step.name, step.ordinal, step.parents.toSorted((a, b) => a - b)]));
}
