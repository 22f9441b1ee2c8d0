import { describeDatabaseError } from '../db/connections/describe-error.ts';
import { taskerErrorCode } from '../errors.ts';
import { describeThrown } from '../workflow/describe-thrown.ts';

/** Exit statuses of every command. */
export const STATUS = { ok: 0, failed: 1, usage: 2, notFound: 3, refused: 4, unavailable: 5 } as const;

/** By code, since a module of workflows may throw the errors of its own copy of this package. */
const WRONG_CALL = new Set(['CONFIG_INVALID', 'INPUT_INVALID', 'WORKFLOW_UNKNOWN', 'WORKFLOW_DEFINITION_INVALID']);

/** Says on stderr what went wrong, for people, and returns the exit status. A stack only if the fault is ours. */
export function reportError(error: unknown): number {
  const { line, status } = describeFailure(error);
  console.error(`tasker: ${line}`);
  return status;
}

/** What ended a command or a process: for its user if it is theirs to mend, with its stack if it is ours. */
export function describeFailure(error: unknown): { line: string; status: number } {
  const code = taskerErrorCode(error);
  if (code !== undefined) {
    const status = WRONG_CALL.has(code)
      ? STATUS.usage
      : code === 'DATABASE_UNSUITABLE'
        ? STATUS.unavailable
        : STATUS.failed;
    // As long as what it lists; what others throw is cut.
    return { line: (error as Error).message, status };
  }
  const described = describeDatabaseError(error);
  if (described !== undefined) {
    return { line: described.line, status: described.unavailable ? STATUS.unavailable : STATUS.failed };
  }
  const thrown = describeThrown(error);
  return { line: thrown.stack ?? thrown.message, status: STATUS.failed };
}
