import { findTaskScope } from '../db/reads/task-documents.ts';
import { taskerErrorCode } from '../errors.ts';
import type { Explanation } from '../reads/explain/explanation.ts';
import { missingTask } from './missing-task.ts';
import { Problem } from './problem.ts';
import type { RouteRequest } from './route.ts';

type Asking = Pick<RouteRequest, 'client' | 'principal'>;

/** Why a task or a step of it is where it is, as far as whoever asks may see it. Throws Problem if there is no such task or step. */
export async function explained(request: Asking, id: string, step: string | undefined): Promise<Explanation> {
  const { client, principal } = request;
  const { explain } = await import('../reads/explain/explain.ts');
  const messages = principal.permissions.has('payload:read');
  const found = await explain(client.db, id, step, { messages, namespaces: principal.namespaces }).catch(
    (error: unknown) => {
      if (taskerErrorCode(error) === 'INPUT_INVALID')
        throw new Problem('NOT_FOUND', (error as Error).message, { cause: error });
      throw error;
    },
  );
  if (found === undefined) throw await missingTask(request, id);
  return { ...found, because: await visible(request, found) };
}

/** What keeps a step waiting may be a task of another namespace. */
async function visible(
  { client, principal: { namespaces } }: Asking,
  { task_id: own, because }: Explanation,
): Promise<Explanation['because']> {
  if (namespaces === undefined) return because;
  const shown = await Promise.all(
    because.map(async ({ links: { task_id: id } }) => {
      if (id === undefined || id === own) return true;
      return (await client.db.run(findTaskScope, { task_id: id, namespaces })).length > 0;
    }),
  );
  return because.filter((_reason, index) => shown[index] === true);
}
