import pg from 'pg';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../src/client/client.ts';
import { openHeartbeatConnection } from '../../src/db/connections/heartbeat-connection.ts';
import { isSchemaMissing } from '../../src/db/connections/sql-errors.ts';
import { examine } from '../../src/db/doctor/examine.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from '../engine/engine-fixture.ts';
import { first } from '../support/first.ts';
import { everyError, NAMES, THROWN } from './thrown.ts';

const engine = await useEngine();
const workflow = defineWorkflow({ name: 'steered', identity: 'caller_key', input: z.unknown() }).step('a', () => 1);
const workflowId = await engine.workflow(workflow);
const client = createClient({
  url: engine.test.url,
  poolSize: 2,
  preparedStatements: engine.test.directUrl !== undefined,
  notify: false,
});
afterAll(() => client.close());

/** The errors with which the next statements of the driver reject. */
const toThrow: { thrown: unknown }[] = [];

type Query = (this: pg.Client, ...args: unknown[]) => unknown;
const query = pg.Client.prototype.query as unknown as Query;

function failing(this: pg.Client, ...args: unknown[]): unknown {
  const text = typeof args[0] === 'string' ? args[0] : (args[0] as { text: string }).text;
  // Beginnings and ends of transactions do not fail here, and there is no LISTEN.
  const next = /^(BEGIN|COMMIT|ROLLBACK)/.test(text) ? undefined : toThrow.shift();
  if (next === undefined) return query.apply(this, args);
  const callback = args.findLast((arg) => typeof arg === 'function') as ((error: unknown) => void) | undefined;
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a driver may reject with any value
  if (callback === undefined) return Promise.reject(next.thrown);
  setImmediate(() => callback(next.thrown));
  return undefined;
}

/** Few, because each costs a session. */
const SAMPLE = `22P02 25006 26000 28P01 40001 57014 57P01 XX000 ECONNRESET EMFILE CERT_HAS_EXPIRED`.split(' ');
/** Without undefined and null, which a callback takes for no error. */
const names = everyError
  ? NAMES.filter((name) => name !== 'undefined' && name !== 'null')
  : [...SAMPLE, 'pool time-out', 'driver: read time-out', 'plain object', 'string'];

beforeEach(() => {
  (client.db.pool as unknown as { options: { Client: typeof pg.Client } }).options.Client.prototype.query =
    failing as unknown as typeof pg.Client.prototype.query;
  return () => {
    pg.Client.prototype.query = query as unknown as typeof pg.Client.prototype.query;
  };
});

/** The first call meets the error; the second must have the whole effect, and the pool must not keep the session. */
async function twice<T>(name: string, verb: () => Promise<T>): Promise<T> {
  toThrow.push({ thrown: THROWN.get(name) });
  const firstCall = await verb().then(
    () => 'nothing thrown',
    () => 'thrown',
  );
  expect([name, toThrow.length]).toEqual([name, 0]);
  // The verb itself tries again after a serialization failure or a deadlock.
  expect([name, firstCall]).toEqual([name, /^40(001|P01)$/.test(name) ? 'nothing thrown' : 'thrown']);
  return firstCall === 'thrown' ? verb() : (undefined as T);
}

const lastTransition = async (taskId: string): Promise<unknown> =>
  (
    await engine.test.query(
      `SELECT s.state, s.attempts, t.cause,
         (SELECT count(*)::integer FROM tasker.tasker_workflow_step_transitions o WHERE o.task_id = s.task_id AND o.cause = t.cause) AS times
       FROM tasker.tasker_workflow_steps s
       JOIN tasker.tasker_workflow_step_transitions t ON t.task_id = s.task_id AND t.most_recent
       WHERE s.task_id = $1`,
      [taskId],
    )
  )[0];

describe('after an error of any kind, a second call has the whole effect, once', () => {
  it('submit', async () => {
    await client.register(workflow);
    for (const name of names) {
      await twice(name, () => client.submit(workflow, {}, { key: name }));
      expect((await client.submit(workflow, {}, { key: name })).outcome).toBe('existing');
    }
    await engine.test.query(`UPDATE tasker.tasker_workflow_steps SET queue = 'elsewhere'`);
  });

  const VERBS: Record<string, { prepare?: 'fail' | 'claim'; act: (taskId: string) => Promise<unknown>; left: object }> =
    {
      cancel: {
        act: (taskId) => client.cancel(taskId),
        left: { state: 'cancelled', attempts: 0, cause: 'cancel', times: 1 },
      },
      retry: {
        prepare: 'fail',
        act: (taskId) => client.retry(taskId),
        left: { state: 'pending', attempts: 1, cause: 'operator_retry', times: 1 },
      },
      resolve: {
        prepare: 'fail',
        act: (taskId) => client.resolveStep(taskId, 'a'),
        left: { state: 'resolved_manually', attempts: 1, cause: 'operator_resolve', times: 1 },
      },
      release: {
        prepare: 'claim',
        act: (taskId) => client.releaseStep(taskId, 'a', { force: true }),
        left: { state: 'pending', attempts: 0, cause: 'released', times: 1 },
      },
    };

  it('cancel, retry, resolve and release', async () => {
    const worker = await engine.worker(600);
    const found: unknown[] = [];
    const wanted: unknown[] = [];
    const verbs = Object.keys(VERBS);
    // Each error costs a session, so not every verb meets every error: the verbs take turns.
    for (const [index, name] of names.entries()) {
      const verb = verbs[index % verbs.length] as string;
      const { prepare, act, left } = VERBS[verb] as (typeof VERBS)[string];
      const taskId = await engine.submitOne(workflowId);
      const steps = prepare === undefined ? [] : await worker.claim();
      if (prepare === 'fail') await worker.fail(first(steps), { permanent: true });
      await twice(name, () => act(taskId));
      found.push([name, verb, await lastTransition(taskId)]);
      wanted.push([name, verb, left]);
      // The next claim must not find this step.
      if ((left as { state: string }).state === 'pending') await client.cancel(taskId);
    }
    expect(found).toEqual(wanted);
    expect(await examine(engine.db)).toEqual([]);
  });

  it('heartbeat', async () => {
    const worker = await engine.worker(600);
    const connection = openHeartbeatConnection({
      url: engine.test.url,
      schema: 'tasker',
      applicationName: 'test heartbeat',
      sessionLocks: null,
      timeoutMs: 5000,
      onError: () => undefined,
    });
    for (const name of names) {
      toThrow.push({ thrown: THROWN.get(name) });
      const firstTry = connection.renewLease(worker.id, 0, false);
      // What an earlier schema does not have is left out.
      if (isSchemaMissing(THROWN.get(name))) expect(await firstTry).toMatchObject({ pauses: null });
      else await expect(firstTry).rejects.toBe(THROWN.get(name));
      expect(await connection.renewLease(worker.id, 0, false)).toMatchObject({ pauses: null });
    }
    await connection.close();
  });
});

it('a session of the client that became read-only fails once and is replaced', async () => {
  const tasks: string[] = [];
  for (let index = 0; index < 4; index += 1) tasks.push(await engine.submitOne(workflowId));
  // Both existing sessions are read-only and new ones are not: the state after a failover behind one name.
  const sessions = await Promise.all([client.db.pool.connect(), client.db.pool.connect()]);
  for (const session of sessions) await session.query('SET default_transaction_read_only = on');
  for (const session of sessions) session.release();
  const outcomes: string[] = [];
  for (const taskId of tasks)
    outcomes.push(
      await client.cancel(taskId).then(
        ({ outcome }) => outcome,
        (error: { code: string }) => error.code,
      ),
    );
  expect(outcomes).toEqual(['25006', '25006', 'cancelled', 'cancelled']);
});
