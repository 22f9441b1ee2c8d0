import pg from 'pg';
import { afterAll, describe, expect, it } from 'vitest';
import { problemOf } from '../../src/api/problem.ts';
import { DatabaseBusyError } from '../../src/errors.ts';
import { diamond } from '../engine/engine-fixture.ts';
import { THROWN } from '../errors/thrown.ts';
import { waitFor } from '../support/wait-for.ts';
import { useApi } from './api-fixture.ts';

const fixture = await useApi({ poolSize: '1', connectTimeoutMs: '300' });
const holders: pg.Client[] = [];
afterAll(() => Promise.all(holders.map((client) => client.end())));

describe('an error of the database is a problem that says what passes', () => {
  const codesOf = (names: string, isNarrowable = false): (string | undefined)[] =>
    names.split(' ').map((name) => problemOf(THROWN.get(name), isNarrowable).code);

  it.each([
    ['DATABASE_BUSY', '53300 53200 55P03 25P04 40001 40P01'],
    ['DATABASE_UNAVAILABLE', 'ECONNREFUSED 57P01 57P03 28P01 25006 53100 CERT_HAS_EXPIRED'],
    ['SCHEMA_OUTDATED', '42P01 42703'],
    ['INPUT_INVALID', '22P02 22021'],
  ])('%s', (code, names) => {
    // A request that another filter would make cheaper; of any other one it is the database that is slow.
    expect(codesOf(names, code === 'QUERY_TOO_BROAD')).toEqual(names.split(' ').map(() => code));
  });

  it.each(['57014', '53400'])(
    'of a statement that took too long: %s, by whether another filter would read less',
    (name) => {
      expect(problemOf(THROWN.get(name), true).code).toBe('QUERY_TOO_BROAD');
      expect(problemOf(THROWN.get(name), false).code).toBe('DATABASE_BUSY');
    },
  );

  it('and says nothing of the inside', () => {
    const problem = problemOf(new DatabaseBusyError('this pool has 6, all in use', { poolSize: 6 }));
    expect(problem).toMatchObject({ status: 503, code: 'DATABASE_BUSY', headers: { 'retry-after': '1' } });
    expect(problem.message).not.toContain('6');
  });
});

it('requests that wait for the pool of the API are asked to come again: the database can be reached', async () => {
  const workflow = await fixture.workflow(diamond);
  const [first, second] = [await fixture.submitOne(workflow, {}), await fixture.submitOne(workflow, {})];
  const key = await fixture.key();
  // The key is known, and the one session is open.
  expect((await fixture.call('GET', `/v1/tasks/${first}`, { key })).status).toBe(200);
  const holder = new pg.Client({ connectionString: fixture.test.url });
  holders.push(holder);
  await holder.connect();
  await holder.query('BEGIN; LOCK TABLE tasker.tasker_tasks IN ACCESS EXCLUSIVE MODE');
  const held = fixture.call('GET', `/v1/tasks/${first}`, { key });
  await waitFor(
    async () => {
      const waiting = await holder.query(
        `SELECT FROM pg_locks WHERE NOT granted AND relation = 'tasker.tasker_tasks'::regclass`,
      );
      return waiting.rows.length > 0;
    },
    { what: 'a request that holds the session' },
  );
  const refused = await fixture.call('GET', `/v1/tasks/${second}`, { key });
  await holder.query('ROLLBACK');
  expect(refused).toMatchObject({ status: 503, body: { code: 'DATABASE_BUSY' } });
  expect(refused.headers.get('retry-after')).toBe('1');
  expect((await held).status).toBe(200);
  expect((await fixture.call('GET', `/v1/tasks/${second}`, { key })).status).toBe(200);
});
