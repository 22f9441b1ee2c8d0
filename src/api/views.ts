import type { StoredDocument } from '../db/reads/task-documents.ts';
import type { StoredError } from '../workflow/describe-thrown.ts';
import { fillLink, type LinkTemplates } from '../tracing/links.ts';
import { readExactly } from '../exact-json.ts';
import type { Principal } from './permissions.ts';
import type { DocumentKind, Redact } from '../redact.ts';

/** Longer documents are read by themselves. */
export const MOST_INLINE_BYTES = 65_536;

/** Of an error: what it says may repeat what the step worked on. */
export function errorView(
  error: Pick<StoredError, 'name' | 'message' | 'code'> | { name?: string; message?: string; code?: string } | null,
  { permissions }: Principal,
): { name: string; message: string | null; code?: string } | null {
  if (error === null) return null;
  const { name = 'Error', message = '', code } = error;
  return {
    name,
    message: permissions.has('payload:read') ? message : null,
    ...(code === undefined ? {} : { code }),
  };
}

/** A document, read up to MOST_INLINE_BYTES, for whoever may read payloads. */
export function payloadView(
  document: StoredDocument | undefined,
  href: string,
  kind: DocumentKind,
  { principal, redact }: { principal: Principal; redact: Redact },
): { bytes: number; href: string; value?: unknown } | null {
  if (document === undefined || !principal.permissions.has('payload:read')) return null;
  const { json, bytes } = document;
  return json === null ? { bytes, href } : { bytes, href, value: redact(readExactly(json), kind) };
}

/** Pages of other tools about a task, one of its steps, or an attempt; null: none is configured, or it names what there is none of. */
export function linksOf(
  { traceUrl, logUrl }: LinkTemplates,
  { traceId, taskId, step, attempt }: { traceId: string | null; taskId: string; step?: string; attempt?: number },
): { trace: string | null; log: string | null } {
  const values = {
    task_id: taskId,
    ...(traceId === null ? {} : { trace_id: traceId }),
    ...(step === undefined ? {} : { step }),
    ...(attempt === undefined || attempt === 0 ? {} : { attempt: String(attempt) }),
  };
  return {
    // Without a trace there is no page of it, whatever the template names.
    trace: traceId === null ? null : (fillLink(traceUrl, values) ?? null),
    log: fillLink(logUrl, values) ?? null,
  };
}

/** `{ nextRetry: 1 }` as `{ next_retry: 1 }`. */
export function snakeCase<Value extends object>(value: Value): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      member,
    ]),
  );
}
