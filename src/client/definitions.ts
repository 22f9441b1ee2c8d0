import type { Database, Executor } from '../db/connections/database.ts';
import { findNamedTask } from '../db/statements/workflows/register-workflow.ts';
import { registerWorkflow } from '../engine/register-workflow.ts';
import { type NewTask, submit, submitIn, type Submitted } from '../engine/submit.ts';
import { UnknownWorkflowError } from '../errors.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';

/** A task whose workflow id is not known yet. */
export type UnboundTask = Omit<NewTask, 'namedTaskId'>;

const ids = new WeakMap<Database, WeakMap<WorkflowDefinition, Promise<number>>>();

/** The id of a definition in a database: registered at its first use, then cached. */
export function loadDefinitionId(db: Database, definition: WorkflowDefinition): Promise<number> {
  return ids.get(db)?.get(definition) ?? renewDefinitionId(db, definition);
}

/** Another part of this program has registered the definition. */
export function knowDefinitionId(db: Database, definition: WorkflowDefinition, id: number): void {
  idsOf(db).set(definition, Promise.resolve(id));
}

/** Registers the definition, or finds it registered, and caches its present id. */
export function renewDefinitionId(db: Database, definition: WorkflowDefinition): Promise<number> {
  const known = idsOf(db);
  const id = registerWorkflow(db, definition);
  known.set(definition, id);
  id.catch(() => {
    if (known.get(definition) === id) known.delete(definition);
  });
  return id;
}

function idsOf(db: Database): WeakMap<WorkflowDefinition, Promise<number>> {
  let known = ids.get(db);
  if (known === undefined) ids.set(db, (known = new WeakMap()));
  return known;
}

/**
 * Submits under the cached workflow id. If the statement refuses the id (the database was restored, failed over or recreated),
 * registers the workflow again and submits once more.
 */
export async function submitBound(
  db: Database,
  definition: WorkflowDefinition,
  tasks: readonly UnboundTask[],
): Promise<Submitted[]> {
  const id = await loadDefinitionId(db, definition);
  try {
    return await submit(db, bind(tasks, id), definition);
  } catch (error) {
    if (!(error instanceof UnknownWorkflowError)) throw error;
    return submit(db, bind(tasks, await renewDefinitionId(db, definition)), definition);
  }
}

/**
 * As `submitBound`, in the caller's transaction. It may be of another database than `db`, or have an older snapshot, so the id
 * that is visible in the transaction is used. No statement fails: the transaction stays usable if the workflow is refused.
 */
export async function submitBoundIn(
  tx: Executor,
  db: Database,
  definition: WorkflowDefinition,
  tasks: readonly UnboundTask[],
): Promise<Submitted[]> {
  const submitAs = (id: number): Promise<Submitted[]> => submitIn(tx, bind(tasks, id), definition);
  try {
    return await submitAs(await loadDefinitionId(db, definition));
  } catch (error) {
    if (!(error instanceof UnknownWorkflowError)) throw error;
  }
  const { namespace, name, version } = definition;
  const find = async (): Promise<number | undefined> =>
    (await tx.run(findNamedTask, { namespace, name, version }))[0]?.named_task_id;
  let id = await find();
  if (id === undefined) {
    await renewDefinitionId(db, definition);
    id = await find();
  }
  if (id === undefined) {
    throw new UnknownWorkflowError(
      `the transaction given to the submit sees no workflow ${namespace}/${name} ${version}, although the client has registered it: either the transaction is of another database than the client (schema "${tx.schema}" of the client's own has it), so submit with a client for that database; or its snapshot (REPEATABLE READ, SERIALIZABLE) is older than the registration, so repeat the transaction`,
      { namespace, name, version },
    );
  }
  return submitAs(id);
}

function bind(tasks: readonly UnboundTask[], namedTaskId: number): NewTask[] {
  return tasks.map((task) => ({ ...task, namedTaskId }));
}
