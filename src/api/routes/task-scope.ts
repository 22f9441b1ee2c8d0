import { findTaskScope } from '../../db/reads/task-documents.ts';
import { checkIfMatch } from '../http/if-match.ts';
import { Problem } from '../problem.ts';
import type { RouteRequest } from '../route.ts';

export interface TaskScope {
  readonly namespace: string;
  readonly workflow: string;
  readonly version: string;
  /** Another one after each transition of the task or of a step. */
  readonly revision: string;
  /** Its place in a trace. */
  readonly trace_context: string | null;
}

/** The task that a request is about, if whoever asks may see it: one of another namespace is as one that does not exist. Throws Problem. */
export async function requireTask(
  request: Pick<RouteRequest, 'client' | 'principal'>,
  taskId: string,
): Promise<TaskScope> {
  const { client, principal } = request;
  const [task] = await client.db.run(findTaskScope, { task_id: taskId, namespaces: principal.namespaces });
  if (task === undefined) throw new Problem('NOT_FOUND', `there is no task ${taskId}`);
  return task;
}

/** Throws Problem if the namespace is none of those that whoever asks may see. */
export function requireNamespace({ namespaces }: RouteRequest['principal'], namespace: string): void {
  if (namespaces === undefined || namespaces.includes(namespace)) return;
  throw new Problem('NOT_FOUND', `there is no namespace ${JSON.stringify(namespace)}`);
}

/** A strong validator: of what a principal sees of a state, since some see more of it than others. */
export function etagOf({ revision }: TaskScope, { permissions }: RouteRequest['principal']): string {
  return `"${revision}${permissions.has('payload:read') ? 'p' : ''}"`;
}

/** Whether `If-None-Match` has it. */
export function isKnown({ headers }: Pick<RouteRequest, 'headers'>, etag: string): boolean {
  const given = headers['if-none-match'];
  if (typeof given !== 'string') return false;
  return given.split(',').some((each) => each.trim().replace(/^W\//, '') === etag || each.trim() === '*');
}

/** Throws Problem if `If-Match` is given and does not have it: whoever acts has seen an older state. A weak tag (`W/`) matches nothing. */
export function checkMatch(
  { headers, principal }: Pick<RouteRequest, 'headers' | 'principal'>,
  scope: TaskScope,
): void {
  checkIfMatch(headers, etagOf(scope, principal), 'task');
}
