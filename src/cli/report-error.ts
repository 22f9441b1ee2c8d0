import { isSchemaMissing, isUnavailable } from '../db/sql-errors.ts';
import { taskerErrorCode } from '../errors.ts';
import { describeThrown } from '../workflow/index.ts';

/** Exit statuses of every command. */
export const STATUS = { ok: 0, failed: 1, usage: 2, notFound: 3, refused: 4, unavailable: 5 } as const;

/** By code, since a module of workflows may throw the errors of its own copy of this package. */
const WRONG_CALL = new Set(['CONFIG_INVALID', 'INPUT_INVALID', 'WORKFLOW_UNKNOWN', 'WORKFLOW_DEFINITION_INVALID']);

/** Says on stderr what went wrong, for people, and answers the exit status. A stack only where the fault is ours. */
export function reportError(error: unknown): number {
  const code = taskerErrorCode(error);
  const ours = code !== undefined;
  const thrown = describeThrown(error);
  // Ours are as long as what they list; what others throw is cut.
  const message = ours ? (error as Error).message : (thrown.stack ?? thrown.message);
  if (ours && WRONG_CALL.has(code)) {
    console.error(`tasker: ${message}`);
    return STATUS.usage;
  }
  if (!ours && isUnavailable(error)) {
    console.error(`tasker: the database cannot be reached: ${thrown.message}`);
    return STATUS.unavailable;
  }
  if (!ours && isSchemaMissing(error)) {
    console.error(`tasker: the database lacks what this version needs (${thrown.message}): run tasker migrate up`);
    return STATUS.failed;
  }
  console.error(`tasker: ${message}`);
  return STATUS.failed;
}
