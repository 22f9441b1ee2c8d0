import { describeDatabaseError } from '../db/connections/describe-error.ts';
import { loadProblem } from '../dev/load-problem.ts';
import { taskerErrorCode } from '../errors.ts';
import { describeFileError } from './describe-file-error.ts';
import { ApiError } from '../http/error.ts';
import { describeThrown } from '../workflow/describe-thrown.ts';

/** Exit statuses of every command. */
export const STATUS = { ok: 0, failed: 1, usage: 2, notFound: 3, refused: 4, unavailable: 5 } as const;

/** By code and not by class: a module of workflows may throw the errors of its own copy of this package. */
const WRONG_CALL = new Set(['CONFIG_INVALID', 'INPUT_INVALID', 'WORKFLOW_UNKNOWN', 'WORKFLOW_DEFINITION_INVALID']);
const NO_DATABASE = new Set(['ARCHIVE_UNAVAILABLE', 'DATABASE_BUSY', 'DATABASE_UNSUITABLE', 'REPORT_UNAVAILABLE']);

function statusOf({ status }: ApiError): number {
  if (status === 0 || status === 429 || status === 502 || status >= 503) return STATUS.unavailable;
  if (status === 404) return STATUS.notFound;
  if (status === 401 || status === 403 || status === 409 || status === 412) return STATUS.refused;
  return status < 500 ? STATUS.usage : STATUS.failed;
}

/** Prints on stderr what went wrong and returns the exit status: the place of an error in a user's module, and the stack of a bug of this package. */
export function reportError(error: unknown): number {
  const { line, status } = describeFailure(error);
  console.error(`tasker: ${loadProblem(error, line)}`);
  return status;
}

/** What ended a command or a process: one line for an error that its user can mend, a stack for a bug of this package. */
export function describeFailure(error: unknown): { line: string; status: number } {
  const code = taskerErrorCode(error);
  if (code !== undefined) {
    const status = WRONG_CALL.has(code) ? STATUS.usage : NO_DATABASE.has(code) ? STATUS.unavailable : STATUS.failed;
    // Shown whole, because it may be a list; the messages of other errors are cut.
    return { line: (error as Error).message, status };
  }
  if (error instanceof ApiError) {
    const { requestId } = error;
    const log = error.status >= 500 && requestId !== undefined ? ` (request ${requestId})` : '';
    return { line: `the HTTP API: ${error.code}: ${error.message}${log}`, status: statusOf(error) };
  }
  const described = describeDatabaseError(error);
  if (described !== undefined) {
    return { line: described.line, status: described.unavailable ? STATUS.unavailable : STATUS.failed };
  }
  const file = describeFileError(error);
  if (file !== undefined) return { line: file, status: STATUS.failed };
  const thrown = describeThrown(error);
  return { line: thrown.stack ?? thrown.message, status: STATUS.failed };
}
