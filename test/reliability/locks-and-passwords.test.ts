import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { openDatabase } from '../../src/db/connections/database.ts';
import { examine } from '../../src/db/doctor/examine.ts';
import { passwordFromFile } from '../../src/db/connections/password.ts';
import { type TestProcess, useProcesses } from '../support/processes.ts';
import { scratchFolder } from '../support/scratch-folder.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';
import { slow } from './slow-workflows.ts';
import { SHORT_TIMES } from './support/fleet.ts';

const test = await useTestDatabase();
const processes = useProcesses();
const db = openDatabase({ url: test.url, poolSize: 3 });
afterAll(() => db.close());
/** Roles belong to the server, which other test files use too. */
const role = `rotated_${process.pid}`;
const asRole = (password: string): string => {
  const url = new URL(test.url);
  url.username = role;
  url.password = password;
  return url.href;
};

beforeAll(async () => {
  await test.query(`CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD 'old'`);
});
afterAll(async () => {
  await endSessions();
  await test.query(`DROP OWNED BY ${role}`);
  await test.query(`DROP ROLE ${role}`);
});

const endSessions = () =>
  test.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1`, [role]);
const setPassword = async (password: string): Promise<void> => {
  await test.query(`ALTER ROLE ${role} PASSWORD '${password}'`);
  await endSessions();
};

/** A busy machine may stall a process for seconds: these tests must not fail by that. */
const LONGER_LEASE = { TASKER_LEASE_SECONDS: '5', TASKER_MAX_STALL_MS: '20000' };

const start = (command: 'worker' | 'scheduler', url: string, env: Record<string, string> = {}): TestProcess =>
  processes.start('src/cli/main.ts', {
    args: [command, ...(command === 'worker' ? ['--workflows', 'test/reliability/slow-workflows.ts'] : [])],
    env: { ...SHORT_TIMES, ...LONGER_LEASE, DATABASE_URL: url, ...env },
  });

async function startBoth(url: string, env: Record<string, string> = {}): Promise<TestProcess[]> {
  const both = [start('worker', url, env), start('scheduler', url, env)];
  await both[0]?.waitForLine(/worker started/);
  await both[1]?.waitForLine(/scheduler started/);
  return both;
}

const runs = (worker: TestProcess | undefined): number =>
  worker?.lines.filter((line) => line === 'step a runs').length ?? 0;

const stop = (running: readonly TestProcess[]) => Promise.all(running.map((one) => one.kill()));

async function submit(ms: number, url = test.url): Promise<string> {
  const client = createClient({ url, poolSize: 1 });
  try {
    const { taskId } = await client.submit(slow, { ms });
    await waitFor(async () => (await stateOf(taskId))['a']?.startsWith('in_progress'), {
      what: 'the first step to run',
    });
    return taskId;
  } finally {
    await client.close();
  }
}

async function stateOf(taskId: string): Promise<Record<string, string>> {
  const rows = await test.query<{ name: string; seen: string }>(
    `SELECT n.name, s.state || ' at attempt ' || s.attempts AS seen
     FROM tasker.tasker_workflow_steps s JOIN tasker.tasker_named_steps n USING (named_step_id) WHERE s.task_id = $1`,
    [taskId],
  );
  return Object.fromEntries(rows.map(({ name, seen }) => [name, seen]));
}

const DONE = Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, 'complete at attempt 1']));
const completes = (taskId: string) =>
  waitFor(async () => JSON.stringify(await stateOf(taskId)) === JSON.stringify(DONE), {
    what: `task ${taskId} to complete`,
    timeoutMs: 40_000,
  });

describe('the outcome of a finished step is not lost', () => {
  it('if a lock is held for longer than the time limit of statements', async () => {
    await test.query(`ALTER DATABASE ${test.name} SET statement_timeout = '1s'`);
    const both = await startBoth(test.url);
    const taskId = await submit(2500);
    const locker = await test.pool.connect();
    await locker.query('SET statement_timeout = 0; BEGIN; LOCK TABLE tasker.tasker_workflow_steps IN EXCLUSIVE MODE');
    expect((await stateOf(taskId))['a']).toBe('in_progress at attempt 1');
    // The workers' sessions have a limit of their own, so their statements are cancelled as by the shorter one. Not in the locker's
    // transaction, in which pg_stat_activity stays as it was at its first use.
    for (let second = 0; second < 6; second += 1) {
      await sleep(1000);
      await test.query(
        `SELECT pg_cancel_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock' AND clock_timestamp() - query_start > interval '1 s'`,
      );
    }
    await locker.query('COMMIT; RESET statement_timeout');
    locker.release();
    await completes(taskId);
    expect(both[0]?.lines.some((line) => line.includes('complete failed'))).toBe(true);
    expect(runs(both[0])).toBe(1);
    await stop(both);
    await test.query(`ALTER DATABASE ${test.name} RESET statement_timeout`);
    expect(await examine(db)).toEqual([]);
  });

  it('if a password is changed and restored', async () => {
    const both = await startBoth(asRole('old'), { TASKER_LEASE_SECONDS: '30' });
    const taskId = await submit(1500);
    await setPassword('new');
    await both[0]?.waitForLine(/complete failed.*|password authentication failed/);
    await sleep(3000);
    await setPassword('old');
    await completes(taskId);
    expect(runs(both[0])).toBe(1);
    await stop(both);
    expect(await examine(db)).toEqual([]);
  });
});

describe('a password that changes', () => {
  it('is read from its file at each connection, by every part of a process', async () => {
    const file = join(await scratchFolder(), 'password');
    await writeFile(file, 'old\n');
    const both = await startBoth(asRole('unused'), { TASKER_DATABASE_PASSWORD_FILE: file });
    const taskId = await submit(1000);
    await writeFile(file, 'new\n');
    await setPassword('new');
    await completes(taskId);
    await waitFor(
      async () => {
        const rows = await test.query<{ name: string }>(
          `SELECT DISTINCT application_name AS name FROM pg_stat_activity WHERE usename = $1`,
          [role],
        );
        const names = rows.map(({ name }) => name).join(' ');
        return ['tasker worker', 'tasker heartbeat', 'tasker listener', 'tasker scheduler'].every((name) =>
          names.includes(name),
        );
      },
      { what: 'every kind of session to be connected again' },
    );
    const client = createClient({ url: asRole('unused'), password: passwordFromFile(file), poolSize: 1 });
    expect((await client.submit(slow, { ms: 0 })).outcome).toBe('created');
    await client.close();
    const status = processes.start('src/cli/main.ts', {
      args: ['migrate', 'status', '--json'],
      env: { DATABASE_URL: asRole('unused'), TASKER_DATABASE_PASSWORD_FILE: file },
    });
    expect(await status.exited).toEqual({ code: 0, signal: null });
    await stop(both);
    await setPassword('old');
  });

  it('ends a process that cannot read the new one: after its lease, with one line and an exit status', async () => {
    const both = await startBoth(asRole('old'));
    const taskId = await submit(30_000);
    await setPassword('new');
    const exits = await Promise.all(both.map((one) => one.exited));
    expect(exits).toEqual([
      { code: 5, signal: null },
      { code: 5, signal: null },
    ]);
    for (const one of both) {
      const fatal = one.lines.filter((line) => line.includes('refused the login for longer than the lease (5 s)'));
      expect(fatal).toHaveLength(1);
    }
    await setPassword('old');
    const replaced = await startBoth(asRole('old'));
    await waitFor(async () => (await stateOf(taskId))['a'] === 'in_progress at attempt 2', {
      what: 'its step to be recovered',
    });
    // Killed, because a drain would wait for the step.
    await Promise.all(replaced.map((one) => one.kill('SIGKILL')));
  });
});
