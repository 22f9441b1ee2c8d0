import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import pg from 'pg';

/** Every class of PostgreSQL's appendix A, and an unknown one. */
const CLASSES =
  `00 01 02 03 08 09 0A 0B 0F 0L 0P 0Z 10 20 21 22 23 24 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F 40 42 44 53 54 55 57
  58 72 F0 HV P0 XX ZZ`.split(/\s+/);

const NOTABLE =
  `08003 08006 08P01 22003 22021 22P02 22P05 23502 23505 23514 25006 25P02 25P03 25P04 28P01 40001 40003 40P01 42501
  42703 42883 42P01 42P05 53100 53200 53300 53400 54001 54011 54023 55006 55P03 57014 57P01 57P02 57P03 57P04 57P05 58030
  58P01 P0001 XX001 XX002`.split(/\s+/);

export const SQLSTATES = [...new Set([...CLASSES.map((one) => `${one}000`), ...NOTABLE])];

/** Of the operating system and of libuv. */
const ERRNO = [
  ...new Set([...Object.keys(constants.errno), ...[...getSystemErrorMap().values()].map(([name]) => name)]),
];
const RESOLVER = `EAI_AGAIN EAI_FAIL EAI_NODATA EAI_NONAME EAI_SERVICE EAI_MEMORY ENOTFOUND ESERVFAIL ETIMEOUT`.split(
  ' ',
);
const TLS =
  `CERT_HAS_EXPIRED CERT_NOT_YET_VALID CERT_REVOKED CERT_UNTRUSTED UNABLE_TO_VERIFY_LEAF_SIGNATURE HOSTNAME_MISMATCH
  SELF_SIGNED_CERT_IN_CHAIN DEPTH_ZERO_SELF_SIGNED_CERT UNABLE_TO_GET_ISSUER_CERT UNABLE_TO_GET_ISSUER_CERT_LOCALLY
  CRL_HAS_EXPIRED INVALID_CA PATH_LENGTH_EXCEEDED ERR_TLS_CERT_ALTNAME_INVALID ERR_TLS_HANDSHAKE_TIMEOUT
  ERR_SSL_WRONG_VERSION_NUMBER ERR_SSL_TLSV1_ALERT_UNKNOWN_CA`.split(/\s+/);

const FILES = new Set('ENOENT EACCES EPERM'.split(' '));

function withCode(message: string, code: string, more: object = {}): Error {
  return Object.assign(new Error(message), { code, ...more });
}

/** An error that a server reported, as pg rejects with it. */
export function serverError(code: string): Error {
  const error = new pg.DatabaseError(`as if the server had reported ${code}`, 0, 'error');
  return Object.assign(error, { code, severity: 'ERROR' });
}

/** Every error with which a statement may reject, by name. */
export const THROWN: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ...SQLSTATES.map((code) => [code, serverError(code)] as const),
  ...ERRNO.map(
    (code) => [code, withCode(`connect ${code}`, code, FILES.has(code) ? { syscall: 'connect' } : {})] as const,
  ),
  ...[...RESOLVER, ...TLS].map((code) => [code, withCode(`as if ${code}`, code)] as const),
  ['pool time-out', new Error('timeout exceeded when trying to connect')],
  ['pool closed', new Error('Cannot use a pool after calling end on the pool')],
  ['driver: ended', new Error('Connection terminated unexpectedly')],
  ['driver: read time-out', new Error('Query read timeout')],
  ['driver: not queryable', new Error('Client has encountered a connection error and is not queryable')],
  ['driver: protocol', new Error('received invalid response: 48')],
  [
    'several addresses',
    Object.assign(new AggregateError([withCode('refused', 'ECONNREFUSED')]), { code: 'ECONNREFUSED' }),
  ],
  ['TypeError', new TypeError("Cannot read properties of undefined (reading 'rows')")],
  ['RangeError', new RangeError('Invalid string length')],
  ['plain object', { reason: 'none' }],
  ['object with a number for a code', { code: 23 }],
  ['string', '23505'],
  ['undefined', undefined],
  ['null', null],
]);

/** The errors which mean that the value itself cannot be stored. */
export const ABOUT_VALUES: ReadonlySet<string> = new Set(
  SQLSTATES.filter((code) => /^(22|23)/.test(code) || code === '54000'),
);

/** Set by the longer suites, which cover all errors. */
export const everyError = process.env['TASKER_TEST_EVERY_ERROR'] === '1';

const SAMPLE =
  `00000 08006 0A000 22P02 23505 25006 25P04 26000 28P01 3D000 40001 40P01 42P01 42P05 53200 53300 54000 54001 55P03 57014
  57P01 58030 P0001 XX000 ZZ000 ECONNREFUSED ECONNRESET ENETUNREACH EPIPE EMFILE EPROTO ENOENT E2BIG EAI_AGAIN EAI_FAIL
  CERT_HAS_EXPIRED`.split(/\s+/);

/** The errors that a test covers: all, or one of each family. */
export const NAMES: readonly string[] = everyError
  ? [...THROWN.keys()]
  : [...SAMPLE, ...[...THROWN.keys()].filter((name) => !/^[0-9A-Z_]+$/.test(name))];
