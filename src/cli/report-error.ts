import { isSchemaMissing, isUnavailable } from '../db/sql-errors.ts';
import {
  ConfigError,
  InvalidInputError,
  TaskerError,
  UnknownWorkflowError,
  WorkflowDefinitionError,
} from '../errors.ts';

/** Exit statuses of every command. */
export const STATUS = { ok: 0, failed: 1, usage: 2, notFound: 3, refused: 4, unavailable: 5 } as const;

const WRONG_CALL = [ConfigError, InvalidInputError, UnknownWorkflowError, WorkflowDefinitionError];

/** Says on stderr what went wrong, for people, and answers the exit status. A stack only where the fault is ours. */
export function reportError(error: unknown): number {
  const ours = error instanceof TaskerError;
  const message = error instanceof Error ? (ours ? error.message : (error.stack ?? error.message)) : String(error);
  if (WRONG_CALL.some((type) => error instanceof type)) {
    console.error(`tasker: ${message}`);
    return STATUS.usage;
  }
  if (!ours && isUnavailable(error)) {
    console.error(`tasker: the database cannot be reached: ${error instanceof Error ? error.message : message}`);
    return STATUS.unavailable;
  }
  if (!ours && isSchemaMissing(error)) {
    console.error(
      `tasker: the database lacks what this version needs (${(error as Error).message}): run tasker migrate up`,
    );
    return STATUS.failed;
  }
  console.error(`tasker: ${message}`);
  return STATUS.failed;
}
