import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { type Database, openDatabase } from '../../../src/db/connections/database.ts';
import { claim } from '../../../src/engine/claim.ts';
import { registerWorkflow } from '../../../src/engine/register-workflow.ts';
import { finalizeUnfinalized } from '../../../src/engine/finalize.ts';
import { type Call, type Cut, type CutMoment, startProxy, type TcpProxy } from '../../support/tcp-proxy.ts';
import { waitFor } from '../../support/wait-for.ts';
import { useWorkers } from '../../worker/worker-fixture.ts';
import { expectHealed } from './expect-healed.ts';
import { matrix, matrixOf } from './matrix-workflows.ts';

/**
 * Connections that break under statements about the process itself, not about the outcome of steps: registration, heartbeat, adoption
 * of orphaned claims, release at a drain, and deregistration.
 */
const long = process.env['TASKER_TEST_LONG'] === '1';
// No process crashes here, and none may be taken for dead while it connects again.
const fleet = await useWorkers({ silentSeconds: 15 });
const { scratchDir } = inject('testRun');
const effectsFile = join(scratchDir, 'effects-of-cut-processes.jsonl');
const holdFile = join(scratchDir, 'hold-in-cut-processes');
process.env['EFFECTS_FILE'] = effectsFile;
process.env['HOLD_FILE'] = holdFile;

const MOMENTS: readonly CutMoment[] = ['before', 'executed', 'committed', 'silent_before', 'silent_committed'];
const HEARTBEAT = 'heartbeat';
const SESSION_LOCK = 'session lock';
const matches =
  (statement: string) =>
  ({ name, text }: Call): boolean => {
    // The connection of the heartbeat thread has no prepared statements.
    if (statement === HEARTBEAT) return text.includes('SET heartbeat_at');
    if (statement === SESSION_LOCK) return text.includes('pg_try_advisory_lock');
    return statement === 'COMMIT' ? text === 'COMMIT' : name.startsWith(statement);
  };
/** All cells, or those of the short form. */
const cells = (short: Record<string, readonly CutMoment[]>, moments = MOMENTS) =>
  Object.keys(short).flatMap((statement) =>
    moments
      .filter((moment) => long || short[statement]?.includes(moment) === true)
      .map((moment) => ({ statement, moment })),
  );

let proxy: TcpProxy;
let proxied: Database;
/** The names of the statements that were sent through the proxy in this test. */
let sent: Set<string>;
const figures = { cells: 0, cuts: 0, steps: 0, attempts: 0, effects: 0 };

beforeAll(async () => {
  proxy = await startProxy({ target: fleet.test.url });
});
beforeEach(() => {
  sent = new Set();
  proxied = openDatabase({
    url: proxy.url(fleet.test.url),
    poolSize: 6,
    queryTimeoutMs: 400,
    connectTimeoutMs: 1000,
    onPoolError: () => undefined,
    onQuery: (name) => sent.add(name),
  });
});
afterEach(async () => {
  rmSync(holdFile, { force: true });
  proxy.cutAll();
  await proxied.close();
});
afterAll(async () => {
  await proxy.close();
  console.log(`crash matrix, connections of processes cut: ${JSON.stringify(figures)}`);
});

const submitted = (): Promise<string[]> =>
  Promise.all(Array.from({ length: long ? 20 : 4 }, (_, index) => fleet.submit(matrix, { doomed: index === 3 })));

async function count(sql: string, values: unknown[] = []): Promise<number> {
  return (await fleet.test.query<{ n: number }>(`SELECT count(*)::integer AS n ${sql}`, values))[0]?.n ?? -1;
}

const fired = (cut: Cut): Promise<unknown> => waitFor(() => cut.count > 0, { what: 'the cut', timeoutMs: 20_000 });

/** Waits until every task has ended; no attempt may be lost, doubled or recovered from a live process. */
async function expectAllEnded(taskIds: readonly string[], cuts: number): Promise<void> {
  await waitFor(
    async () => {
      // As a scheduler does for a task whose last step ended and whose own end was cut off.
      await finalizeUnfinalized(fleet.db);
      return (
        (await count(
          `FROM tasker.tasker_tasks WHERE task_id = ANY ($1::bigint[]) AND state IN ('pending', 'in_progress')`,
          [taskIds],
        )) === 0
      );
    },
    { what: 'every task to end', timeoutMs: 40_000 },
  );
  const counts = await expectHealed(fleet.test, fleet.db, { taskIds, effectsFile });
  expect(counts.crashes).toBe(0);
  expect(counts.effects).toBe(counts.attempts);
  expect(cuts).toBeGreaterThan(0);
  figures.cells += 1;
  figures.cuts += cuts;
  for (const key of ['steps', 'attempts', 'effects'] as const) figures[key] += counts[key];
}

describe('a connection that breaks under a drain', () => {
  const short = {
    release_steps: ['executed', 'committed', 'silent_committed'],
    close_claims: ['before'],
    deregister_worker: ['committed'],
  } as const;
  it.each(cells(short))('$statement, $moment', async ({ statement, moment }) => {
    writeFileSync(holdFile, '');
    const taskIds = await submitted();
    const worker = await fleet.start([matrix], { db: proxied, slots: 30, leaseSeconds: 30, drainGraceSeconds: 1 });
    const workerId = worker.lease.last;
    const inState = (ordinal: number, condition: string): Promise<number> =>
      count(
        `FROM tasker.tasker_workflow_steps WHERE task_id = ANY ($1::bigint[]) AND workflow_step_id % 65536 = $2 AND ${condition}`,
        [taskIds, ordinal],
      );
    await waitFor(
      async () =>
        (await inState(2, 'in_process')) === taskIds.length &&
        (await inState(3, '(processed OR blocked_at IS NOT NULL)')) === taskIds.length,
      { what: 'every step b to wait for its abort, and nothing else to run' },
    );
    const cut = proxy.cutOn(matches(statement), { moment, times: statement === 'release_steps' ? 2 : 1 });
    await worker.stop();
    cut.cancel();
    rmSync(holdFile);
    // If its deregistration was cut, its lease ends the registration; it holds no steps by then.
    expect(await count('FROM tasker.tasker_workflow_steps WHERE in_process')).toBe(0);
    await fleet.test.query('UPDATE tasker.tasker_workers SET lease_expires_at = now() WHERE worker_id = $1', [
      workerId,
    ]);
    const successor = await fleet.start([matrix], { leaseSeconds: 30 });
    await expectAllEnded(taskIds, cut.count);
    expect(
      await count(`FROM tasker.tasker_workflow_step_transitions WHERE cause = 'released' AND worker_id = $1`, [
        workerId,
      ]),
    ).toBe(taskIds.length);
    await successor.stop();
  });
});

describe('a connection that breaks under a heartbeat', () => {
  const short = { [HEARTBEAT]: ['before', 'committed', 'silent_before'], [SESSION_LOCK]: ['committed'] } as const;
  it.each(cells(short))('$statement, $moment', async ({ statement, moment }) => {
    const arm = (): Cut => proxy.cutOn(matches(statement), { moment, times: 2 });
    // The lock is acquired once, at the start.
    let cut = statement === SESSION_LOCK ? arm() : undefined;
    const worker = await fleet.start([matrix], { databaseUrlDirect: proxy.url(fleet.test.url), leaseSeconds: 30 });
    const workerId = worker.lease.last;
    cut ??= arm();
    const taskIds = await submitted();
    await fired(cut);
    await expectAllEnded(taskIds, cut.count);
    cut.cancel();
    // A half-open session still holds the lock, for a process that is alive, so this is not wrong. When that session ends the thread has
    // to acquire the lock again.
    proxy.cutAll();
    await waitFor(
      async () =>
        (await count(
          `FROM pg_locks l JOIN tasker.tasker_workers w ON (l.classid::bigint << 32) | l.objid::bigint = w.session_lock
           WHERE l.locktype = 'advisory' AND l.granted AND w.worker_id = $1 AND w.heartbeat_at > now() - interval '5 s'`,
          [workerId],
        )) === 1,
      { what: 'the session lock to be held again', timeoutMs: 60_000 },
    );
    expect(worker.lease.last).toBe(workerId);
    await worker.stop();
  });
});

describe('a connection that breaks under orphaned claims', () => {
  const short = { find_claims: ['before'], adopt_claim: ['committed'] } as const;
  it.each(cells(short))('$statement, $moment', async ({ statement, moment }) => {
    const cut = proxy.cutOn(matches(statement), { moment, times: 2 });
    // The worker polls the queue once and then not again, so that the claim below is the first.
    const worker = await fleet.start([matrix], {
      db: proxied,
      leaseSeconds: 30,
      pollIntervalMs: 30_000,
      maxPollIntervalMs: 30_000,
      // It is idle, so it searches in every fifth round only.
      reconcileIntervalMs: 200,
    });
    await waitFor(() => sent.has('look_at_rest'), { what: 'its first poll to end' });
    const taskIds = await submitted();
    // A claim under its id of which it gets no response.
    const namedTaskId = await registerWorkflow(fleet.db, matrix);
    const orphaned = await claim(fleet.db, {
      workerId: worker.lease.last,
      queue: 'default',
      namedTaskIds: [namedTaskId],
      limit: 4,
    });
    expect(orphaned).toHaveLength(4);
    await fired(cut);
    await waitFor(() => worker.busySlots > 0 || cut.count > 1, {
      what: 'the orphaned claim to be found',
      timeoutMs: 20_000,
    });
    const successor = await fleet.start([matrix], { leaseSeconds: 30 });
    await expectAllEnded(taskIds, cut.count);
    cut.cancel();
    await Promise.all([worker.stop(), successor.stop()]);
  });
});

describe('a connection that breaks under a registration', () => {
  const ofProcess = { register_worker: ['executed', 'committed', 'silent_committed'] } as const;
  it.each(cells(ofProcess))('$statement, $moment', async ({ statement, moment }) => {
    const cut = proxy.cutOn(matches(statement), { moment });
    await expect(fleet.start([matrix], { db: proxied, name: 'ghost', leaseSeconds: 1 })).rejects.toThrow(/./);
    const taskIds = await submitted();
    const worker = await fleet.start([matrix], { leaseSeconds: 30 });
    await expectAllEnded(taskIds, cut.count);
    // A registration whose process got no response holds no steps, and ends by its lease.
    await waitFor(
      async () => (await count(`FROM tasker.tasker_workers WHERE name = 'ghost' AND stopped_at IS NULL`)) === 0,
      { what: 'the unknown registration to end' },
    );
    await worker.stop();
  });

  const ofWorkflow = {
    find_named_task: ['committed'],
    register_new_workflow: ['before', 'committed'],
    lock_registry: ['committed'],
    upsert_named_task: ['before'],
    insert_named_steps: ['committed'],
    upsert_step_templates: ['committed'],
    COMMIT: ['before', 'committed'],
  } as const;
  let versions = 0;
  it.each(cells(ofWorkflow, ['before', 'committed', 'silent_before', 'silent_committed']))(
    '$statement of a workflow, $moment',
    async ({ statement, moment }) => {
      versions += 1;
      const definition = matrixOf(`0.1.${versions}`);
      // Those of the transaction are for a workflow that is registered with other options.
      if (!['find_named_task', 'register_new_workflow'].includes(statement)) {
        await registerWorkflow(fleet.db, definition);
        await fleet.test.query(
          `UPDATE tasker.tasker_named_tasks SET definition_hash = 'of other options' WHERE version = $1`,
          [definition.version],
        );
      }
      const cut = proxy.cutOn(matches(statement), { moment });
      // A process that could not register its workflow tries again, here at the same time as another process.
      const first = registerWorkflow(proxied, definition).catch(() => undefined);
      await fired(cut);
      const ids = await Promise.all([registerWorkflow(fleet.db, definition), registerWorkflow(fleet.db, definition)]);
      const firstId = await first;
      expect(new Set(firstId === undefined ? ids : [...ids, firstId]).size).toBe(1);
      expect(await count('FROM tasker.tasker_named_tasks_named_steps WHERE named_task_id = $1', [ids[0]])).toBe(4);
      const taskIds = [await fleet.submit(definition, {})];
      const worker = await fleet.start([definition], { leaseSeconds: 30 });
      await expectAllEnded(taskIds, cut.count);
      await worker.stop();
    },
  );
});
