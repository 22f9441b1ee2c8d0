import type { Database, Executor } from '../db/database.ts';
import {
  findForeignEdges,
  lockInheritedSteps,
  renumberEdges,
  renumberSteps,
  renumberTransitions,
} from '../db/statements/adopt-tasks.ts';
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
    let inherited = false;
    await tx.run(lockRegistry);
    const [existing] = await tx.run(findNamedTask, [namespace, name, version]);
    if (existing !== undefined) {
      const stored = await tx.run(findStepTemplates, [existing.named_task_id]);
      inherited = stored.length > 0 && stored.every((step) => step.ordinal === 0);
      if (stored.length > 0 && shape(stored, inherited) !== shape(templatesOf(definition), inherited)) {
        throw otherShape(definition, 'steps or edges');
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
    if (inherited) await adoptInheritedTasks(tx, namedTaskId, definition);
    return namedTaskId;
  });
}

/**
 * The ancestor's step ids say nothing about the step's place in its workflow; a worker finds the handler, and the results of
 * the parents, by the id. So the open tasks of a workflow that the ancestor registered get the engine's ids before any
 * worker may claim them: none serves this workflow before its registration commits.
 */
async function adoptInheritedTasks(tx: Executor, namedTaskId: number, definition: WorkflowDefinition): Promise<void> {
  await tx.run(lockInheritedSteps, [namedTaskId]);
  const [other] = await tx.run(findForeignEdges, [namedTaskId]);
  if (other !== undefined) throw otherShape(definition, `edges (task ${other.task_id} is still open with them)`);
  await tx.run(renumberTransitions, [namedTaskId]);
  await tx.run(renumberEdges, [namedTaskId]);
  await tx.run(renumberSteps, [namedTaskId]);
}

function otherShape({ namespace, name, version }: WorkflowDefinition, what: string): WorkflowDefinitionError {
  return new WorkflowDefinitionError(
    `workflow ${namespace}/${name} ${version} is registered with other ${what}: give the changed definition a new version`,
    { namespace, name, version },
  );
}

interface TemplateShape {
  name: string;
  ordinal: number;
  parents: readonly number[];
}

function templatesOf(definition: WorkflowDefinition): TemplateShape[] {
  return definition.steps.map(({ name, ordinal, parentOrdinals }) => ({ name, ordinal, parents: parentOrdinals }));
}

/** Of what the ancestor registered only the names are known: it kept no order and no edges beside its tasks. */
function shape(steps: readonly TemplateShape[], namesOnly: boolean): string {
  if (namesOnly) return JSON.stringify(steps.map((step) => step.name).toSorted());
  return JSON.stringify(steps.map((step) => [step.name, step.ordinal, step.parents.toSorted((a, b) => a - b)]));
}
