import { readExactly } from '../../exact-json.ts';
import type { ApiClient } from '../../http/api-client.ts';
import { orNotFound } from './rows.ts';

/** The record as the API has it, whose numbers keep every digit when they are written; undefined: there is no such task. */
export async function remoteRecord(api: ApiClient, taskId: string, payloads: boolean): Promise<unknown> {
  const found = await orNotFound(
    api.request('GET /v1/tasks/{task_id}/record', {
      params: { task_id: taskId },
      query: { payloads },
    }),
    undefined,
  );
  return found === undefined ? undefined : readExactly(found.text);
}
