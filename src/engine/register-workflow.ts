import type { Database } from '../db/connections/database.ts';
import {
  findNamedTask,
  findStepTemplates,
  insertNamedSteps,
  lockRegistry,
  upsertNamedTask,
  upsertStepTemplates,
} from '../db/statements/workflows/register-workflow.ts';
import { WorkflowDefinitionError } from '../errors.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import { definitionConfiguration, definitionHash } from '../workflow/configuration.ts';
import { adoptInheritedTasks, type SetAside } from './adopt-inherited-tasks.ts';

/** As `enrol`, for callers that only need the id. */
export async function registerWorkflow(db: Database, definition: WorkflowDefinition): Promise<number> {
  return (await enrol(db, definition)).namedTaskId;
}

/**
 * Writes a definition to the database, or finds it there, and returns its id. Options of steps (queue, priority, retries)
 * may change under the same version and hold for tasks submitted from then on. Steps and edges may not: tasks in flight
 * have the old ones. Throws WorkflowDefinitionError then.
 *
 * A workflow that Tasker (Ruby) registered takes whatever graph the definition has. Open tasks of this graph are adopted; those
 * of another get a version of their own (`setAside`), so that they do not keep the workflow from being served: a worker that exports their
 * graph under that version finishes them, or an operator cancels them.
 */
export async function enrol(
  db: Database,
  definition: WorkflowDefinition,
): Promise<{ namedTaskId: number; setAside: SetAside[] }> {
  const { namespace, name, version } = definition;
  const hash = definitionHash(definition);
  const [known] = await db.run(findNamedTask, { namespace, name, version });
  if (known?.definition_hash === hash) return { namedTaskId: known.named_task_id, setAside: [] };

  return db.transaction(async (tx) => {
    await tx.run(lockRegistry);
    const [existing] = await tx.run(findNamedTask, { namespace, name, version });
    const inherited = existing !== undefined && existing.definition_hash === null;
    if (existing !== undefined && !inherited) {
      const stored = await tx.run(findStepTemplates, { named_task_id: existing.named_task_id });
      if (shape(stored) !== shape(templatesOf(definition))) throw otherShape(definition);
    }
    const sinks = definition.steps.filter((step) => step.childOrdinals.length === 0).length;
    const [row] = await tx.run(upsertNamedTask, {
      namespace,
      name,
      version,
      description: definition.description,
      configuration: JSON.stringify(definitionConfiguration(definition)),
      definition_hash: hash,
      sinks,
    });
    const namedTaskId = (row as { named_task_id: number }).named_task_id;
    await tx.run(insertNamedSteps, { names: definition.steps.map((step) => step.name) });
    await tx.run(upsertStepTemplates, {
      named_task_id: namedTaskId,
      steps: JSON.stringify(
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
    });
    const setAside = inherited ? await adoptInheritedTasks(tx, namedTaskId, definition) : [];
    return { namedTaskId, setAside };
  });
}

function otherShape({ namespace, name, version }: WorkflowDefinition): WorkflowDefinitionError {
  return new WorkflowDefinitionError(
    `workflow ${namespace}/${name} ${version} is registered with other steps or edges: give the changed definition a new version, and let a worker export the old one until its open tasks have ended (tasker workflows lists them), or cancel those`,
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

function shape(steps: readonly TemplateShape[]): string {
  return JSON.stringify(steps.map((step) => [step.name, step.ordinal, step.parents.toSorted((a, b) => a - b)]));
}
