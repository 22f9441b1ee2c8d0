import { isBusy, isSchemaMissing, isUnavailable, sqlState } from './sql-errors.ts';

/** What an operator should know about an error of the database, of the connection to it, or of the driver. */
export interface DescribedError {
  /** One line: what is wrong and what to do. Never a stack, never a connection string. */
  readonly line: string;
  /** The database cannot be reached, or not with these settings: the request itself may be right. */
  readonly unavailable: boolean;
}

const READ_ONLY =
  'the database is read-only: is DATABASE_URL a replica, is a failover under way, or is default_transaction_read_only set?';
const POOLER =
  'this looks like a transaction pooler: set TASKER_POOLED=true (and DATABASE_URL_DIRECT to the server itself)';

/** By SQLSTATE. `message` is the server's. */
const STATES: Readonly<Record<string, (message: string) => string>> = {
  '25006': (message) => `${READ_ONLY} (${message})`,
  '26000': (message) => `${POOLER} (${message})`,
  '42P05': (message) => `${POOLER} (${message})`,
  '28P01': (message) => `the database refuses the login: ${message}; check user and password of DATABASE_URL`,
  '28000': (message) =>
    `the database refuses the login: ${message}; ${
      /no encryption|SSL off/i.test(message)
        ? 'it requires TLS: add sslmode=verify-full to DATABASE_URL, or allow this host in pg_hba.conf'
        : 'check the role, and whether pg_hba.conf lets it in from here'
    }`,
  '3D000': (message) => `${message}: create it, or name another in DATABASE_URL`,
  '53300': (message) => `the server has no connection left: ${message}; \`tasker doctor --connections\` does the sum`,
  '57014': (message) => `a statement was cut short: ${message}`,
  '42501': (message) =>
    `the role lacks a right: ${message}; see "Rights" in docs/operations/deploying.md for what it needs`,
};

const CERTIFICATE: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'the certificate of the server has expired: renew it',
  CERT_NOT_YET_VALID: 'the certificate of the server is not valid yet: compare the clocks',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate of the server is for another host name: connect by a name that it has',
};
/** Not signed by a CA that Node trusts. */
const UNKNOWN_ISSUER = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

/** Messages of the driver, for errors without a code. */
const DRIVER: readonly (readonly [RegExp, string])[] = [
  [/client password must be a (non-empty )?string/i, 'the server requires a password and DATABASE_URL has none'],
  [
    /does not support SSL/i,
    'the server has no TLS, and DATABASE_URL asks for it: turn it on there, or take sslmode out',
  ],
  [
    /sslmode=verify-ca requires/i,
    'sslmode=verify-ca needs sslrootcert= in DATABASE_URL: the file with the certificate of the CA',
  ],
];

/** Undefined for an error that does not come from the database, the connection or the driver. */
export function describeDatabaseError(error: unknown): DescribedError | undefined {
  const { code, message } = essence(error);
  const certificate = CERTIFICATE[code];
  if (certificate !== undefined) return unavailable(`${certificate} (${message})`);
  if (UNKNOWN_ISSUER.has(code)) {
    return unavailable(
      `the certificate of the server is from a CA that is not known here (${message}): add sslrootcert=/path/to/ca.crt to DATABASE_URL`,
    );
  }
  // A unix socket that does not exist, or that this user may not open.
  if ((code === 'ENOENT' || code === 'EACCES') && (error as { syscall?: unknown }).syscall === 'connect') {
    return unavailable(`the database cannot be reached: ${message}`);
  }
  const state = STATES[code];
  if (state !== undefined) return { line: state(message), unavailable: code !== '42501' };
  if (isSchemaMissing(error)) {
    return {
      line: `the database lacks what this version needs (${message}): run tasker migrate up`,
      unavailable: false,
    };
  }
  for (const [pattern, line] of DRIVER) if (pattern.test(message)) return unavailable(`${line} (${message})`);
  if (isBusy(error)) return unavailable(`the database is busy: ${message}`);
  if (isUnavailable(error)) return unavailable(`the database cannot be reached: ${message}`);
  if (/^(ERR_SSL|ERR_TLS|CERT_|EPROTO$)/.test(code)) return unavailable(`TLS with the database failed: ${message}`);
  if (isServerError(error))
    return { line: `the database refused a statement: ${message} (SQLSTATE ${code})`, unavailable: false };
  return undefined;
}

const unavailable = (line: string): DescribedError => ({ line, unavailable: true });

/** A host with several addresses fails with one error for each address, and without a message of its own. */
function essence(error: unknown): { code: string; message: string } {
  const inner = error instanceof AggregateError ? (error.errors as unknown[]) : [];
  const messages = [error, ...inner]
    .map((one) => (one instanceof Error ? one.message : String(one)))
    .filter((text) => text !== '');
  return {
    code: sqlState(error) ?? sqlState(inner[0]) ?? '',
    message: [...new Set(messages)].join('; ').replaceAll(/\s*\n\s*/g, ' '),
  };
}

function isServerError(error: unknown): boolean {
  return /^[\dA-Z]{5}$/.test(sqlState(error) ?? '') && typeof (error as { severity?: unknown }).severity === 'string';
}
