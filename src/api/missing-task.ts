import { missingTaskText } from '../engine/refusal-text.ts';
import { Problem } from './problem.ts';
import type { RouteRequest } from './route.ts';

/**
 * What is said of a task that is not in the tables. Whoever sees some namespaces alone learns nothing of the archive: where a task of another
 * namespace is says that there is one.
 */
export async function missingTask(
  { client, principal }: Pick<RouteRequest, 'client' | 'principal'>,
  taskId: string,
): Promise<Problem> {
  const isArchived = principal.namespaces === undefined && (await client.archive.where(taskId)) !== undefined;
  return new Problem('NOT_FOUND', missingTaskText(taskId, isArchived));
}
