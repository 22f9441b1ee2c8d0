import type { Client } from '../client/client.ts';

/** What is said of a task that is not in the tables: it may be in the archive. */
export async function describeMissingTask(client: Pick<Client, 'archive'>, taskId: string): Promise<string> {
  const archived = await client.archive.where(taskId);
  return archived === undefined
    ? `there is no task ${taskId}`
    : `task ${taskId} has ended and is in the archive, in ${archived.object}: tasker archive show ${taskId}`;
}
