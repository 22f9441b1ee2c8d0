import type { Problem } from './operations.ts';

/**
 * Of a problem that the API returned; `UNREACHABLE`: nothing came back; `TIMEOUT`: it did not in time; `NOT_THE_API`: what came back is of
 * something else, such as a proxy.
 */
export type ApiErrorCode = Problem['code'] | 'UNREACHABLE' | 'TIMEOUT' | 'NOT_THE_API';

/** Why a request was not done. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ApiErrorCode;
  /** Of HTTP; 0: there was no response. */
  readonly status: number;
  /** What is wrong with the request, by a JSON pointer into its body or the name of a parameter. */
  readonly errors: readonly { pointer: string; detail: string }[];
  /** Under which the log of the API has it. */
  readonly requestId: string | undefined;
  /** The whole document (RFC 9457): a refused act has more members, such as `outcome` and `state`. */
  readonly problem: Readonly<Record<string, unknown>>;

  constructor(
    code: ApiErrorCode,
    message: string,
    given: { status?: number; problem?: Readonly<Record<string, unknown>>; cause?: unknown } = {},
  ) {
    super(message, given.cause === undefined ? undefined : { cause: given.cause });
    const { status = 0, problem = {} } = given;
    this.code = code;
    this.status = status;
    this.problem = problem;
    this.errors = Array.isArray(problem['errors']) ? (problem['errors'] as ApiError['errors']) : [];
    this.requestId = typeof problem['request_id'] === 'string' ? problem['request_id'] : undefined;
  }
}

/** The error that a response is. */
export function errorOf(status: number, text: string): ApiError {
  let problem: Record<string, unknown> = {};
  try {
    const read: unknown = JSON.parse(text);
    if (typeof read === 'object' && read !== null) problem = read as Record<string, unknown>;
  } catch {
    // A page of a proxy.
  }
  const { code, detail } = problem;
  if (typeof code === 'string' && typeof detail === 'string' && problem['status'] === status)
    return new ApiError(code as ApiErrorCode, detail, { status, problem });
  return new ApiError('NOT_THE_API', `status ${status}, and no problem of the API: ${text.slice(0, 200)}`, { status });
}
