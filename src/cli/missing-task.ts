import type { Client } from '../client/client.ts';
import { missingTaskText } from '../engine/refusal-text.ts';

/** What is said of a task that is not in the tables: it may be in the archive. */
export async function describeMissingTask(client: Pick<Client, 'archive'>, taskId: string): Promise<string> {
  return missingTaskText(taskId, (await client.archive.where(taskId)) !== undefined);
}
