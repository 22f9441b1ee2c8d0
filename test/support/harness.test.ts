import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { Client } from 'pg';
import { describe, expect, inject, test } from 'vitest';
import { isAlive } from '../../src/embedded/process-identity.ts';
import { freePort } from './free-port.ts';
import { useProcesses } from './processes.ts';
import { waitFor } from './wait-for.ts';

const processes = useProcesses();

/** Starts a separate test run over some of the fixtures. */
function runFixtures(names: string[], env: Record<string, string | undefined> = {}) {
  return processes.start('node_modules/vitest/vitest.mjs', {
    args: ['run', '--config', 'test/support/fixtures/vitest.config.ts', ...names],
    env: { NO_COLOR: '1', TEST_DATABASE_URL: undefined, ...env },
  });
}

async function refused(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 1000 });
  client.on('error', () => {});
  const code = await client.connect().catch((error: NodeJS.ErrnoException) => error.code);
  await client.end().catch(() => {});
  return code === 'ECONNREFUSED';
}

interface Endless {
  adminUrl: string;
  scratchDir: string;
  url: string;
  pids: number[];
}

describe('a test file', () => {
  test('fails if it leaves a session or a client open, with a message that names it', { timeout: 60_000 }, async () => {
    const run = runFixtures(['clean', 'leaked-session', 'unreleased-client']);
    expect(await run.exited).toMatchObject({ code: 1 });
    const output = run.lines.join('\n');
    expect(output).toMatch(/Test Files\s+2 failed \| 1 passed/);
    expect(output).toMatch(
      /1 session\(s\) were left open on the test database:\n- forgotten client \(pid \d+, idle .*SELECT 1/,
    );
    expect(output).toContain("1 client(s) of the test's pool were never released");
    expect(output).not.toContain('Unhandled');
    expect(output).not.toContain('left behind');
  });

  test('can use a given server, on which nothing of the run is left', { timeout: 60_000 }, async () => {
    const { adminUrl } = inject('testRun');
    const client = new Client({ connectionString: adminUrl });
    await client.connect();
    const databases = async () => {
      const { rows } = await client.query<{ datname: string }>(`SELECT datname FROM pg_database ORDER BY oid`);
      return rows.map(({ datname }) => datname);
    };
    const before = await databases();

    const run = runFixtures(['endless'], { TEST_DATABASE_URL: adminUrl });
    const [, found = ''] = await run.waitForLine(/endless (\{.*\})/, { timeoutMs: 30_000 });
    const endless = JSON.parse(found) as Endless;
    expect(endless.adminUrl).toBe(adminUrl);
    const inUse = (await databases()).filter((name) => name.includes('endless'));
    expect(inUse).toHaveLength(1);
    await run.kill('SIGKILL');
    const runPrefix = String(inUse[0]).split('_').slice(0, 3).join('_');
    await waitFor(async () => !(await databases()).some((name) => name.startsWith(runPrefix)), {
      what: 'the databases of the killed run to be dropped',
    });
    expect(await databases()).toEqual(expect.arrayContaining(before.filter((name) => name.endsWith('template'))));
    await client.end();
  });
});

describe('a test run', () => {
  test('that is killed leaves no server, no process and no folder behind', { timeout: 60_000 }, async () => {
    const run = runFixtures(['endless']);
    const [, found = ''] = await run.waitForLine(/endless (\{.*\})/, { timeoutMs: 30_000 });
    const { adminUrl, scratchDir, pids } = JSON.parse(found) as Endless;
    expect(existsSync(scratchDir)).toBe(true);
    expect(await refused(adminUrl)).toBe(false);

    await run.kill('SIGKILL');
    await waitFor(() => !existsSync(scratchDir), { what: `${scratchDir} to be removed` });
    expect(await refused(adminUrl)).toBe(true);
    for (const pid of pids) await waitFor(async () => !(await isAlive(pid)), { what: `process ${pid} to end` });
  });
});

describe('waitFor', () => {
  test('returns the value of the condition, and tries again after an error', async () => {
    let calls = 0;
    const found = await waitFor(
      () => {
        calls += 1;
        if (calls === 1) throw new Error('not yet');
        return calls === 3 && 'there';
      },
      { what: 'the third call', intervalMs: 1 },
    );
    expect(found).toBe('there');
  });

  test('throws an error with what it waited for and the last value or error of the condition', async () => {
    const options = { what: 'a miracle', timeoutMs: 5, intervalMs: 1 };
    await expect(waitFor(() => 0, options)).rejects.toThrow('waited 5 ms for a miracle; the condition last returned 0');
    await expect(waitFor(() => Promise.reject(new Error('no luck')), options)).rejects.toThrow(
      'waited 5 ms for a miracle; the condition last threw Error: no luck',
    );
  });
});

describe('a started process', () => {
  test('that ends without the awaited line makes the wait fail at once, with its output', async () => {
    const child = processes.start('test/support/fixtures/session-holder.ts', {
      args: ['postgresql://127.0.0.1:1/none'],
    });
    await expect(child.waitForLine(/^connected/)).rejects.toThrow(/ended \(1\) before a line like[^]*ECONNREFUSED/);
    expect(await child.kill()).toEqual({ code: 1, signal: null });
  });
});

test('a free port can be listened on', async () => {
  const port = await freePort();
  const server = createServer();
  await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening));
  expect(server.address()).toMatchObject({ port });
  server.close();
});
