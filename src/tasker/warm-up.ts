import type { Executor } from '../db/connections/database.ts';
import { findChangedTasks, findStepsOfTasks } from '../db/reads/watched-tasks.ts';
import { submitTasks } from '../db/statements/tasks/submit-tasks.ts';

/**
 * Runs the statements of a submit and of a wait once, for no tasks. The first run of a statement in a session takes several times as long as
 * any other, since the server parses it and reads its catalogues; here that happens while worker and scheduler join the fleet.
 */
export async function warmUp(db: Executor): Promise<void> {
  await db.run(submitTasks, { tasks: [], namespace: undefined, name: undefined, version: undefined });
  await db.run(findChangedTasks, { known: [] });
  await db.run(findStepsOfTasks, { tasks: [] });
}
