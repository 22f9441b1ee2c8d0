import { readRetryAfter } from './errors/retry-after.ts';

/** Other copies of this package recognise an error by this symbol: registered, so it is the same in every copy and realm. */
const MARK = Symbol.for('tasker-fleet.TaskerError');
const UNMARKED = new Set([
  'PERMANENT',
  'RETRYABLE',
  'CONFIG_INVALID',
  'INPUT_INVALID',
  'WORKFLOW_UNKNOWN',
  'WORKFLOW_DEFINITION_INVALID',
]);

/**
 * The error catalogue: one class per error, each with a stable `code`.
 *
 * A message names the field, the value and the fix. Expected races (a lost claim, a duplicate submit) are values
 * returned by the verbs, never exceptions.
 */
export class TaskerError extends Error {
  readonly code: string;
  readonly details: Record<string, unknown>;

  constructor(code: string, message: string, details: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
    this.details = details;
  }
}

// On the prototype, so that an error does not grow.
Object.defineProperty(TaskerError.prototype, MARK, { value: true });

/**
 * The `code` of an error of this package, whichever copy of it (a bundle, a second installation, another realm) made it;
 * undefined for everything else. Never throws: `instanceof` would, for a revoked Proxy.
 */
export function taskerErrorCode(error: unknown): string | undefined {
  if ((typeof error !== 'object' && typeof error !== 'function') || error === null) return undefined;
  try {
    const { code, details, [MARK]: marked } = error as Record<PropertyKey, unknown>;
    if (typeof code !== 'string') return undefined;
    // Copies of version 0.1.0 have no mark but the same codes.
    return marked === true || (UNMARKED.has(code) && typeof details === 'object') ? code : undefined;
  } catch {
    return undefined;
  }
}

/** Thrown by a handler if another attempt can help; `retryAfterSeconds` replaces the computed backoff. */
export class RetryableError extends TaskerError {
  /** Undefined: the computed backoff is used. */
  readonly retryAfterSeconds: number | undefined;
  /** Why `retryAfter` was not used, for the log and the history; undefined if it could be read or was not given. */
  readonly retryAfterProblem: string | undefined;

  /**
   * `retryAfter`: the value of a Retry-After header (a text with seconds or an HTTP date, or null if there is none), seconds
   * as a number, or a Date. A date in the past means now. A value that cannot be read never throws: `retryAfterProblem` names
   * it, and the computed backoff is used.
   */
  constructor(message: string, options: { retryAfter?: number | string | Date | null; cause?: unknown } = {}) {
    super('RETRYABLE', message, {}, options.cause === undefined ? undefined : { cause: options.cause });
    const { seconds, problem } = readRetryAfter(options.retryAfter);
    this.retryAfterSeconds = seconds;
    this.retryAfterProblem = problem;
  }
}

/** Thrown by a handler if another attempt cannot help: it ends the retries of its step at once. */
export class PermanentError extends TaskerError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super('PERMANENT', message, {}, options.cause === undefined ? undefined : { cause: options.cause });
  }
}

/** A workflow definition that cannot run: a cycle, an unknown parent, a duplicate step, a missing handler, a bad option. */
export class WorkflowDefinitionError extends TaskerError {
  constructor(message: string, details: Record<string, unknown> = {}) {
    super('WORKFLOW_DEFINITION_INVALID', message, details);
  }
}

/** A submit names a workflow that the database or this process does not have. */
export class UnknownWorkflowError extends TaskerError {
  constructor(message: string, details: Record<string, unknown> = {}) {
    super('WORKFLOW_UNKNOWN', message, details);
  }
}

/** The input of a submit does not fit the workflow's input schema, or is not JSON. */
export class InvalidInputError extends TaskerError {
  constructor(message: string, details: Record<string, unknown> = {}, options?: ErrorOptions) {
    super('INPUT_INVALID', message, details, options);
  }
}

/** A task had not ended when the time to wait for it was over. It goes on; `details` has its `taskId` and `state`. */
export class WaitTimeoutError extends TaskerError {
  constructor(message: string, details: Record<string, unknown> = {}, options?: ErrorOptions) {
    super('WAIT_TIMEOUT', message, details, options);
  }
}

/** The client was closed while a call waited for the end of a task, which goes on; `details` has its `taskId`. */
export class ClientClosedError extends TaskerError {
  constructor(message: string, details: Record<string, unknown> = {}) {
    super('CLIENT_CLOSED', message, details);
  }
}

/** One or more configuration values are missing or wrong; the message lists every one. */
export class ConfigError extends TaskerError {
  constructor(message: string, details: Record<string, unknown> = {}, options?: ErrorOptions) {
    super('CONFIG_INVALID', message, details, options);
  }
}

/** The database is not migrated as far as this version needs. */
export class SchemaOutdatedError extends TaskerError {
  /** `missing`: names of migrations, in their order; `empty`: none is applied. */
  constructor(schema: string, missing: readonly string[], { empty = false } = {}) {
    const [first, last] = [missing[0] ?? '', missing.at(-1) ?? ''];
    const some = missing.length === 1 ? `migration ${first}` : `${missing.length} migrations, ${first} to ${last}`;
    super(
      'SCHEMA_OUTDATED',
      empty
        ? `the database has no tables of Tasker Fleet in its schema "${schema}" yet: run tasker migrate up`
        : `schema "${schema}" of the database lacks ${some}: run tasker migrate up`,
      // Node prints the fields of an error that ends a program: forty names would hide the message.
      Object.defineProperty({ schema }, 'missing', { value: missing }),
    );
  }
}

/** The fleet cannot work on this server: it is too old, or has settings that its sessions cannot change. */
export class UnsuitableDatabaseError extends TaskerError {
  constructor(message: string, details: Record<string, unknown> = {}) {
    super('DATABASE_UNSUITABLE', message, details);
  }
}

/** All connections of a pool were in use for as long as one may be waited for: the database itself was reached. */
export class DatabaseBusyError extends TaskerError {
  constructor(message: string, details: Record<string, unknown> = {}, options?: ErrorOptions) {
    super('DATABASE_BUSY', message, details, options);
  }
}

/** The replica for reports cannot be read, or lags too far behind, and reports must not fall back to the primary. */
export class ReportUnavailableError extends TaskerError {
  constructor(message: string, details: Record<string, unknown> = {}, options?: ErrorOptions) {
    super('REPORT_UNAVAILABLE', message, details, options);
  }
}

/** The store of the archive is away, full, or refuses. What was to be archived stays in the database. */
export class ArchiveUnavailableError extends TaskerError {
  constructor(message: string, details: Record<string, unknown> = {}, options?: ErrorOptions) {
    super('ARCHIVE_UNAVAILABLE', message, details, options);
  }
}

/** An object of the archive is missing, or is not what its record says. */
export class ArchiveDamagedError extends TaskerError {
  constructor(message: string, details: Record<string, unknown> = {}, options?: ErrorOptions) {
    super('ARCHIVE_DAMAGED', message, details, options);
  }
}

/** Another process writes an object of the archive anew; run the same call again. */
export class ArchiveBusyError extends TaskerError {
  constructor(message: string, details: Record<string, unknown> = {}) {
    super('ARCHIVE_BUSY', message, details);
  }
}

/** The embedded PostgreSQL cannot run on this machine at all: no binaries for the platform, or they do not load. */
export class EmbeddedPostgresUnavailableError extends TaskerError {
  constructor(message: string, details: Record<string, unknown> = {}, options?: ErrorOptions) {
    super('EMBEDDED_POSTGRES_UNAVAILABLE', message, details, options);
  }
}

/** The embedded PostgreSQL could not be started or stopped in this folder; the message ends with its last log lines. */
export class EmbeddedPostgresError extends TaskerError {
  constructor(message: string, details: Record<string, unknown> = {}, options?: ErrorOptions) {
    super('EMBEDDED_POSTGRES_FAILED', message, details, options);
  }
}
