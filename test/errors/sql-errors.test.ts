import { expect, it } from 'vitest';
import {
  isAboutValue,
  isBusy,
  isLoginRefused,
  isOutcomeUnknown,
  isUnavailable,
  mayFitSmaller,
} from '../../src/db/connections/sql-errors.ts';
import { ABOUT_VALUES, serverError, SQLSTATES, THROWN } from './thrown.ts';

const namesOf = (condition: (error: unknown) => boolean): string[] =>
  [...THROWN].filter(([, error]) => condition(error)).map(([name]) => name);

it('an error is about the value only if its SQLSTATE is of class 22 or 23, or is 54000', () => {
  expect(namesOf(isAboutValue)).toEqual([...ABOUT_VALUES]);
});

it('the outcome of a statement is known only if the server reported that it did not commit', () => {
  const known = namesOf((error) => !isOutcomeUnknown(error));
  expect(known.every((name) => SQLSTATES.includes(name))).toBe(true);
  expect(SQLSTATES.filter((code) => !known.includes(code))).toEqual(
    SQLSTATES.filter((code) => /^(08|57P|58|XX|25P03|25P04|40003)/.test(code)),
  );
});

it('every failure of the network, of TLS and of the pool means that the database is unavailable', () => {
  const codes =
    'ECONNREFUSED ENETUNREACH EHOSTDOWN ECONNABORTED EADDRNOTAVAIL EAI_FAIL EMFILE EPROTO ENOENT CERT_HAS_EXPIRED'.split(
      ' ',
    );
  for (const name of [...codes, 'pool time-out', 'several addresses', '25006', '57P01', '53300'])
    expect([name, isUnavailable(THROWN.get(name))]).toEqual([name, true]);
  for (const name of ['57014', 'XX000', '22P02', 'TypeError', 'string', 'ZZ000'])
    expect([name, isUnavailable(THROWN.get(name))]).toEqual([name, false]);
  // An error about a file or a port of the process itself is no error of the database.
  expect(isUnavailable(Object.assign(new Error('open'), { code: 'ENOENT', syscall: 'open' }))).toBe(false);
  expect(isUnavailable(Object.assign(new Error('listen'), { code: 'EADDRINUSE', syscall: 'listen' }))).toBe(false);
});

it('a batch is split after errors that one value or its size may cause, and kept whole while nothing can be written', () => {
  for (const name of ['57014', 'XX000', '53200', 'driver: read time-out', '40P01', 'RangeError', '54001', 'P0001'])
    expect([name, mayFitSmaller(THROWN.get(name))]).toEqual([name, true]);
  for (const name of ['ECONNREFUSED', '57P01', '25006', '42P01', '28P01', '3D000', 'CERT_HAS_EXPIRED', 'pool time-out'])
    expect([name, mayFitSmaller(THROWN.get(name))]).toEqual([name, false]);
  expect(namesOf(isLoginRefused)).toEqual(['28000', '28P01']);
});

it('a database without room is busy, which is a part of unavailable; what cannot be reached, is read-only or ends is not', () => {
  expect(namesOf(isBusy)).toEqual(['53000', '25P03', '25P04', '53200', '53300', '55P03']);
  expect(namesOf((error) => isBusy(error) && !isUnavailable(error))).toEqual([]);
  const pooler = (message: string): Error => Object.assign(serverError('08P01'), { message });
  for (const message of ['query_wait_timeout', 'no more connections allowed (max_client_conn)'])
    expect(isBusy(pooler(message))).toBe(true);
  expect(isBusy(pooler('invalid message format'))).toBe(false);
});
