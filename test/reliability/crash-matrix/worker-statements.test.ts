import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Database, openDatabase } from '../../../src/db/connections/database.ts';
import { examine } from '../../../src/db/doctor/examine.ts';
import { cancel } from '../../../src/engine/cancel.ts';
import { claim } from '../../../src/engine/claim.ts';
import { fail } from '../../../src/engine/fail.ts';
import { recover, recoverClaims } from '../../../src/engine/recover.ts';
import { registerWorkflow } from '../../../src/engine/register-workflow.ts';
import { promote } from '../../../src/engine/promote.ts';
import { releaseHeldStep } from '../../../src/engine/release-held.ts';
import { enqueueDueRetries } from '../../../src/engine/enqueue-due-retries.ts';
import { resolveStep } from '../../../src/engine/resolve.ts';
import { retry } from '../../../src/engine/retry.ts';
import { finalizeUnfinalized } from '../../../src/engine/finalize.ts';
import { submit } from '../../../src/engine/submit.ts';
import { register } from '../../../src/engine/workers.ts';
import { type CutMoment, startProxy, type TcpProxy } from '../../support/tcp-proxy.ts';
import { waitFor } from '../../support/wait-for.ts';
import { useWorkers } from '../../worker/worker-fixture.ts';
import { judge } from './expect-healed.ts';
import { matrix } from './matrix-workflows.ts';

const long = process.env['TASKER_TEST_LONG'] === '1';
const fleet = await useWorkers();
const effectsFile = join(inject('testRun').scratchDir, 'effects-of-cuts.jsonl');
process.env['EFFECTS_FILE'] = effectsFile;

const MOMENTS: readonly CutMoment[] = ['before', 'executed', 'committed', 'silent_before', 'silent_committed'];
/** Every statement that a worker sends about steps. `settle`: the commit of the transaction that settles a task. */
const WORKER_STATEMENTS = [
  'claim_steps',
  'complete_steps',
  'fail_steps',
  'load_inputs',
  'flag_blocked_tasks',
  'settle',
];
/** Of the cells of the worker's matrix those that run in any case; TASKER_TEST_LONG=1 runs all of them. */
const SHORT: Record<string, readonly CutMoment[]> = {
  claim_steps: ['executed', 'committed', 'silent_committed'],
  complete_steps: ['executed', 'committed', 'silent_committed'],
  fail_steps: ['executed', 'committed'],
  settle: ['committed', 'silent_before'],
};
const matches = (statement: string) => (call: { name: string; text: string }) =>
  statement === 'settle' ? call.text === 'COMMIT' : call.name.startsWith(statement);

let proxy: TcpProxy;
let proxied: Database;
const figures = { cells: 0, cuts: 0, steps: 0, attempts: 0, effects: 0 };

beforeAll(async () => {
  proxy = await startProxy({ target: fleet.test.url });
});
afterAll(async () => {
  await proxy.close();
  console.log(`crash matrix, connections cut: ${JSON.stringify(figures)}`);
});

async function open(options?: string): Promise<void> {
  const url = new URL(proxy.url(fleet.test.url));
  if (options !== undefined) url.searchParams.set('options', options);
  proxied = openDatabase({
    url: url.href,
    poolSize: 6,
    applicationName: 'tasker cut',
    queryTimeoutMs: 400,
    connectTimeoutMs: 1000,
    onPoolError: () => undefined,
  });
}
afterEach(async () => {
  // Half-open connections would wait for ever to be closed.
  proxy.cutAll();
  await proxied.close();
});

describe('a connection that breaks under a worker', () => {
  const cells = WORKER_STATEMENTS.flatMap((statement) =>
    MOMENTS.filter((moment) => statement !== 'settle' || moment !== 'executed')
      .filter((moment) => long || SHORT[statement]?.includes(moment) === true)
      .map((moment) => ({ statement, moment })),
  );
  it.each(cells)('$statement, $moment', async ({ statement, moment }) => {
    await open();
    const taskIds: string[] = [];
    for (let index = 0; index < (long ? 20 : 4); index += 1) {
      taskIds.push(await fleet.submit(matrix, { doomed: index === 3 }));
    }
    const cut = proxy.cutOn(matches(statement), { moment, times: long ? 5 : 2 });
    // Without a cache every child claimed by a completion has its inputs loaded.
    const worker = await fleet.start([matrix], {
      db: proxied,
      leaseSeconds: 30,
      resultCacheBytes: statement === 'load_inputs' ? 0 : 1_000_000,
    });
    await waitFor(
      async () => {
        await finalizeUnfinalized(fleet.db);
        const [row] = await fleet.test.query<{ open: number }>(
          `SELECT count(*)::integer AS open FROM tasker.tasker_tasks WHERE state IN ('pending', 'in_progress')`,
        );
        return row?.open === 0;
      },
      { what: 'every task to end', timeoutMs: 25_000 },
    ).catch(async (error: Error) => {
      const sessions = await fleet.test.query(
        `SELECT pid, state, wait_event_type, wait_event, pg_blocking_pids(pid) AS blocked_by, left(query, 60) AS query
         FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
      );
      const unprocessed = await fleet.test.query(
        `SELECT workflow_step_id, state, attempts, ready_at, claim_id FROM tasker.tasker_workflow_steps WHERE NOT processed`,
      );
      throw new Error(`${error.message}; ${JSON.stringify({ unprocessed, sessions }, null, 1)}`);
    });
    cut.cancel();
    await worker.stop();
    expect(cut.count).toBeGreaterThan(0);
    const verdict = await judge(fleet.test, fleet.db, { taskIds, effectsFile });
    // Nobody died, so no attempt may have been taken from anybody.
    expect(verdict.deaths).toBe(0);
    expect(verdict.effects).toBe(verdict.attempts);
    figures.cells += 1;
    figures.cuts += cut.count;
    figures.steps += verdict.steps;
    figures.attempts += verdict.attempts;
    figures.effects += verdict.effects;
  });

  it('finds what the server committed after the worker had asked for it in vain', async () => {
    // As behind a pooler: the server has no time limit of its own, and goes on when the worker has given up.
    await open('-c statement_timeout=0');
    const taskId = await fleet.submit(matrix, {});
    // The join's row is held by another session: the completion that claims d is still at work when the worker gives it up.
    const blocker = await fleet.test.pool.connect();
    const worker = await fleet.start([matrix], { db: proxied, leaseSeconds: 30 });
    try {
      await blocker.query('BEGIN');
      await blocker.query(
        'SELECT FROM tasker.tasker_workflow_steps WHERE workflow_step_id = $1::bigint * 65536 + 4 FOR UPDATE',
        [taskId],
      );
      await waitFor(
        async () => {
          const rows = await fleet.test.query(
            `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%WITH done AS%'`,
          );
          // Those of b and c, and the repetition.
          return rows.length >= 3;
        },
        { what: 'the worker to have sent its completion twice' },
      );
    } finally {
      await blocker.query('COMMIT');
      blocker.release();
    }
    expect(await fleet.taskIn(taskId, ['complete', 'error'], 25_000)).toBe('complete');
    await worker.stop();
    await judge(fleet.test, fleet.db, { taskIds: [taskId], effectsFile });
  });

  it('terminated backends: every connection of the worker, twenty times over', async () => {
    await open();
    const taskIds: string[] = [];
    for (let index = 0; index < (long ? 200 : 60); index += 1) taskIds.push(await fleet.submit(matrix, {}));
    const worker = await fleet.start([matrix], { db: proxied, leaseSeconds: 30, slots: 4 });
    let terminated = 0;
    for (let round = 0; round < 20; round += 1) {
      const rows = await fleet.test.query<{ killed: boolean }>(
        `SELECT pg_terminate_backend(pid) AS killed FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'tasker cut'`,
      );
      terminated += rows.length;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    for (const taskId of taskIds) expect(await fleet.taskIn(taskId, ['complete', 'error'], 60_000)).toBe('complete');
    await worker.stop();
    const verdict = await judge(fleet.test, fleet.db, { taskIds, effectsFile });
    expect(verdict.effects).toBe(verdict.attempts);
    expect(terminated).toBeGreaterThan(5);
    console.log(`crash matrix, backends terminated: ${terminated}, ${JSON.stringify(verdict)}`);
  });
});

/** Verbs that a client, an operator or a scheduler calls: called through the broken connection, then once more. */
const VERBS: Record<
  string,
  {
    statements: readonly string[];
    stage: () => Promise<(db: Database) => Promise<unknown>>;
    /** How many tasks the stage submits; default 1. */
    tasks?: number;
  }
> = {
  submit: {
    statements: ['submit_tasks'],
    stage: async () => {
      const namedTaskId = await registerWorkflow(fleet.db, matrix);
      const identityHash = `cut ${Math.random()}`;
      return (db) => submit(db, [{ namedTaskId, identityHash, context: '{}' }]);
    },
  },
  cancel: {
    statements: ['lock_open_steps', 'cancel_open_steps', 'move_tasks', 'settle'],
    stage: async () => {
      const taskId = await fleet.submit(matrix, {});
      return (db) => cancel(db, taskId);
    },
  },
  retry: {
    statements: ['retry_steps', 'sync_task_counters', 'settle'],
    stage: async () => {
      const taskId = await blocked();
      return (db) => retry(db, taskId);
    },
  },
  resolve: {
    statements: ['resolve_steps', 'unlock_children', 'settle'],
    stage: async () => {
      const taskId = await blocked();
      return (db) => resolveStep(db, taskId, 'a');
    },
  },
  requeue: {
    statements: ['requeue_due'],
    stage: async () => {
      await failed(false);
      return (db) => enqueueDueRetries(db);
    },
  },
  promote: {
    statements: ['promote_steps'],
    tasks: 2,
    stage: async () => {
      await fleet.submit(matrix, {}, { priority: 5 });
      await fleet.submit(matrix, {}, { priority: 1 });
      return (db) => promote(db, { afterSeconds: 0 });
    },
  },
  'release by an operator': {
    statements: ['release_held', 'settle'],
    stage: async () => {
      const taskId = await fleet.submit(matrix, {});
      await claimed();
      return (db) => releaseHeldStep(db, taskId, 'a', { force: true });
    },
  },
  'recover a given-up outcome': {
    statements: ['recover_claimed'],
    stage: async () => {
      await fleet.submit(matrix, {});
      await claimed();
      const claims = await fleet.test.query<{ claim_id: string }>('SELECT claim_id FROM tasker.tasker_claims');
      return (db) =>
        recoverClaims(
          db,
          claims.map((row) => row.claim_id),
        );
    },
  },
  recover: {
    statements: ['expire_workers', 'recover_steps'],
    stage: async () => {
      await fleet.submit(matrix, {});
      const workerId = await claimed();
      await fleet.test.query(`UPDATE tasker.tasker_workers SET lease_expires_at = now() WHERE worker_id = $1`, [
        workerId,
      ]);
      return (db) => recover(db, { silentSeconds: 60 });
    },
  },
};

async function claimed(): Promise<string> {
  const namedTaskId = await registerWorkflow(fleet.db, matrix);
  const workerId = await register(fleet.db, {
    role: 'worker',
    name: 'by hand',
    version: '0',
    queues: ['default'],
    slots: 9,
    leaseSeconds: 60,
    sessionLock: null,
  });
  await claim(fleet.db, { workerId, queue: 'default', namedTaskIds: [namedTaskId], limit: 8 });
  return workerId;
}

async function failed(permanent: boolean): Promise<string> {
  const taskId = await fleet.submit(matrix, {});
  const workerId = await claimed();
  const [held] = await fleet.test.query<{ claim_id: string }>(
    'SELECT claim_id FROM tasker.tasker_workflow_steps WHERE task_id = $1 AND in_process',
    [taskId],
  );
  const stepId = String(BigInt(taskId) * 65_536n + 1n);
  await fail(fleet.db, {
    workerId,
    backoffDisabled: true,
    failures: [
      {
        taskId,
        stepId,
        claimId: held?.claim_id as string,
        permanent,
        backoffCapSeconds: 1,
        cause: 'fail',
        metadata: '{"error":{"name":"Error"}}',
      },
    ],
  });
  return taskId;
}

const blocked = (): Promise<string> => failed(true);

describe('a connection that breaks under a verb', () => {
  const cells = Object.entries(VERBS).flatMap(([verb, { statements, stage, tasks = 1 }]) =>
    statements.flatMap((statement) =>
      (['before', 'executed', 'committed'] as const)
        .filter((moment) => statement !== 'settle' || moment !== 'executed')
        .filter((moment) => long || (moment === 'committed' && statement === statements.at(-1)))
        .map((moment) => ({ verb, statement, moment, stage, tasks })),
    ),
  );
  it.each(cells)('$verb: $statement, $moment', async ({ statement, moment, stage, tasks: submitted }) => {
    await fleet.test.query(
      `TRUNCATE tasker.tasker_tasks, tasker.tasker_workflow_steps, tasker.tasker_workflow_step_edges, tasker.tasker_claims,
        tasker.tasker_workflow_step_transitions, tasker.tasker_task_transitions, tasker.tasker_workers`,
    );
    await open();
    const act = await stage();
    const cut = proxy.cutOn(matches(statement), { moment });
    await act(proxied).catch(() => undefined);
    expect(cut.count).toBe(1);
    // Whoever called it does not know what became of it, and calls it again.
    await act(fleet.db);
    const worker = await fleet.start([matrix], { leaseSeconds: 30 });
    await fleet.test.query(
      `UPDATE tasker.tasker_workers SET lease_expires_at = now() - interval '1 s' WHERE name = 'by hand'`,
    );
    const tasks = await fleet.test.query<{ task_id: string }>('SELECT task_id FROM tasker.tasker_tasks');
    expect(tasks).toHaveLength(submitted);
    for (const { task_id: id } of tasks) await fleet.taskIn(id, ['complete', 'cancelled']);
    await worker.stop();
    expect(await examine(fleet.db)).toEqual([]);
    figures.cells += 1;
    figures.cuts += 1;
  });
});
