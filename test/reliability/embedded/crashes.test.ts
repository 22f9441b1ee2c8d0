import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startEmbeddedPostgres } from '../../../src/embedded/start.ts';
import { withLaunchLock } from '../../../src/embedded/launch-lock.ts';
import { chooseOsUser } from '../../../src/embedded/os-user.ts';
import { stopPostmaster } from '../../../src/embedded/postmaster.ts';
import { openFolder } from '../../../src/embedded/folder.ts';
import { commandLineOf, isAlive } from '../../../src/embedded/process-identity.ts';
import { useProcesses } from '../../support/processes.ts';
import { scratchFolder } from '../../support/scratch-folder.ts';
import { waitFor } from '../../support/wait-for.ts';
import { ask, smallServer, useEmbeddedFolders } from '../../embedded/embedded-folders.ts';

const newFolder = useEmbeddedFolders();
const processes = useProcesses();
const starter = (dataDir: string) => processes.start('test/embedded/starter.ts', { args: [dataDir] });

/** A program that has nothing to do with PostgreSQL but runs as the same user. */
async function startStranger(): Promise<ChildProcess> {
  const user = await chooseOsUser();
  const stranger = spawn('sleep', ['600'], { stdio: 'ignore', ...(user && { uid: user.uid, gid: user.gid }) });
  onTestFinished(() => void stranger.kill('SIGKILL'));
  await once(stranger, 'spawn');
  return stranger;
}

describe('when the starter is killed', () => {
  test("by Ctrl-C at its terminal, the server in the background is not the terminal's to end", async () => {
    const dataDir = await newFolder();
    const program = fileURLToPath(new URL('../../embedded/starter.ts', import.meta.url));
    // A terminal sends SIGINT to the whole foreground group: this one.
    const first = spawn(process.execPath, [program, dataDir], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void first.kill('SIGKILL'));
    let output = '';
    first.stdout.on('data', (data) => (output += String(data)));
    await waitFor(() => output.includes('started pid='), { what: 'the start' });
    process.kill(-(first.pid as number), 'SIGINT');
    await once(first, 'exit');

    const server = await startEmbeddedPostgres({ dataDir });
    expect(server.adopted).toBe(true);
    expect(output).toContain(`started pid=${server.pid} `);
  });

  test('the server lives on and the next start adopts it', async () => {
    const dataDir = await newFolder();
    const first = starter(dataDir);
    const [, pid] = await first.waitForLine(/started pid=(\d+) adopted=false/);
    await first.kill('SIGKILL');

    const server = await startEmbeddedPostgres({ dataDir });
    expect(server).toMatchObject({ adopted: true, pid: Number(pid) });
    expect(await ask(server.url(), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await server.stop();
    expect(await isAlive(server.pid)).toBe(false);
  });

  test('in the middle of making the data directory, the next start makes a whole one', async () => {
    const dataDir = await newFolder();
    const first = starter(dataDir);
    await first.waitForLine(/making a new PostgreSQL data directory/);
    await waitFor(async () => (await readdir(dataDir)).some((name) => name.startsWith('cluster.partial-')), {
      what: 'initdb to begin',
    });
    await first.kill('SIGKILL');

    const server = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    expect(server.adopted).toBe(false);
    expect(await ask(server.url(), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    // An initdb that nobody waits for any more may still write its own partial folder; the next start clears it away.
    expect((await readdir(dataDir)).filter((name) => /^(cluster|password|port|server\.log)$/.test(name))).toHaveLength(
      4,
    );
  });

  test('at any moment of the start, the next one still ends with a working server', async () => {
    const dataDir = await newFolder();
    // Node needs the first 150 ms, initdb the next 700, the server the rest.
    for (const killAfterMs of [200, 400, 600, 800, 1000, 1200]) {
      const child = starter(dataDir);
      await new Promise((passed) => setTimeout(passed, killAfterMs));
      await child.kill('SIGKILL');
    }
    const server = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    expect(await ask(server.url(), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

describe('when several start at the same moment', () => {
  test('two processes end up with the same server: one starts it, the other adopts it', async () => {
    const dataDir = await newFolder();
    const both = [starter(dataDir), starter(dataDir)];
    const started = await Promise.all(
      both.map((child) => child.waitForLine(/started pid=(\d+) adopted=(\w+) url=(\S+)/)),
    );
    const [[, pidA, adoptedA, urlA], [, pidB, adoptedB, urlB]] = started as [RegExpMatchArray, RegExpMatchArray];
    expect(pidA).toBe(pidB);
    expect(urlA).toBe(urlB);
    expect([adoptedA, adoptedB].sort()).toEqual(['false', 'true']);
  });

  test('five calls in one process do the same', async () => {
    const dataDir = await newFolder();
    const servers = await Promise.all(
      Array.from({ length: 5 }, () => startEmbeddedPostgres({ dataDir, settings: smallServer })),
    );
    expect(new Set(servers.map(({ pid }) => pid)).size).toBe(1);
    expect(servers.filter(({ adopted }) => !adopted)).toHaveLength(1);
  });
});

describe('when the server is killed', () => {
  test('the next start recovers what was committed, and only that, though clients were still at work', async () => {
    const dataDir = await newFolder();
    const first = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    await ask(first.url(), 'CREATE TABLE ledger (entry int)');
    await ask(first.url(), 'INSERT INTO ledger SELECT generate_series(1, 1000)');
    const open = new Client({ connectionString: first.url() });
    open.on('error', () => {});
    await open.connect();
    await open.query('BEGIN');
    await open.query('INSERT INTO ledger VALUES (-1)');
    // A backend in the middle of a statement keeps the shared memory in use for a moment after its postmaster's death.
    const busy = open.query('SELECT pg_sleep(30)').catch((error: Error) => error);
    process.kill(first.pid, 'SIGKILL');

    const second = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    expect(second.adopted).toBe(false);
    expect(second.port).toBe(first.port);
    expect(await ask(second.url(), 'SELECT count(*)::int, min(entry) FROM ledger')).toEqual([{ count: 1000, min: 1 }]);
    expect(await busy).toBeInstanceOf(Error);
  });

  test('a pid file that names another process does not keep it from starting', async () => {
    const dataDir = await newFolder();
    const first = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    const pidFile = join(dataDir, 'cluster/postmaster.pid');
    const lines = (await readFile(pidFile, 'utf8')).split('\n');
    process.kill(first.pid, 'SIGKILL');
    await waitFor(async () => !(await isAlive(first.pid)), { what: 'the server to die' });
    // The number of the dead server was given to another program of the same user.
    const stranger = await startStranger();
    await writeFile(pidFile, [stranger.pid, ...lines.slice(1)].join('\n'));

    const second = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    expect(second).toMatchObject({ adopted: false, port: first.port });
    expect(await ask(second.url(), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
  });

  test('a stop never signals a process that merely has the number', async () => {
    const dataDir = await newFolder();
    const stranger = await startStranger();
    await stopPostmaster(await openFolder(dataDir), stranger.pid as number, 'immediate');
    await expect(
      waitFor(() => stranger.exitCode !== null || stranger.signalCode !== null, { what: 'its end', timeoutMs: 300 }),
    ).rejects.toThrow('waited 300 ms for its end');
  });

  test('a wedged server is replaced', async () => {
    const dataDir = await newFolder();
    const first = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    process.kill(first.pid, 'SIGSTOP');
    const lines: string[] = [];

    const second = await startEmbeddedPostgres({
      dataDir,
      settings: smallServer,
      wedgedAfterMs: 1000,
      log: (line) => lines.push(line),
    });
    expect(second.adopted).toBe(false);
    expect(second.pid).not.toBe(first.pid);
    expect(await isAlive(first.pid)).toBe(false);
    expect(lines.join('\n')).toContain(`pid ${first.pid}) does not answer: stopping it`);
  });

  test.runIf(process.platform === 'linux')('a zombie counts as gone', async () => {
    // The shell's child ends when the shell has become another program, which never reaps it.
    const parent = spawn('sh', ['-c', 'read _ <&3 & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
    });
    onTestFinished(() => void parent.kill('SIGKILL'));
    const pid = Number(
      await new Promise<string>((printed) => parent.stdout?.once('data', (data) => printed(String(data)))),
    );
    expect(pid).toBeGreaterThan(1);
    await waitFor(async () => (await commandLineOf(parent.pid as number))[0] === 'sleep', {
      what: 'the other program',
    });
    expect(await isAlive(pid)).toBe(true);
    (parent.stdio[3] as Writable).end('\n');
    await waitFor(async () => !(await isAlive(pid)), { what: 'the zombie to be seen as gone' });
    expect(process.kill(pid, 0)).toBe(true);
  });
});

describe('a data directory that is not whole', () => {
  test('is made again if an old initdb left a partial one', async () => {
    const dataDir = await newFolder();
    await mkdir(join(dataDir, 'cluster.partial-0123/base'), { recursive: true });
    await writeFile(join(dataDir, 'cluster.partial-0123/PG_VERSION'), '18\n');
    const server = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    expect(await ask(server.url(), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect((await readdir(dataDir)).filter((name) => name.startsWith('cluster'))).toEqual(['cluster']);
  });

  test('is kept under another name if it may hold data', async () => {
    const dataDir = await newFolder();
    const first = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    await first.stop();
    await rm(join(dataDir, 'cluster/global/pg_control'));

    const second = await startEmbeddedPostgres({ dataDir, settings: smallServer });
    expect(await ask(second.url(), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    const aside = (await readdir(dataDir)).filter((name) => name.startsWith('cluster.damaged-'));
    expect(aside).toHaveLength(1);
    expect(await readFile(join(dataDir, aside[0] as string, 'PG_VERSION'), 'utf8')).toBe('18\n');
  });
});

describe('the launch lock', () => {
  test('admits one at a time', async () => {
    const lockFile = join(await scratchFolder(), 'launch.lock');
    let inside = 0;
    let most = 0;
    const turns = Array.from({ length: 20 }, () =>
      withLaunchLock(lockFile, 20_000, async () => {
        most = Math.max(most, (inside += 1));
        await new Promise((passed) => setImmediate(passed));
        inside -= 1;
      }),
    );
    await Promise.all(turns);
    expect(most).toBe(1);
    expect(await readdir(join(lockFile, '..'))).toEqual([]);
  });

  test('is given back when the work fails', async () => {
    const lockFile = join(await scratchFolder(), 'launch.lock');
    const failing = withLaunchLock(lockFile, 1000, () => Promise.reject(new Error('no luck')));
    await expect(failing).rejects.toThrow('no luck');
    expect(await withLaunchLock(lockFile, 1000, async () => 'next')).toBe('next');
  });

  test('of a dead process is broken at once, by only one of those who wait', async () => {
    const lockFile = join(await scratchFolder(), 'launch.lock');
    await writeFile(lockFile, '99999999 abandoned\n');
    let inside = 0;
    const results = await Promise.all(
      Array.from({ length: 8 }, () =>
        withLaunchLock(lockFile, 5000, async () => {
          inside += 1;
          const alone = inside === 1;
          await new Promise((passed) => setImmediate(passed));
          inside -= 1;
          return alone;
        }),
      ),
    );
    expect(results).toEqual(Array.from({ length: 8 }, () => true));
  });

  test('of a live process is respected, and its pid named when the wait is over', async () => {
    const lockFile = join(await scratchFolder(), 'launch.lock');
    await writeFile(lockFile, `${process.pid} busy\n`);
    await expect(withLaunchLock(lockFile, 200, async () => 'entered')).rejects.toMatchObject({
      code: 'EMBEDDED_POSTGRES_FAILED',
      message: expect.stringContaining(`pid ${process.pid}`),
    });
  });
});
