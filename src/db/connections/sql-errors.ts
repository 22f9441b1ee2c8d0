/**
 * What an error of a statement means for the one who sent it. Source: PostgreSQL appendix A.
 *
 * One rule decides whether an outcome may be given up: the database refused that very value (`isAboutValue`). Every other
 * error, known or not, is about the moment: keep what was to be written, and write it later.
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
const UNAVAILABLE = new Set(['25006', '25P03', '25P04', '55P03', '58000', '58030']);

/** What Node reports of a connection: libuv's and the resolver's codes. */
const NETWORK = new Set(
  `ECONNREFUSED ECONNRESET ECONNABORTED EPIPE ETIMEDOUT ENOTFOUND EHOSTUNREACH EHOSTDOWN ENETUNREACH ENETDOWN ENETRESET
   EADDRNOTAVAIL ENOTCONN ENOBUFS EPROTO EMFILE ENFILE ESHUTDOWN ETIME ENONET ECANCELED EDESTADDRREQ`.split(/\s+/),
);
/** A unix socket that is not there, or that nobody may open, has the code of a file; only the call says what it was. */
const NETWORK_CALLS = new Set(['connect', 'read', 'write', 'shutdown', 'getaddrinfo']);
const RESOLVER = /^EAI_[A-Z0-9]+$/;
const TLS =
  /^(ERR_TLS|ERR_SSL|CERT_|CRL_|ERROR_IN_C|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_CA|PATH_LENGTH_|HOSTNAME_)/;

/** Errors of a server that say that the transaction was rolled back; in these the server or its session ended, perhaps after the commit. */
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

/**
 * The database refused a value of this very statement: sent again it is refused again, whatever the moment. Class 54 beyond
 * 54000 is not among them: 54001 depends on the server's stack (see `mayBeAboutValue`), 54011 and 54023 on the statement.
 */
export function isAboutValue(error: unknown): boolean {
  const code = sqlState(error);
  return isFromServer(code) && (VALUE_CLASSES.has(code.slice(0, 2)) || code === VALUE_TOO_LARGE);
}

/** As `isAboutValue`, or so if the same value alone is refused in the same way by a statement that does nothing else. */
export function mayBeAboutValue(error: unknown): boolean {
  return isAboutValue(error) || sqlState(error) === TOO_COMPLEX;
}

/** A deadlock or serialization failure: the transaction was rolled back whole and may be run again as it is. */
export function isSerializationFailure(error: unknown): boolean {
  return SERIALIZATION.has(sqlState(error) ?? '');
}

/**
 * A table, column, function or right that this version expects is not there (yet, or any more): a migration is under way or
 * was taken back. It says nothing about the values of the statement, which was rolled back whole.
 */
export function isSchemaMismatch(error: unknown): boolean {
  return SCHEMA_MISMATCH.has(sqlState(error) ?? '');
}

/** The server refused the user or the password. */
export function isLoginRefused(error: unknown): boolean {
  return LOGIN_REFUSED.has(sqlState(error) ?? '');
}

/** The server or the way to it is gone, full, starting, stopping or read-only: wait, reconnect, try again. */
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

/** A table, column or schema is not there: the database is not migrated, or not as far as this version needs. */
export function isSchemaMissing(error: unknown): boolean {
  return SCHEMA_MISSING.has(sqlState(error) ?? '');
}

/**
 * Whether a smaller batch may succeed if this error comes again: one value may be to blame, or the size (a time limit, memory).
 * Not if no statement of any size could have succeeded.
 */
export function mayFitSmaller(error: unknown): boolean {
  const code = sqlState(error);
  if (code === '53200' || code === '53400' || code === '25P04') return true;
  // The driver's own time limit for one answer (pg's query_timeout), which has no code.
  if (code === undefined && error instanceof Error && error.message === 'Query read timeout') return true;
  return !isUnavailable(error) && !isSchemaMismatch(error) && !isLoginRefused(error) && code !== '3D000';
}

/**
 * True unless the server itself said that the statement was rolled back: whether it committed is unknown, so it may only be
 * repeated if it is keyed by an id of the client (a claim id, an identity hash).
 */
export function isOutcomeUnknown(error: unknown): boolean {
  const code = sqlState(error);
  if (!isFromServer(code)) return true;
  return UNKNOWN.has(code) || UNKNOWN_CLASSES.some((prefix) => code.startsWith(prefix));
}

/**
 * Whether a session that an error came from is worth keeping: the statement was refused for its values, or lost a race. After
 * anything else a new session may succeed where this one never will (one that became read-only, lost its prepared statements,
 * or was terminated).
 */
export function mayKeepSession(error: unknown): boolean {
  return isAboutValue(error) || isSerializationFailure(error);
}

/** A text has a character that the encoding of the database lacks: untranslatable_character, character_not_in_repertoire. */
export function isNotInEncoding(error: unknown): boolean {
  const code = sqlState(error);
  return code === '22P05' || code === '22021';
}
