/**
 * What an error of a statement means for its sender. Source: PostgreSQL appendix A.
 *
 * One rule decides whether an outcome may be given up: the database refused that very value (`isAboutValue`). Every other
 * error, also an unknown one, is about the moment: keep what was to be written, and write it later.
 */

/** Data exception and integrity constraint violation: raised for a value of the statement, never for the server's state. */
const VALUE_CLASSES = new Set(['22', '23']);
/** A limit that one value exceeds: text too long for jsonb, an array or an index entry too large. */
const VALUE_TOO_LARGE = '54000';
/** Nested too deep for the server's stack. Of our constant statements only a value can be, but the stack is a setting. */
const TOO_COMPLEX = '54001';

const SERIALIZATION = new Set(['40001', '40P01']);
const SCHEMA_MISSING = new Set(['42P01', '42703', '3F000']);
const SCHEMA_MISMATCH = new Set([...SCHEMA_MISSING, '42883', '42501', '0A000']);
const LOGIN_REFUSED = new Set(['28000', '28P01']);
const UNAVAILABLE_CLASSES = ['08', '53', '57P'];
const UNAVAILABLE = new Set(['25006', '25P03', '25P04', '55P03', '58000', '58030', 'DATABASE_BUSY']);
/** No session or memory left, a lock that was not had in time, a transaction that took too long; and a pool of this process, whose error is of the catalogue. */
const BUSY = new Set(['25P03', '25P04', '53000', '53200', '53300', '55P03', 'DATABASE_BUSY']);
/** Of PgBouncer: it has no sessions left, or none for this client in time. Its errors share one SQLSTATE. */
const POOLER_BUSY = /query_wait_timeout|no more connections allowed|too many connections/i;

/** Node's codes of connection errors: those of libuv and of the resolver. */
const NETWORK = new Set(
  `ECONNREFUSED ECONNRESET ECONNABORTED EPIPE ETIMEDOUT ENOTFOUND EHOSTUNREACH EHOSTDOWN ENETUNREACH ENETDOWN ENETRESET
   EADDRNOTAVAIL ENOTCONN ENOBUFS EPROTO EMFILE ENFILE ESHUTDOWN ETIME ENONET ECANCELED EDESTADDRREQ`.split(/\s+/),
);
/** The error of a missing or forbidden unix socket has the code of a file error; only its system call tells them apart. */
const NETWORK_CALLS = new Set(['connect', 'read', 'write', 'shutdown', 'getaddrinfo']);
const RESOLVER = /^EAI_[A-Z0-9]+$/;
const TLS =
  /^(ERR_TLS|ERR_SSL|CERT_|CRL_|ERROR_IN_C|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_CA|PATH_LENGTH_|HOSTNAME_)/;

/** An error of the server means that the transaction was rolled back, except these: the server or its session ended, perhaps after the commit. */
const UNKNOWN_CLASSES = ['08', '57P', '58', 'XX'];
const UNKNOWN = new Set(['25P03', '25P04', '40003']);

export function sqlState(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** Five characters with a digit among them. Of Node's codes only E2BIG has that form, and no class of PostgreSQL begins with E. */
function isFromServer(code: string | undefined): code is string {
  return code !== undefined && /^(?=.*\d)[0-9A-DF-Z][0-9A-Z]{4}$/.test(code);
}

export interface ReportedState {
  readonly code: string;
  readonly message: string;
  /** The error of the driver, if the library passed it on. */
  readonly error?: Error;
}

/**
 * The SQLSTATE in an error of a library that wraps those of its driver: as `cause` (Drizzle, MikroORM), `driverError` (TypeORM), or as a
 * description (Prisma, whose own codes P1000 to P9999 are none). Undefined if the database reported nothing.
 */
export function reportedState(error: unknown, depth = 0): ReportedState | undefined {
  if (typeof error !== 'object' || error === null || depth > 5) return undefined;
  const { message, meta, cause, driverError, driverAdapterError, originalCode, originalMessage } = error as Record<
    string,
    unknown
  >;
  const code = sqlState(error);
  if (isFromServer(code) && !/^P[1-9]/.test(code))
    return { code, message: String(message), ...(error instanceof Error ? { error } : {}) };
  if (typeof originalCode === 'string') return { code: originalCode, message: String(originalMessage ?? message) };
  for (const inner of [driverError, cause, driverAdapterError, meta]) {
    const found = reportedState(inner, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * The database refused a value of this very statement: sent again at any time, it is refused again. Class 54 except 54000 does not
 * count: 54001 depends on the server's stack (see `mayBeAboutValue`), 54011 and 54023 on the statement.
 */
export function isAboutValue(error: unknown): boolean {
  const code = sqlState(error);
  return isFromServer(code) && (VALUE_CLASSES.has(code.slice(0, 2)) || code === VALUE_TOO_LARGE);
}

/** As `isAboutValue`, and also errors that are about the value only if a statement with this value alone fails in the same way. */
export function mayBeAboutValue(error: unknown): boolean {
  return isAboutValue(error) || sqlState(error) === TOO_COMPLEX;
}

/** A deadlock or serialization failure: all of the transaction was rolled back, and it may be run again as it is. */
export function isSerializationFailure(error: unknown): boolean {
  return SERIALIZATION.has(sqlState(error) ?? '');
}

/**
 * A table, column, function or right that this version expects is missing: a migration is under way or was taken back. The error is
 * not about the values of the statement, and all of the statement was rolled back.
 */
export function isSchemaMismatch(error: unknown): boolean {
  return SCHEMA_MISMATCH.has(sqlState(error) ?? '');
}

/** The server refused the user or the password. */
export function isLoginRefused(error: unknown): boolean {
  return LOGIN_REFUSED.has(sqlState(error) ?? '');
}

/** The database was reached and has no room at the moment; so has a pool of this process. A part of what `isUnavailable` is true for. */
export function isBusy(error: unknown): boolean {
  const code = sqlState(error);
  return BUSY.has(code ?? '') || (code === '08P01' && POOLER_BUSY.test((error as Error).message));
}

/** The server cannot be reached, or is full, starting, stopping or read-only, or the pool is in use: wait, reconnect, try again. */
export function isUnavailable(error: unknown): boolean {
  const code = sqlState(error);
  if (code !== undefined) {
    return (
      UNAVAILABLE.has(code) ||
      isNetworkError(error, code) ||
      (isFromServer(code) && UNAVAILABLE_CLASSES.some((prefix) => code.startsWith(prefix)))
    );
  }
  return error instanceof Error && /connection|timeout|terminat|socket|closed the connection/i.test(error.message);
}

function isNetworkError(error: unknown, code: string): boolean {
  if (NETWORK.has(code) || RESOLVER.test(code) || TLS.test(code)) return true;
  const call = (error as { syscall?: unknown }).syscall;
  return code.startsWith('E') && typeof call === 'string' && NETWORK_CALLS.has(call);
}

/** A table, column or schema is missing: the database is not migrated, or not as far as this version needs. */
export function isSchemaMissing(error: unknown): boolean {
  return SCHEMA_MISSING.has(sqlState(error) ?? '');
}

/**
 * Whether a smaller batch may succeed if this error comes again: the cause may be one value, or the size (a time limit, memory).
 * False if no statement of any size could have succeeded.
 */
export function mayFitSmaller(error: unknown): boolean {
  const code = sqlState(error);
  if (code === '53200' || code === '53400' || code === '25P04') return true;
  // The driver's own time limit for one statement (pg's query_timeout), which has no code.
  if (code === undefined && error instanceof Error && error.message === 'Query read timeout') return true;
  return !isUnavailable(error) && !isSchemaMismatch(error) && !isLoginRefused(error) && code !== '3D000';
}

/**
 * True unless the server itself reported that the statement was rolled back. It is then unknown whether it committed, so it may
 * only be repeated if it is keyed by an id of the client (a claim id, an identity hash).
 */
export function isOutcomeUnknown(error: unknown): boolean {
  const code = sqlState(error);
  if (!isFromServer(code)) return true;
  return UNKNOWN.has(code) || UNKNOWN_CLASSES.some((prefix) => code.startsWith(prefix));
}

/**
 * Whether a session may be kept after this error: the statement was refused for its values, or lost a race. After any other error
 * a new session may succeed although this one never will (it became read-only, lost its prepared statements, or was terminated).
 */
export function mayKeepSession(error: unknown): boolean {
  return isAboutValue(error) || isSerializationFailure(error);
}

/** A text has a character that the encoding of the database lacks: untranslatable_character, character_not_in_repertoire. */
export function isNotInEncoding(error: unknown): boolean {
  const code = sqlState(error);
  return code === '22P05' || code === '22021';
}
