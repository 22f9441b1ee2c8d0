import type { StoredError } from '../../workflow/describe-thrown.ts';

/** What a handler threw, in fields of its own, so that a search finds it: name, message, code, stack, causes, and a note of the engine. */
export function errorFields(error: StoredError | undefined): Record<string, unknown> {
  if (error === undefined) return {};
  const fields = {
    error_name: error.name,
    error_message: error.message,
    error_code: error.code,
    error_note: error.note,
    error_stack: error.stack,
    error_cause: error.cause,
    error_errors: error.errors,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
