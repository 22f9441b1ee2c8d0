import type { Database } from '../db/connections/database.ts';
import {
  clearOrdinals,
  findNamedTask,
  findStepTemplates,
  insertNamedSteps,
  lockRegistry,
  registerNewWorkflow,
  updateInputSchema,
  upsertNamedTask,
  upsertStepTemplates,
} from '../db/statements/workflows/register-workflow.ts';
import { WorkflowDefinitionError } from '../errors.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import { inputJsonSchema } from '../workflow/input-json-schema.ts';
import { definitionConfiguration, definitionHash } from '../workflow/configuration.ts';
import { adoptInheritedTasks, type SetAside } from './adopt-inherited-tasks.ts';
import { graphDifference, graphOf, graphOfTemplates } from './graph-shape.ts';
import { setGraphAside } from './set-graph-aside.ts';

/**
 * What happens if another graph is registered under the same version. `refuse` is right wherever others rely on the version;
 * `set-aside` gives the former graph and its tasks another version, for one person's development (`tasker dev`).
 */
export type OtherGraph = 'refuse' | 'set-aside';

/** As `enrol`, for callers that only need the id. */
export async function registerWorkflow(db: Database, definition: WorkflowDefinition): Promise<number> {
  return (await enrol(db, definition)).namedTaskId;
}

/**
 * Writes a definition to the database, or finds it there, and returns its id. Options of steps (queue, priority, retries)
 * and the schema of the input may change under the same version and hold for tasks submitted from then on. Steps and edges may not: tasks in flight
 * have the old ones. Throws WorkflowDefinitionError then.
 *
 * A workflow that Tasker (Ruby) registered takes whatever graph the definition has. Open tasks of this graph are adopted; those
 * of another get a version of their own (`setAside`), so that they do not keep the workflow from being served: a worker that
 * exports their graph under that version finishes them, or an operator cancels them.
 */
export async function enrol(
  db: Database,
  definition: WorkflowDefinition,
  otherGraph: OtherGraph = 'refuse',
): Promise<{ namedTaskId: number; setAside: SetAside[] }> {
  const { namespace, name, version } = definition;
  const hash = definitionHash(definition);
  const [known] = await db.run(findNamedTask, { namespace, name, version });
  const inputSchema = inputJsonSchema(definition.inputSchema);
  if (known?.definition_hash === hash) {
    if ((known.input_schema ?? undefined) !== inputSchema) {
      await db.run(updateInputSchema, { named_task_id: known.named_task_id, input_schema: inputSchema });
    }
    return { namedTaskId: known.named_task_id, setAside: [] };
  }

  const task = {
    namespace,
    name,
    version,
    description: definition.description,
    configuration: JSON.stringify(definitionConfiguration(definition)),
    definition_hash: hash,
    sinks: definition.steps.filter((step) => step.childOrdinals.length === 0).length,
    input_schema: inputSchema,
  };
  const steps = JSON.stringify(
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
  );
  if (known === undefined) {
    const [registered] = await db.run(registerNewWorkflow, { ...task, steps });
    if (registered !== undefined) return { namedTaskId: registered.named_task_id, setAside: [] };
  }

  return db.transaction(async (tx) => {
    await tx.run(lockRegistry);
    const [existing] = await tx.run(findNamedTask, { namespace, name, version });
    const inherited = existing !== undefined && existing.definition_hash === null;
    const formerGraph: SetAside[] = [];
    if (existing !== undefined && !inherited) {
      const stored = await tx.run(findStepTemplates, { named_task_id: existing.named_task_id });
      if (graphOfTemplates(stored) !== graphOf(definition)) {
        if (otherGraph === 'refuse') throw otherShape(definition, graphDifference(stored, definition));
        formerGraph.push(await setGraphAside(tx, existing.named_task_id, definition));
      }
    }
    const [row] = await tx.run(upsertNamedTask, task);
    const namedTaskId = (row as { named_task_id: number }).named_task_id;
    if (inherited) await tx.run(clearOrdinals, { named_task_id: namedTaskId });
    await tx.run(insertNamedSteps, { names: definition.steps.map((step) => step.name) });
    await tx.run(upsertStepTemplates, { named_task_id: namedTaskId, steps });
    const setAside = inherited ? await adoptInheritedTasks(tx, namedTaskId, definition) : formerGraph;
    return { namedTaskId, setAside };
  });
}

function otherShape({ namespace, name, version }: WorkflowDefinition, difference: string): WorkflowDefinitionError {
  return new WorkflowDefinitionError(
    `workflow ${namespace}/${name} ${version} is registered with other steps or edges (${difference}): give the changed definition a new version, and let a worker export the old one until its open tasks have ended (tasker workflows lists them), or cancel those`,
    { namespace, name, version },
  );
}
