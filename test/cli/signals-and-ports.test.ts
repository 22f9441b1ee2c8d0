import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { useProcesses } from '../support/processes.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const test = await useTestDatabase();
const processes = useProcesses();
const workerArgs = ['worker', '--workflows', 'test/cli/cli-workflows.ts'];

const start = (args: string[], env: Record<string, string | undefined>) =>
  processes.start('src/cli/main.ts', { args, env: { DATABASE_URL: test.url, ...env } });

const registered = async (): Promise<number> =>
  ((await test.query('SELECT count(*)::int AS n FROM tasker.tasker_workers')) as [{ n: number }])[0].n;

/** A port that another program listens on, until the test ends. Port 9464 may be in use already. */
async function takenPort(port: number): Promise<number> {
  const server = createServer();
  onTestFinished(() => void server.close());
  return new Promise((taken, failed) => {
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? taken(port) : failed(error)));
    server.listen(port, '127.0.0.1', () => taken((server.address() as { port: number }).port));
  });
}

describe('the metrics port', () => {
  it.each(['worker', 'scheduler'])(
    'that is configured and taken ends a %s with status 2 before it has joined the fleet',
    async (role) => {
      const port = await takenPort(0);
      const before = await registered();
      const args = role === 'worker' ? workerArgs : ['scheduler'];
      const started = start(args, { TASKER_METRICS_PORT: String(port) });
      expect(await started.exited).toEqual({ code: 2, signal: null });
      expect(started.lines).toEqual([
        `tasker: TASKER_METRICS_PORT (--metrics-port): ${port} is taken on 127.0.0.1 by another program: choose another port, 0 for any free one, or none at all for 9464 or the next free one`,
      ]);
      expect(await registered()).toBe(before);
    },
  );

  it('that is the default gives way if it is taken: the next free one is used, with a line in the log', async () => {
    await takenPort(9464);
    const both = [
      start(workerArgs, { TASKER_METRICS_PORT: undefined }),
      start(['scheduler'], { TASKER_METRICS_PORT: undefined }),
    ];
    const urls = await Promise.all(
      both.map(async (each) => {
        const [line] = await each.waitForLine(/.* started".*/);
        return (JSON.parse(line) as { url: string }).url;
      }),
    );
    expect(new Set(urls).size).toBe(2);
    for (const [index, url] of urls.entries()) {
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:94\d\d$/);
      expect((await fetch(`${url}/readyz`)).status).toBe(200);
      expect(both[index]?.lines.filter((line) => line.includes('port 9464 is taken'))).toHaveLength(1);
    }
    for (const each of both) expect(await each.kill()).toEqual({ code: 0, signal: null });
  }, 30_000);

  it('on an address that is not ours names the setting', async () => {
    const started = start(workerArgs, { TASKER_METRICS_HOST: '192.0.2.1', TASKER_METRICS_PORT: '0' });
    expect(await started.exited).toEqual({ code: 2, signal: null });
    expect(started.lines.join('\n')).toContain('TASKER_METRICS_HOST: "192.0.2.1" is not an address of this machine');
  });
});

describe('signals', () => {
  it.each([
    ['worker', workerArgs],
    ['scheduler', ['scheduler']],
  ])('SIGHUP ends a %s in order, and what arrives twice at once is one signal', async (_, args) => {
    const started = start(args, { TASKER_METRICS_PORT: '0' });
    await started.waitForLine(/ started"/);
    process.kill(started.pid, 'SIGHUP');
    expect(await started.kill('SIGHUP')).toEqual({ code: 0, signal: null });
    const output = started.lines.join('\n');
    expect(output).toContain('"message":"stopped"');
    expect(output).not.toContain('second signal');
  });

  it('a worker that npm started drains when npm is gone', async () => {
    const npm = spawn('npm', ['run', 'tasker', '--', ...workerArgs], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      env: { ...process.env, DATABASE_URL: test.url, TASKER_METRICS_PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    onTestFinished(() => {
      npm.stdout.destroy();
      // The whole group: a worker that did not follow npm would outlive the tests.
      try {
        process.kill(-(npm.pid as number), 'SIGKILL');
      } catch {
        // Nobody is left, as it should be.
      }
    });
    let output = '';
    npm.stdout.on('data', (data) => (output += String(data)));
    await waitFor(() => output.includes('worker started'), { what: 'the worker', timeoutMs: 20_000 });
    npm.kill('SIGKILL');
    await waitFor(() => output.includes('"message":"stopped"'), { what: 'its orderly end', timeoutMs: 15_000 });
    expect(output).toContain('"signal":"the end of npm"');
  }, 40_000);
});

describe('a process that waits for its database', () => {
  it('says once that it is away, and when it can be reached', async () => {
    const proxy = await startProxy({ target: test.url });
    onTestFinished(() => proxy.close());
    proxy.pointAt(1);
    const started = start(['scheduler'], { DATABASE_URL: proxy.url(test.url) });
    await waitFor(() => proxy.accepted >= 4, { what: 'it to have tried several times', timeoutMs: 30_000 });
    proxy.pointAt(Number(new URL(test.url).port));
    // Written after the line of the start.
    await started.waitForLine(/the database can be reached/);
    const messages = started.lines.map((line) => JSON.parse(line) as { message: string; attempt?: number });
    // No line repeats the one before it.
    const waiting = messages.map(({ message }) => message).filter((message) => message.includes('trying again'));
    expect(waiting.length).toBeGreaterThan(0);
    expect(waiting.filter((message, index) => message === waiting[index - 1])).toEqual([]);
    expect(messages.find(({ message }) => message === 'the database can be reached')?.attempt).toBeGreaterThan(2);
    expect(await started.kill()).toEqual({ code: 0, signal: null });
  }, 60_000);
});
