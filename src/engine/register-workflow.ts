import type { Database, Executor } from '../db/connections/database.ts';
import {
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
import {
  deleteOtherTemplates,
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

/** Open tasks of the ancestor whose graph is not the definition's, and the version that they belong to from now on. */
export interface SetAside {
  version: string;
  taskIds: string[];
}

/** As `enrol`, for callers that only need the id. */
export async function registerWorkflow(db: Database, definition: WorkflowDefinition): Promise<number> {
  return (await enrol(db, definition)).namedTaskId;
}

/**
 * Writes a definition to the database, or finds it there, and returns its id. Options of steps (queue, priority, retries)
 * may change under the same version and hold for tasks submitted from then on. Steps and edges may not: tasks in flight
 * have the old ones. Throws WorkflowDefinitionError then.
 *
 * A workflow that the ancestor registered takes whatever graph the definition has. Open tasks of this graph are adopted; those
 * of another get a version of their own (`setAside`), so that they keep nobody from working: a worker that exports their
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

/**
 * The ancestor's step ids say nothing about the step's place in its workflow; a worker finds the handler, and the results of
 * the parents, by the id. So the open tasks of a workflow that the ancestor registered get the engine's ids before any
 * worker may claim them: none serves this workflow before its registration commits.
 */
async function adoptInheritedTasks(
  tx: Executor,
  namedTaskId: number,
  definition: WorkflowDefinition,
): Promise<SetAside[]> {
  await tx.run(deleteOtherTemplates, { named_task_id: namedTaskId, names: definition.steps.map((step) => step.name) });
  await tx.run(lockInheritedSteps, [namedTaskId]);
  const setAside = await setForeignTasksAside(tx, namedTaskId, definition);
  const own = await tx.run(findOpenTasks, [namedTaskId]);
  await renumber(
    tx,
    namedTaskId,
    own.map((row) => row.task_id),
  );
  return setAside;
}

async function renumber(tx: Executor, namedTaskId: number, taskIds: readonly string[]): Promise<void> {
  for (const statement of [renumberTransitions, renumberEdges, renumberSteps])
    await tx.run(statement, [namedTaskId, taskIds]);
}

/** The patch number of the first version that is made for tasks of another graph; higher ones follow, one for each graph. */
const FIRST_OTHER_PATCH = 9001;

/** Tasks of another graph go to the version of the workflow that has it, if one is registered, and else to a new one. */
async function setForeignTasksAside(
  tx: Executor,
  namedTaskId: number,
  definition: WorkflowDefinition,
): Promise<SetAside[]> {
  const foreign = await tx.run(findForeignTasks, [namedTaskId]);
  if (foreign.length === 0) return [];
  const versions = await tx.run(findVersions, [namedTaskId]);
  const taken = new Set(versions.map((row) => row.version));
  const [major, minor] = definition.version.split('.');
  const setAside: SetAside[] = [];
  for (const [graph, tasks] of Map.groupBy(foreign, (row) => row.shape)) {
    const taskIds = tasks.map((row) => row.task_id);
    const same = graph === null ? undefined : versions.find((row) => row.shape === graph);
    if (same !== undefined) {
      await tx.run(moveTasksToVersion, [same.named_task_id, taskIds]);
      await renumber(tx, same.named_task_id, taskIds);
      setAside.push({ version: same.version, taskIds });
      continue;
    }
    let patch = FIRST_OTHER_PATCH;
    while (taken.has(`${major}.${minor}.${patch}`)) patch += 1;
    const version = `${major}.${minor}.${patch}`;
    taken.add(version);
    const [row] = await tx.run(insertVersionOfTasks, [namedTaskId, version, taskIds]);
    await tx.run(moveTasksToVersion, [(row as { named_task_id: number }).named_task_id, taskIds]);
    setAside.push({ version, taskIds });
  }
  return setAside;
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
