import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, type TestContext } from 'vitest';
import { ManagedProcess } from '../../examples/order-fulfillment/run/managed-process.ts';
import { isAlive } from '../../src/embedded/process-identity.ts';
import { useProcesses } from '../support/processes.ts';
import { scratchFolder } from '../support/scratch-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const never = new AbortController().signal;
const now = AbortSignal.abort();
/** Of a test that runs beside another, only its own context knows when it is over. */
type Finished = TestContext['onTestFinished'];
const stopAfter = (finished: Finished, supervised: ManagedProcess): void =>
  finished(async () => void (await supervised.stop(0, now)));

async function supervise(finished: Finished, behaviour: 'obedient' | 'stubborn' | 'dying') {
  const folder = await scratchFolder();
  const starts = join(folder, 'starts');
  const logFile = join(folder, 'log');
  const restarting: string[] = [];
  const givenUp: Error[] = [];
  const pids = async (): Promise<string[]> =>
    (await readFile(starts, 'utf8').catch(() => '')).split('\n').filter(Boolean);
  const supervised = new ManagedProcess(
    {
      name: 'child',
      args: () => ['test/examples/programs/steadfast.ts', behaviour, starts],
      env: () => ({}),
      logFile,
      isReady: async (child) => (await pids()).includes(String(child.pid)),
    },
    { restarting: (message) => restarting.push(message), givenUp: (error) => givenUp.push(error) },
  );
  stopAfter(finished, supervised);
  return { supervised, restarting, givenUp, pids, logFile };
}

describe('a supervised process', () => {
  test('that dies is started again, and that is reported', async ({ onTestFinished }) => {
    const { supervised, restarting, pids } = await supervise(onTestFinished, 'obedient');
    await supervised.start();
    const first = supervised.pid as number;
    process.kill(first, 'SIGKILL');
    await waitFor(async () => (await pids()).length === 2, { what: 'the second start' });
    expect(restarting).toEqual([`child (pid ${first}) was ended by SIGKILL: starting it again`]);
    expect(supervised.restarts).toBe(1);
    expect(supervised.pid).not.toBe(first);
  });

  // Each waits 3 seconds, while a process that ends at once is started again five times.
  test.concurrent('that ends whenever it is started is given up, with the end of its log', async ({
    onTestFinished,
  }) => {
    const { supervised, restarting, givenUp, logFile } = await supervise(onTestFinished, 'dying');
    // Ready for a moment or not at all, depending on the moment of the check: a dying process shows both.
    await supervised.start().catch(() => {});
    await waitFor(() => givenUp.length === 1, { what: 'the end of patience' });
    expect(restarting).toHaveLength(5);
    expect(givenUp[0]?.message).toMatch(/^child ended with status 3, for the 6th time within a minute\. The end of /);
    expect(givenUp[0]?.message).toContain(`${logFile}:\n`);
    expect(givenUp[0]?.message).toMatch(/started as dying$/);
  });

  test.concurrent('that cannot get ready fails its start', async ({ onTestFinished }) => {
    const folder = await scratchFolder();
    const supervised = new ManagedProcess(
      {
        name: 'child',
        args: () => ['test/examples/programs/steadfast.ts', 'dying', join(folder, 'starts')],
        env: () => ({}),
        logFile: join(folder, 'log'),
        isReady: () => Promise.reject(new Error('nobody there')),
      },
      { restarting: () => {}, givenUp: () => {} },
    );
    stopAfter(onTestFinished, supervised);
    await expect(supervised.start()).rejects.toThrow(/^child ends whenever it is started\. The end of /);
  });

  test('stops after a stop, and is not started again', async ({ onTestFinished }) => {
    const { supervised, restarting, pids } = await supervise(onTestFinished, 'obedient');
    await supervised.start();
    expect(await supervised.stop(10_000, never)).toBe(true);
    expect(await isAlive(supervised.pid as number)).toBe(false);
    expect(await supervised.stop(10_000, never)).toBe(true);
    expect([restarting, (await pids()).length]).toEqual([[], 1]);
  });

  test('that does not stop is killed after the grace', async ({ onTestFinished }) => {
    const { supervised } = await supervise(onTestFinished, 'stubborn');
    await supervised.start();
    expect(await supervised.stop(300, never)).toBe(false);
    expect(await isAlive(supervised.pid as number)).toBe(false);
  });

  test('that does not stop is killed at once when there is a stopNow', async ({ onTestFinished }) => {
    const { supervised, logFile } = await supervise(onTestFinished, 'stubborn');
    await supervised.start();
    const stopNow = new AbortController();
    const stopped = supervised.stop(600_000, stopNow.signal);
    await waitFor(async () => (await readFile(logFile, 'utf8')).includes('SIGTERM ignored'), { what: 'the refusal' });
    stopNow.abort();
    expect(await stopped).toBe(false);
  });
});

describe('a process whose starter is killed', () => {
  const { start } = useProcesses();

  test('stops by itself', async () => {
    const folder = await scratchFolder();
    const starter = start('test/examples/programs/starter.ts', {
      args: ['obedient', join(folder, 'starts'), join(folder, 'log')],
    });
    const pid = Number((await starter.waitForLine(/child is (\d+)/))[1]);
    expect(await isAlive(pid)).toBe(true);
    await starter.kill('SIGKILL');
    await waitFor(async () => !(await isAlive(pid)), { what: 'the end of the child' });
  });
});
