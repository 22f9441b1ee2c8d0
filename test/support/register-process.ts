import type { Executor } from '../../src/db/connections/database.ts';
import { type ProcessRegistration, registerIn } from '../../src/engine/workers.ts';

/** Registers a process that has nothing of the database in memory, and returns its id. */
export async function register(db: Executor, process: ProcessRegistration): Promise<string> {
  const registered = await registerIn(db, process, { installationId: null, workflows: [] });
  return registered?.workerId as string;
}
