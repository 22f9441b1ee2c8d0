import type { Database } from '../db/connections/database.ts';
import { isAboutValue } from '../db/connections/sql-errors.ts';
import { WorkflowDefinitionError } from '../errors.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import type { SetAside } from './adopt-inherited-tasks.ts';
import { enrol, type OtherGraph } from './register-workflow.ts';

export type Registration =
  | { outcome: 'registered'; definition: WorkflowDefinition; namedTaskId: number; setAside: SetAside[] }
  /** This workflow cannot be served as it is; `problem`: why, and what to do. */
  | { outcome: 'refused'; definition: WorkflowDefinition; problem: string };

/**
 * Registers workflows one by one, each in a transaction of its own: one that is refused keeps no other from being served.
 * Rejects for an error that is not about a workflow (the database is away, a table is missing): all of it may be repeated.
 */
export async function registerWorkflows(
  db: Database,
  definitions: readonly WorkflowDefinition[],
  otherGraph: OtherGraph = 'refuse',
): Promise<Registration[]> {
  const registrations: Registration[] = [];
  for (const definition of definitions) {
    try {
      registrations.push({ outcome: 'registered', definition, ...(await enrol(db, definition, otherGraph)) });
    } catch (error) {
      if (!(error instanceof WorkflowDefinitionError) && !isAboutValue(error)) throw error;
      registrations.push({ outcome: 'refused', definition, problem: (error as Error).message });
    }
  }
  return registrations;
}
