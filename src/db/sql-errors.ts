/** Which failures of a statement say something about the moment and not about the statement. Source: PostgreSQL appendix A. */

const SERIALIZATION = new Set(['40001', '40P01']);
const SCHEMA_MISSING = new Set(['42P01', '42703', '3F000']);
const SCHEMA_MISMATCH = new Set([...SCHEMA_MISSING, '42883', '42501', '0A000']);
const UNAVAILABLE_CLASSES = ['08', '53', '57P'];
const UNAVAILABLE = new Set(['25006', '25P03', '55P03', '58000', '58030']);
const SOCKET = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH']);

export function sqlState(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : undefined;
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

/**
 * The database refused the very values of the statement: data exceptions (class 22), constraints (23), a limit of the format
 * (54000). Repeated as it is, it would be refused again.
 */
export function isAboutTheValue(error: unknown): boolean {
  return /^(22|23)...$|^54000$/.test(sqlState(error) ?? '');
}

/** The server or the way to it is gone, full, starting, stopping or read-only: wait, reconnect, try again. */
export function isUnavailable(error: unknown): boolean {
  const code = sqlState(error);
  if (code !== undefined) {
    return UNAVAILABLE.has(code) || SOCKET.has(code) || UNAVAILABLE_CLASSES.some((prefix) => code.startsWith(prefix));
  }
  return error instanceof Error && /connection|timeout|terminat|socket|closed the connection/i.test(error.message);
}

/** A table, column or schema is not there: the database is not migrated, or not as far as this version needs. */
export function isSchemaMissing(error: unknown): boolean {
  return SCHEMA_MISSING.has(sqlState(error) ?? '');
}

/**
 * True where a connection broke while a statement was under way: whether it committed is unknown, so it may only be
 * repeated if it is keyed by an id of the client (a claim id, an identity hash).
 */
export function isOutcomeUnknown(error: unknown): boolean {
  const code = sqlState(error);
  if (code === undefined) return isUnavailable(error);
  return SOCKET.has(code) || code.startsWith('08') || code === '57P01' || code === '57P02' || code === '40003';
}

/** A text has a character that the encoding of the database lacks: untranslatable_character, character_not_in_repertoire. */
export function isNotInEncoding(error: unknown): boolean {
  const code = sqlState(error);
  return code === '22P05' || code === '22021';
}
