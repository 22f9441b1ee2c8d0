import type { Database } from '../db/database.ts';
import { registerWorkflow } from '../engine/register-workflow.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';

const ids = new WeakMap<Database, WeakMap<WorkflowDefinition, Promise<number>>>();

/** The id of a definition in a database, registered at its first use and remembered from then on. */
export function loadDefinitionId(db: Database, definition: WorkflowDefinition): Promise<number> {
  let known = ids.get(db);
  if (known === undefined) ids.set(db, (known = new WeakMap()));
  let id = known.get(definition);
  if (id === undefined) {
    id = registerWorkflow(db, definition);
    known.set(definition, id);
    id.catch(() => known.delete(definition));
  }
  return id;
}
