import { z } from 'zod';
import { findStepDocuments, findTaskInput } from '../../db/reads/task-documents.ts';
import { writeAudit } from '../../engine/audit.ts';
import { inRange } from '../http/byte-range.ts';
import { Problem } from '../problem.ts';
import { defineRoute, type RouteRequest } from '../route.ts';
import { json } from '../schemas/common.ts';
import { readExactly } from '../../exact-json.ts';
import type { DocumentKind, Redact } from '../../redact.ts';
import { params as ofTask } from './one-task.ts';
import { requireTask } from './task-scope.ts';

/** Of what PostgreSQL can store as one value. */
const ANY_LENGTH = 2 ** 31 - 1;

export const getPayload = defineRoute({
  operation: 'getPayload',
  tagged: true,
  method: 'GET',
  path: '/v1/tasks/{task_id}/payloads/{document}',
  summary: 'A document as it is stored, to the last digit',
  description:
    'As a download. If TASKER_REDACT hides a part of it, the answer has `Tasker-Redacted: true` and is written anew, with the same numbers. The audit has who downloaded it. With `Range` it is a part, with 206: a download that broke off goes on, with the `ETag` of the first part as `If-Range`.',
  permission: 'payload:read',
  scope: 'namespace',
  cost: 'list',
  act: 'payload.read',
  params: ofTask.extend({
    document: z
      .string()
      .min(1)
      .max(300)
      .describe('`input`; of a step `<step>.result`, or `<step>.inputs` if it has inputs of its own.'),
  }),
  response: json,
  example: { response: { order: 'A-1', amount: 19.9 } },
  async handle(request) {
    const { task_id: id, document } = request.params;
    await requireTask(request, id);
    const text = await find(request, id, document);
    if (text === null || text === undefined) {
      throw new Problem('NOT_FOUND', `task ${id} has no document ${JSON.stringify(document)}`);
    }
    const shown = redacted(request.redact, text, document.endsWith('.result') ? 'result' : 'input');
    await writeDownload(request, id, document);
    const isWhole = shown === text;
    const file = `task-${id}-${document.replaceAll(/[^\w.-]/g, '_')}.json`;
    return inRange(Buffer.from(shown), request.headers, {
      'content-disposition': `attachment; filename="${file}"`,
      ...(isWhole ? {} : { 'tasker-redacted': 'true' }),
    });
  },
});

/** The text itself if nothing in it is hidden. To read a large document takes the process seconds, in which it does nothing else. */
function redacted(redact: Redact, text: string, kind: DocumentKind): string {
  if (redact.isEmpty) return text;
  const value = readExactly(text);
  const shown = JSON.stringify(redact(value, kind));
  return shown === JSON.stringify(value) ? text : shown;
}

/**
 * Who read what, before it is sent. Not of a process that only reads: its database role could not write. What a page shows of short
 * documents is no download.
 */
async function writeDownload(
  { client, principal, readOnly }: RouteRequest,
  id: string,
  document: string,
): Promise<void> {
  if (readOnly) return;
  const on = { kind: 'task', id } as const;
  const about = { act: 'payload.read', on, action: { by: principal.name }, asked: { document } } as const;
  await writeAudit(client.db, about, { outcome: 'read' });
}

type Request = Parameters<typeof requireTask>[0];

async function find({ client }: Request, id: string, document: string): Promise<string | null | undefined> {
  const most = { most_bytes: ANY_LENGTH };
  if (document === 'input') return (await client.db.run(findTaskInput, { task_id: id, ...most }))[0]?.json;
  const [, step, kind] = /^(.+)\.(inputs|result)$/s.exec(document) ?? [];
  if (step === undefined) return undefined;
  const [found] = await client.db.run(findStepDocuments, { task_id: id, step, ...most });
  return kind === 'inputs' ? found?.inputs : found?.result;
}
