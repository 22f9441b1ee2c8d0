import { findTaskRevision, findTaskScope, type TaskScopeRow } from '../../db/reads/task-documents.ts';
import { checkIfMatch } from '../http/if-match.ts';
import { missingTask } from '../missing-task.ts';
import { Problem } from '../problem.ts';
import type { RouteRequest } from '../route.ts';

type Asking = Pick<RouteRequest, 'client' | 'principal'>;

/** A task, and which of its states. */
export type TaskRevision = TaskScopeRow & { readonly revision: string };

/** The task that a request is about, if whoever asks may see it: one of another namespace is as one that does not exist. Throws Problem. */
export async function requireTask(asking: Asking, taskId: string): Promise<TaskScopeRow> {
  const { client, principal } = asking;
  const [task] = await client.db.run(findTaskScope, { task_id: taskId, namespaces: principal.namespaces });
  return task ?? missing(asking, taskId);
}

/** The same with its revision, for which each of its steps is read. */
export async function requireRevision(asking: Asking, taskId: string): Promise<TaskRevision> {
  const { client, principal } = asking;
  const [task] = await client.db.run(findTaskRevision, { task_id: taskId, namespaces: principal.namespaces });
  return task ?? missing(asking, taskId);
}

async function missing(asking: Asking, taskId: string): Promise<never> {
  throw await missingTask(asking, taskId);
}

/** Throws Problem if the namespace is none of those that whoever asks may see. */
export function requireNamespace({ namespaces }: RouteRequest['principal'], namespace: string): void {
  if (namespaces === undefined || namespaces.includes(namespace)) return;
  throw new Problem('NOT_FOUND', `there is no namespace ${JSON.stringify(namespace)}`);
}

/** A strong validator: of what a principal sees of a state, since some see more of it than others. */
export function etagOf({ revision }: TaskRevision, { permissions }: RouteRequest['principal']): string {
  return `"${revision}${permissions.has('payload:read') ? 'p' : ''}"`;
}

/** Throws Problem if `If-Match` is given and does not have it: whoever acts has seen an older state. A weak tag (`W/`) matches nothing. */
export function checkMatch(
  { headers, principal }: Pick<RouteRequest, 'headers' | 'principal'>,
  scope: TaskRevision,
): void {
  checkIfMatch(headers, etagOf(scope, principal), 'task');
}
