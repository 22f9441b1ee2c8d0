import {
  isAboutValue,
  isBusy,
  isLoginRefused,
  isSchemaMissing,
  isSerializationFailure,
  isUnavailable,
  sqlState,
} from '../db/connections/sql-errors.ts';
import { type TaskerError, taskerErrorCode } from '../errors.ts';

/** The page on which each code is explained. */
const ERRORS_PAGE = 'https://github.com/tasker-fleet/tasker-fleet/blob/main/docs/reference/http-api.md#';

export interface FieldProblem {
  /** A JSON pointer into the body, or the name of a parameter. */
  pointer: string;
  detail: string;
}

/** Why a request was not done, as RFC 9457 has it. Never has a stack, a statement, or a name from inside of the database. */
export class Problem extends Error {
  readonly status: number;
  readonly code: ProblemCode;
  readonly errors: readonly FieldProblem[];
  readonly headers: Readonly<Record<string, string>>;
  /** Further members of the document. */
  readonly members: Readonly<Record<string, unknown>>;

  constructor(
    code: ProblemCode,
    detail: string,
    more: {
      errors?: readonly FieldProblem[];
      headers?: Readonly<Record<string, string>>;
      members?: Readonly<Record<string, unknown>>;
      cause?: unknown;
    } = {},
  ) {
    super(detail, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.status = PROBLEMS[code].status;
    this.errors = more.errors ?? [];
    this.headers = more.headers ?? {};
    this.members = more.members ?? {};
  }
}

/** Every code that an answer of the API can have. */
export const PROBLEMS = {
  REQUEST_INVALID: { status: 400, title: 'The request cannot be read' },
  CURSOR_INVALID: { status: 400, title: 'The cursor is none of this list' },
  UNAUTHENTICATED: { status: 401, title: 'Who asks is not known' },
  FORBIDDEN: { status: 403, title: 'Whoever asks may not do this' },
  READ_ONLY: { status: 403, title: 'This process of the API only reads' },
  NOT_FOUND: { status: 404, title: 'Not found' },
  WORKFLOW_UNKNOWN: { status: 404, title: 'There is no such workflow to submit to' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'The path has other methods' },
  REFUSED: { status: 409, title: 'Its state does not allow it' },
  REQUEST_IN_FLIGHT: { status: 409, title: 'A request with this Idempotency-Key is being worked on' },
  PRECONDITION_FAILED: { status: 412, title: 'It has changed since it was read' },
  BODY_TOO_LARGE: { status: 413, title: 'The body is too large' },
  MEDIA_TYPE_UNSUPPORTED: { status: 415, title: 'The body is of another type than this takes' },
  RANGE_UNSATISFIABLE: { status: 416, title: 'The document has no such part' },
  INPUT_INVALID: { status: 422, title: 'The input is not accepted' },
  IDEMPOTENCY_KEY_REUSED: { status: 422, title: 'The Idempotency-Key belongs to another request' },
  TOO_MANY_REQUESTS: { status: 429, title: 'Too many requests' },
  INTERNAL: { status: 500, title: 'An error of Tasker Fleet' },
  OVERLOADED: { status: 503, title: 'This process of the API has too much to do' },
  DRAINING: { status: 503, title: 'This process of the API is about to end' },
  QUERY_TOO_BROAD: { status: 503, title: 'The request read more than it may' },
  DATABASE_BUSY: { status: 503, title: 'The database, or the pool of this process, has no room now' },
  DATABASE_UNAVAILABLE: { status: 503, title: 'The database cannot be reached, or cannot write' },
  SCHEMA_OUTDATED: { status: 503, title: 'The database is not migrated as far as this version needs' },
  REPORT_UNAVAILABLE: { status: 503, title: 'The replica for reports cannot be read' },
  ARCHIVE_UNAVAILABLE: { status: 503, title: 'The archive cannot be read' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof PROBLEMS;

const RETRY_SOON = { headers: { 'retry-after': '1' } };

export const draining = (): Problem =>
  new Problem('DRAINING', 'this process of the API is about to end: ask again', RETRY_SOON);

/** Cancelled, or beyond the limit of temporary files. */
const TOO_BROAD = new Set(['57014', '53400']);

/** What whoever asked could do about a request that took too long: `isNarrowable` if it has filters. */
function ofTimeout(cause: unknown, isNarrowable: boolean): Problem {
  if (!isNarrowable)
    return new Problem('DATABASE_BUSY', 'the database did not respond in time: try again', { ...RETRY_SOON, cause });
  const detail = 'the time for this request was over: add a filter that has an index, or a narrower time';
  return new Problem('QUERY_TOO_BROAD', detail, { ...RETRY_SOON, cause });
}

/** What an error of a handler, of the engine or of the database means for whoever asked. `isNarrowable`: another filter would make the request read less. */
export function problemOf(error: unknown, isNarrowable = false): Problem {
  if (error instanceof Problem) return error;
  const code = taskerErrorCode(error);
  if (code !== undefined) return ofTasker(code, error as TaskerError);
  const {
    name,
    message,
    statusCode,
    code: nodeCode,
  } = (error ?? {}) as { name?: string; message?: string; statusCode?: number; code?: string };
  if (
    name === 'TimeoutError' ||
    name === 'AbortError' ||
    TOO_BROAD.has(sqlState(error) ?? '') ||
    message === 'Query read timeout'
  )
    return ofTimeout(error, isNarrowable);
  if (nodeCode === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new Problem(
      'BODY_TOO_LARGE',
      'the body is longer than TASKER_API_MAX_BODY_BYTES allows: send less, or in parts',
    );
  if (nodeCode === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return new Problem('MEDIA_TYPE_UNSUPPORTED', 'send the body with the header content-type: application/json');
  if (nodeCode === 'FST_ERR_BAD_URL')
    return new Problem('REQUEST_INVALID', 'the path has a % without two hexadecimal digits: write % itself as %25');
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return new Problem('REQUEST_INVALID', 'the request cannot be read', { cause: error });
  if (sqlState(error) === '42501')
    return new Problem('READ_ONLY', 'the database role of this process may not do this', { cause: error });
  // A character that no text of PostgreSQL has, a number out of range.
  if (isAboutValue(error))
    return new Problem('INPUT_INVALID', 'the request has a value that the database cannot take', { cause: error });
  if (isSchemaMissing(error)) return ofOutdated(error);
  // What connection errors say may contain addresses and names of roles.
  if (isBusy(error) || isSerializationFailure(error)) return ofBusy(error);
  if (isUnavailable(error) || isLoginRefused(error))
    return new Problem(
      'DATABASE_UNAVAILABLE',
      CANNOT_WRITE.has(sqlState(error) ?? '')
        ? 'the database cannot write now: try again'
        : 'the database cannot be reached: try again',
      { ...RETRY_SOON, cause: error },
    );
  return new Problem('INTERNAL', 'an unexpected error: the log has it under the request_id', { cause: error });
}

/** Read-only, a full disk, an error of the disk. */
const CANNOT_WRITE = new Set(['25006', '53100', '58030']);

const ofBusy = (cause: unknown): Problem =>
  new Problem('DATABASE_BUSY', 'the database, or the pool of this process, has no room now: try again', {
    ...RETRY_SOON,
    cause,
  });

const ofOutdated = (cause: unknown): Problem =>
  new Problem('SCHEMA_OUTDATED', 'the database is not migrated as far as this version needs', { cause });

function ofTasker(code: string, error: TaskerError): Problem {
  const { message, details } = error;
  switch (code) {
    case 'INPUT_INVALID': {
      const field = details['field'];
      if (field === 'cursor') return new Problem('CURSOR_INVALID', message, { cause: error });
      if (/^there is no task \d+$/.test(message)) return new Problem('NOT_FOUND', message, { cause: error });
      const issues = (details['issues'] ?? []) as readonly { path: string; message: string }[];
      const errors = issues.map((issue) => ({ pointer: pointerOf(issue.path), detail: issue.message }));
      // Names of a workflow's own schema are left as they are.
      const said = issues.length > 0 ? message : inWireWords(message);
      if (typeof field === 'string') errors.push({ pointer: pointerTo(field), detail: said });
      return new Problem('INPUT_INVALID', said, { errors, cause: error });
    }
    case 'WORKFLOW_UNKNOWN':
      return new Problem('WORKFLOW_UNKNOWN', message, { cause: error });
    case 'SCHEMA_OUTDATED':
      return ofOutdated(error);
    case 'REPORT_UNAVAILABLE':
      return new Problem('REPORT_UNAVAILABLE', 'the replica for reports cannot be read now', {
        ...RETRY_SOON,
        cause: error,
      });
    case 'ARCHIVE_UNAVAILABLE':
    case 'ARCHIVE_BUSY':
      return new Problem('ARCHIVE_UNAVAILABLE', 'the archive cannot be read now: try again', {
        ...RETRY_SOON,
        cause: error,
      });
    case 'DATABASE_BUSY':
      return ofBusy(error);
    case 'CLIENT_CLOSED':
      return draining();
    default:
      return new Problem('INTERNAL', 'an unexpected error: the log has it under the request_id', { cause: error });
  }
}

/** `taskIds[2]` as a JSON pointer. */
const pointerTo = (field: string): string => `/${snakeCased(field).replaceAll(/\[(\d+)\]/g, '/$1')}`;

/** Names of options of the client are members of a body or parameters here. What is quoted is a value. */
const inWireWords = (message: string): string =>
  message.replaceAll(/"(?:[^"\\]|\\.)*"|\b[a-z]+(?:[A-Z][a-z]+)+\b/g, (word) =>
    word.startsWith('"') ? word : snakeCased(word),
  );

/** What is wrong with a list's filter, by the names that its parameters have: a parameter that may be given several times is one. */
export function ofParameters(problem: Problem): Problem {
  if (problem.code !== 'INPUT_INVALID' || problem.errors.length === 0) return problem;
  const errors = problem.errors.map(({ pointer, detail }) => {
    const [, name = ''] = pointer.split('/');
    return { pointer: PARAMETERS[name] ?? name, detail: ofParameter(detail) };
  });
  return new Problem(problem.code, ofParameter(problem.message), { ...problem, errors });
}

const ofParameter = (detail: string): string =>
  detail.replace(/^(states|tags)(\[\d+\])?/, (_, name: string) => PARAMETERS[name] ?? name);

const PARAMETERS: Readonly<Record<string, string>> = { states: 'state', tags: 'tag' };

/** Fields of bodies are those of the client, in the words of the wire. */
const snakeCased = (field: string): string => field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** `lines[2].quantity` as a JSON pointer into the body of a submit. */
function pointerOf(path: string): string {
  const names = [...path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[\]]+)/g)].map(
    ([, quoted, index, plain]) => quoted ?? index ?? plain ?? '',
  );
  return ['/input', ...names.map((name) => name.replaceAll('~', '~0').replaceAll('/', '~1'))].join('/');
}

/** `traceId`: of the request, if it belongs to a trace. */
export function problemDocument(
  { code, status, message, errors, members }: Problem,
  requestId: string,
  traceId?: string,
): object {
  return {
    type: `${ERRORS_PAGE}${code.toLowerCase()}`,
    title: PROBLEMS[code].title,
    status,
    detail: message,
    code,
    ...(errors.length === 0 ? {} : { errors }),
    ...members,
    request_id: requestId,
    ...(traceId === undefined ? {} : { trace_id: traceId }),
  };
}
