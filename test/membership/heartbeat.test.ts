import { spawnSync } from 'node:child_process';
import type { Worker as Thread } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Database, openDatabase } from '../../src/db/connections/database.ts';
import { newSessionLock } from '../../src/db/connections/heartbeat-connection.ts';
import { recover } from '../../src/engine/recover.ts';
import { register } from '../support/register-process.ts';
import { Heartbeat } from '../../src/membership/heartbeat.ts';
import { HeartbeatHost } from '../../src/membership/heartbeat-host.ts';
import { Membership } from '../../src/membership/membership.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useProcesses } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';
import { noEvents, useWorkers } from '../worker/worker-fixture.ts';
import { mortal } from './mortal-workflows.ts';
import { DEATHS, threads } from './threads.ts';

// A process starts a thread within a second or two, however busy the machine is; the sweeps beside this test wait for it.
const fleet = await useWorkers({ silentSeconds: 15 });
const processes = useProcesses();

interface Row {
  heartbeat_at: Date;
  session_lock: string;
  ended: boolean;
  held: boolean;
}

/** A process of the fleet, and whether a session holds the lock that its row names. */
async function rowOf(workerId: string): Promise<Row> {
  const [row] = await fleet.test.query<Row>(
    `SELECT heartbeat_at, session_lock, stopped_at IS NOT NULL AS ended,
       EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted
         AND (classid::bigint << 32) | objid::bigint = session_lock) AS held
     FROM tasker.tasker_workers WHERE worker_id = $1`,
    [workerId],
  );
  return row as Row;
}

const databaseNow = async (): Promise<Date> =>
  (await fleet.test.query<{ now: Date }>('SELECT clock_timestamp() AS now'))[0]?.now as Date;

/** Waits for a heartbeat that was sent later than now, under the session lock. */
async function waitForHeartbeat(workerId: string): Promise<void> {
  const since = await databaseNow();
  await waitFor(
    async () => {
      const { heartbeat_at: heartbeatAt, held } = await rowOf(workerId);
      return heartbeatAt > since && held;
    },
    { what: 'a heartbeat under the session lock', timeoutMs: 20_000 },
  );
}

describe('a heartbeat thread that dies', () => {
  it('is replaced: the lease stays, and no attempt is lost', async () => {
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const workflow = defineWorkflow({ name: 'gated', input: z.object({}) }).step('wait', async () => gate);
    const errors: string[] = [];
    const lost: string[] = [];
    const worker = await fleet.start([workflow], {
      leaseSeconds: 20,
      events: {
        ...noEvents,
        failed: (what, error) => errors.push(`${what}: ${String(error)}`),
        leaseLost: (id) => lost.push(id),
      },
    });
    const workerId = worker.lease.last;
    const taskIds = await Promise.all(Array.from({ length: 5 }, () => fleet.submit(workflow)));
    await waitFor(() => worker.busySlots === 5, { what: 'all steps to run' });
    await waitForHeartbeat(workerId);
    const { session_lock: lock } = await rowOf(workerId);
    for (const [how, die] of Object.entries(DEATHS)) {
      const thread = threads.at(-1) as Thread;
      const exited = new Promise((resolve) => thread.once('exit', resolve));
      die(thread);
      await exited;
      await waitForHeartbeat(workerId);
      expect(threads.at(-1), how).not.toBe(thread);
      expect(await rowOf(workerId), how).toMatchObject({ session_lock: lock, ended: false, held: true });
    }
    open();
    for (const taskId of taskIds) expect(await fleet.taskIn(taskId, ['complete', 'error'])).toBe('complete');
    expect(worker.lease.last).toBe(workerId);
    expect(lost).toEqual([]);
    expect(await fleet.test.query('SELECT DISTINCT attempts FROM tasker.tasker_workflow_steps')).toEqual([
      { attempts: 1 },
    ]);
    const deaths = errors.filter((error) => error.includes('the heartbeat thread died'));
    expect(deaths).toHaveLength(3);
    expect(deaths[1]).toMatch(/Cannot read properties of null/);
    expect(deaths[2]).toMatch(/memory/);
    const last = threads.at(-1) as Thread;
    await worker.stop();
    expect(last.threadId).toBe(-1);
  });

  it('leaves a lease that is lost by then to be taken anew', async () => {
    const lost: string[] = [];
    const worker = await fleet.start([], { events: { ...noEvents, leaseLost: (id) => lost.push(id) } });
    const workerId = worker.lease.last;
    const thread = threads.at(-1) as Thread;
    await thread.terminate();
    await fleet.test.query('UPDATE tasker.tasker_workers SET stopped_at = now() WHERE worker_id = $1', [workerId]);
    await waitFor(() => lost.length > 0 && worker.lease.current !== undefined, {
      what: 'a new lease',
      timeoutMs: 20_000,
    });
    expect(lost).toEqual([workerId]);
    await waitForHeartbeat(worker.lease.last);
  });

  it('does not hide the death of the process from a check of the session lock', async () => {
    const child = processes.start('src/cli/main.ts', {
      args: ['worker', '--workflows', 'test/membership/mortal-workflows.ts'],
      env: {
        DATABASE_URL: fleet.test.url,
        TASKER_METRICS_PORT: '0',
        TASKER_LEASE_SECONDS: '600',
        TASKER_HEARTBEAT_INTERVAL_MS: '200',
      },
    });
    const line = await child.waitForLine(/"worker_id":"(\d+)".*worker started/);
    const workerId = line[1] as string;
    const taskId = await fleet.submit(mortal);
    await child.waitForLine(/the heartbeat thread died/);
    await waitForHeartbeat(workerId);
    expect((await recover(fleet.db, { silentSeconds: 0 })).expired).toEqual([]);
    await child.kill('SIGKILL');
    await waitFor(
      async () => {
        await recover(fleet.db, { silentSeconds: 1 });
        return (await rowOf(workerId)).ended;
      },
      { what: 'the dead process to be found, long before its lease runs out' },
    );
    const [step] = await fleet.test.query<{ state: string; lease: boolean }>(
      `SELECT s.state, w.lease_expires_at > now() + interval '500 s' AS lease
       FROM tasker.tasker_workflow_steps s, tasker.tasker_workers w WHERE s.task_id = $1 AND w.worker_id = $2`,
      [taskId, workerId],
    );
    expect(step).toEqual({ state: 'pending', lease: true });
  });
});

describe('a membership that is stopped', () => {
  const membership = (db: Database): Membership =>
    new Membership({
      db,
      settings: {
        databaseUrl: fleet.test.url,
        databaseUrlDirect: fleet.test.url,
        databasePasswordFile: undefined,
        leaseSeconds: 600,
        heartbeatIntervalMs: 100,
        maxStallMs: 10_000,
      },
      process: { role: 'worker', name: 'leaves', version: '0', queues: [], slots: 1 },
      prepare: async () => ({ known: { installationId: null, workflows: [] }, joined: () => undefined }),
      onLeaseLost: () => undefined,
      onError: () => undefined,
    });

  it('renews its lease no more, also if its deregistration fails', async () => {
    const db = openDatabase({ url: fleet.test.url, poolSize: 1 });
    const leaving = membership(db);
    await leaving.start();
    const workerId = leaving.lease.last;
    await waitForHeartbeat(workerId);
    await db.close();
    await expect(leaving.stop({ deregister: true, timeoutMs: 2000 })).rejects.toThrow(/pool/);
    expect(await rowOf(workerId)).toMatchObject({ ended: false });
    expect(threads.at(-1)?.threadId).toBe(-1);
  });

  it('waits for its deregistration no longer than the given time', async () => {
    const db = openDatabase({ url: fleet.test.url, poolSize: 1 });
    const leaving = membership(db);
    await leaving.start();
    // The one connection of its pool is taken and not given back.
    const taken = await db.pool.connect();
    await expect(leaving.stop({ deregister: true, timeoutMs: 50 })).rejects.toThrow(
      'did not take the deregistration within 50 ms',
    );
    expect(threads.at(-1)?.threadId).toBe(-1);
    taken.release();
    await waitFor(async () => (await rowOf(leaving.lease.last)).ended, { what: 'the late deregistration' });
    await db.close();
  });
});

const hostOf = (sessionLocks: readonly string[], startsLate = false): HeartbeatHost =>
  new HeartbeatHost({
    connection: {
      url: fleet.test.url,
      schema: 'tasker',
      applicationName: 'test heartbeat',
      sessionLocks,
      timeoutMs: 2000,
    },
    members: sessionLocks.length,
    settings: { heartbeatIntervalMs: 50, maxStallMs: 10_000 },
    startsLate,
  });
const SILENT = {
  killWhenStalled: false,
  busySlots: () => 0,
  stallDeadlineMs: () => 0,
  onLost: () => undefined,
  onError: () => undefined,
};

describe('two processes of the fleet in one program', () => {
  const locks = [newSessionLock(), newSessionLock()];
  const join = (sessionLock: string | null): Promise<string> =>
    register(fleet.db, {
      role: 'worker',
      name: 'test',
      version: '0',
      queues: [],
      slots: 1,
      leaseSeconds: 10,
      sessionLock,
    });

  it('share a thread and its session; one that leaves gives its lock back, and the other goes on', async () => {
    const before = threads.length;
    const host = hostOf(locks);
    const [first, second] = [new Heartbeat(host, SILENT), new Heartbeat(host, SILENT)];
    await Promise.all([first.start(), second.start()]);
    expect(threads).toHaveLength(before + 1);
    const ids = await Promise.all([first, second].map(({ sessionLock }) => join(sessionLock)));
    const [leaves = '', stays = ''] = ids;
    first.renew(leaves);
    second.renew(stays);
    for (const id of ids) await waitForHeartbeat(id);
    await first.stop();
    const last = await rowOf(leaves);
    expect(last.held).toBe(false);
    await waitForHeartbeat(stays);
    await waitForHeartbeat(stays);
    expect((await rowOf(leaves)).heartbeat_at).toEqual(last.heartbeat_at);

    // Another thread holds the lock of the one that stays, and no other.
    await threads.at(-1)?.terminate();
    await waitForHeartbeat(stays);
    await waitFor(async () => !(await rowOf(leaves)).held, { what: 'the lock of the one that left to be free' });
    await second.stop();
    expect(threads.at(-1)?.threadId).toBe(-1);
  });

  it('lose their leases apart', async () => {
    const lost: string[] = [];
    const host = hostOf([newSessionLock(), newSessionLock()]);
    const [first, second] = ['first', 'second'].map(
      (name) => new Heartbeat(host, { ...SILENT, onLost: (id) => lost.push(`${name} ${id}`) }),
    ) as [Heartbeat, Heartbeat];
    await first.start();
    const ids = [await join(first.sessionLock), await join(second.sessionLock)] as const;
    first.renew(ids[0]);
    second.renew(ids[1]);
    await waitForHeartbeat(ids[1]);
    await fleet.test.query('UPDATE tasker.tasker_workers SET stopped_at = now() WHERE worker_id = $1', [ids[1]]);
    await waitFor(() => lost.length > 0, { what: 'the news' });
    expect(new Set(lost)).toEqual(new Set([`second ${ids[1]}`]));
    await Promise.all([first.stop(), second.stop()]);
  });
});

describe('a thread that starts late', () => {
  const registered = async (heartbeat: Heartbeat): Promise<string> =>
    register(fleet.db, {
      role: 'worker',
      name: 'test',
      version: '0',
      queues: [],
      slots: 1,
      leaseSeconds: 10,
      sessionLock: heartbeat.sessionLock,
    });
  const late = async (): Promise<Heartbeat> => {
    const heartbeat = new Heartbeat(hostOf([newSessionLock()], true), SILENT);
    await heartbeat.start();
    return heartbeat;
  };

  it('starts with the first step, and renews the lease and holds its lock while that step holds the loop', async () => {
    const before = threads.length;
    const heartbeat = await late();
    const workerId = await registered(heartbeat);
    heartbeat.renew(workerId);
    expect(threads).toHaveLength(before);
    heartbeat.extendStallDeadline(Date.now() + 60_000);
    // Nothing of this loop runs meanwhile: another process waits until the thread has sent a heartbeat.
    const asked = spawnSync(process.execPath, ['test/support/fixtures/await-heartbeat.ts', fleet.test.url, workerId], {
      encoding: 'utf8',
    });
    await heartbeat.stop();
    expect(asked.stderr + asked.stdout).toBe('a heartbeat under the session lock\n');
    expect(threads).toHaveLength(before + 1);
  });

  it('starts by itself once a process has registered, also without a step', async () => {
    const before = threads.length;
    const heartbeat = await late();
    const workerId = await registered(heartbeat);
    heartbeat.renew(workerId);
    await waitForHeartbeat(workerId);
    expect(threads).toHaveLength(before + 1);
    await heartbeat.stop();
  });

  it('never starts in a program that stops before', async () => {
    const before = threads.length;
    const heartbeat = await late();
    heartbeat.renew(await registered(heartbeat));
    await heartbeat.stop();
    heartbeat.extendStallDeadline(Date.now());
    expect(threads).toHaveLength(before);
  });
});

describe('a heartbeat can be stopped', () => {
  const heartbeat = (sessionLock = newSessionLock()): Heartbeat => new Heartbeat(hostOf([sessionLock]), SILENT);
  const alive = (): number => threads.filter(({ threadId }) => threadId !== -1).length;
  const newThread = async (before: number): Promise<void> => {
    await waitFor(() => threads.length > before, { what: 'another thread' });
  };

  it('before its start', async () => {
    await heartbeat().stop();
    expect(alive()).toBe(0);
  });

  it('during its start, which fails then', async () => {
    const stopped = heartbeat();
    const started = stopped.start();
    started.catch(() => undefined);
    await stopped.stop();
    await expect(started).rejects.toThrow('did not start');
    expect(alive()).toBe(0);
  });

  it('between a death and the next thread, which never comes', async () => {
    const stopped = heartbeat();
    await stopped.start();
    const count = threads.length;
    await threads.at(-1)?.terminate();
    await stopped.stop();
    await stopped.stop();
    // Longer than the first back-off: a timer that was not stopped would have fired.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(threads).toHaveLength(count);
    expect(alive()).toBe(0);
  });

  it('while the next thread starts', async () => {
    const stopped = heartbeat();
    await stopped.start();
    const count = threads.length;
    await threads.at(-1)?.terminate();
    await newThread(count);
    await stopped.stop();
    expect(threads).toHaveLength(count + 1);
    expect(alive()).toBe(0);
  });

  it('while it renews a lease', async () => {
    const sessionLock = newSessionLock();
    const stopped = heartbeat(sessionLock);
    await stopped.start();
    const workerId = await register(fleet.db, {
      role: 'worker',
      name: 'test',
      version: '0',
      queues: [],
      slots: 1,
      leaseSeconds: 10,
      sessionLock,
    });
    stopped.renew(workerId);
    await waitForHeartbeat(workerId);
    await stopped.stop();
    expect(alive()).toBe(0);
  });
});
