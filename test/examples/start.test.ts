import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stopEmbeddedPostgres } from '../../src/embedded/start.ts';
import { isAlive } from '../../src/embedded/process-identity.ts';
import { type TestProcess, useProcesses } from '../support/processes.ts';
import { scratchFolder } from '../support/scratch-folder.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const { start } = useProcesses();
const [forContinuing, forKilling, forStaying, forKeeping] = [
  await useTestDatabase({ empty: true }),
  await useTestDatabase({ empty: true }),
  await useTestDatabase({ empty: true }),
  await useTestDatabase({ empty: true }),
];
const program = 'examples/order-fulfillment/start.ts';
const checksPassed = /^Checks: all \d+ as expected$/;
/** The slowest planned order needs two retries, 2 to 6 seconds; the rest is for a busy machine. */
const runWithinMs = 90_000;

function startRun(dataDir: string, databaseUrl: string | undefined, ...args: string[]): TestProcess {
  return start(program, {
    args: ['--data', dataDir, '--port', String(20_000 + Math.floor(Math.random() * 20_000)), ...args],
    // An empty value counts as none: the tests may themselves run on a database that is named there.
    env: { DATABASE_URL: databaseUrl ?? '', DATABASE_URL_DIRECT: undefined, npm_lifecycle_event: undefined },
  });
}

async function pidOf(run: TestProcess, name: string): Promise<number> {
  const [line] = await run.waitForLine(/^fleet: .*/, { timeoutMs: runWithinMs });
  return Number(new RegExp(`${name} \\(pid (\\d+)\\)`).exec(line)?.[1]);
}

/** The run ends by itself, with everything as expected. */
async function expectSuccess(run: TestProcess): Promise<void> {
  const end = await run.exited;
  if (end.code !== 0) throw new Error(`ended with ${end.signal ?? end.code}:\n${run.lines.join('\n')}`);
  expect(run.lines).toContainEqual(expect.stringMatching(checksPassed));
}

async function chargedOrders(dataDir: string): Promise<number[]> {
  const folder = join(dataDir, 'payments');
  const [ledger, ...others] = (await readdir(folder)).filter((name) => name.endsWith('.jsonl'));
  expect(others).toEqual([]);
  const entries = (await readFile(join(folder, ledger as string), 'utf8')).trimEnd().split('\n');
  return entries
    .map((line) => JSON.parse(line) as { order_id: number; charge_id?: string })
    .filter((entry) => entry.charge_id !== undefined)
    .map((entry) => entry.order_id);
}

// Most of the time they wait for each other's processes.
describe.concurrent('npm start on a database of the user', () => {
  test(
    'runs 60 orders to the end; again, it has nothing to do; for more orders, it goes on',
    async () => {
      const database = forContinuing;
      const dataDir = await scratchFolder();
      await expectSuccess(startRun(dataDir, database.url, '--exit', '--tasks', '60'));
      const tasks = () =>
        database.query('SELECT state, count(*)::integer AS tasks FROM tasker.tasker_tasks GROUP BY state ORDER BY 1');
      expect(await tasks()).toEqual([
        { state: 'complete', tasks: 58 },
        { state: 'error', tasks: 2 },
      ]);
      const charged = await chargedOrders(dataDir);
      expect([charged.length, new Set(charged).size]).toEqual([58, 58]);
      // In a list of tasks no order looks like another.
      const [tagged] = await database.query<{ different: number; countries: number }>(
        `SELECT count(DISTINCT tags->>0)::integer AS different, count(DISTINCT tags->>1)::integer AS countries FROM tasker.tasker_tasks`,
      );
      expect(tagged?.different).toBe(60);
      expect(tagged?.countries).toBeGreaterThan(5);

      const again = startRun(dataDir, database.url, '--exit', '--tasks', '60');
      await expectSuccess(again);
      expect(again.lines).toContain('submitted: 0 tasks; 60 tasks known from an earlier run');
      expect(again.lines).toContainEqual(expect.stringContaining('nothing left to do'));

      const more = startRun(dataDir, database.url, '--exit', '--tasks', '70');
      await expectSuccess(more);
      expect(more.lines).toContain('submitted: 10 tasks; 60 tasks known from an earlier run');
    },
    3 * runWithinMs,
  );

  test(
    'survives the death of a worker, of the gateway and of the scheduler in the middle of the work',
    async () => {
      const database = forKilling;
      const run = startRun(await scratchFolder(), database.url, '--exit', '--tasks', '200');
      const victims = await Promise.all(['worker 1', 'payment gateway', 'scheduler'].map((name) => pidOf(run, name)));
      await run.waitForLine(/^submitted/, { timeoutMs: runWithinMs });
      await waitFor(
        async () => {
          const [row] = await database.query<{ paid: number }>(
            `SELECT count(*)::integer AS paid FROM tasker.tasker_workflow_steps s JOIN tasker.tasker_named_steps n USING (named_step_id)
             WHERE n.name = 'payment' AND s.state = 'complete'`,
          );
          return (row?.paid ?? 0) > 20;
        },
        { what: 'twenty payments', timeoutMs: runWithinMs },
      );
      for (const pid of victims) process.kill(pid, 'SIGKILL');
      await expectSuccess(run);
      expect(run.lines.filter((line) => line.includes('was ended by SIGKILL: starting it again'))).toHaveLength(3);
    },
    2 * runWithinMs,
  );

  test(
    'stays up after the summary, serves metrics, and ends with status 0 on SIGTERM; a second start meanwhile is refused',
    async () => {
      const database = forStaying;
      const dataDir = await scratchFolder();
      const run = startRun(dataDir, database.url, '--tasks', '5');
      const metrics = (await run.waitForLine(/^metrics of worker 1: (\S+)$/, { timeoutMs: runWithinMs }))[1] as string;
      expect((await fetch(metrics)).status).toBe(200);
      const dashboard = (await run.waitForLine(/^dashboard: (\S+\/ui\/)$/, { timeoutMs: runWithinMs }))[1] as string;
      expect((await fetch(new URL('../v1/me', dashboard))).status).toBe(200);
      expect(run.lines.slice(0, 2)).toEqual([`dashboard: ${dashboard}`, 'database: the one that DATABASE_URL names']);

      const second = startRun(dataDir, database.url, '--tasks', '5');
      await second.waitForLine(/^waiting for an earlier run to end \(order example on .*, pid \d+ at /);
      expect(await second.kill('SIGINT')).toEqual({ code: 1, signal: null });
      expect(second.lines).toContainEqual(
        expect.stringMatching(/^failed: the example already runs on this database \(.*pid \d+/),
      );

      const pids = await Promise.all(
        ['worker 1', 'worker 2', 'payment gateway', 'scheduler'].map((name) => pidOf(run, name)),
      );
      expect(await run.kill('SIGTERM')).toEqual({ code: 0, signal: null });
      expect(await Promise.all(pids.map(isAlive))).toEqual([false, false, false, false]);
    },
    2 * runWithinMs,
  );

  test(
    'does not empty it',
    async () => {
      const run = startRun(await scratchFolder(), forKeeping.url, '--fresh', '--exit');
      expect(await run.exited).toEqual({ code: 1, signal: null });
      expect(run.lines).toContainEqual(expect.stringMatching(/^failed: --fresh would throw away a database of yours/));
    },
    runWithinMs,
  );
});

describe.concurrent('npm start on its own database', () => {
  test(
    'goes on after it was killed, after it was interrupted, and after its database was killed, and then begins again',
    async () => {
      const dataDir = await scratchFolder();
      const launch = (...args: string[]) => startRun(dataDir, undefined, '--tasks', '120', ...args);
      try {
        const killed = launch('--exit');
        const worker = await pidOf(killed, 'worker 2');
        await killed.waitForLine(/^submitted: 120 tasks$/, { timeoutMs: runWithinMs });
        await killed.kill('SIGKILL');
        await waitFor(async () => !(await isAlive(worker)), {
          what: 'the orphaned worker to leave',
          timeoutMs: 30_000,
        });

        const interrupted = launch('--exit');
        await interrupted.waitForLine(/^submitted: 0 tasks; 120 tasks known/, { timeoutMs: runWithinMs });
        expect(interrupted.lines).toContainEqual(expect.stringContaining('left running by an earlier start'));
        expect(await interrupted.kill('SIGINT')).toEqual({ code: 130, signal: null });
        expect(interrupted.lines).toContainEqual(expect.stringMatching(/^interrupted: \d+ of 120 tasks ended/));
        const postmaster = join(dataDir, 'postgres', 'cluster', 'postmaster.pid');
        expect(existsSync(postmaster)).toBe(false);

        const survivor = launch('--exit');
        await survivor.waitForLine(/^submitted/, { timeoutMs: runWithinMs });
        process.kill(Number((await readFile(postmaster, 'utf8')).split('\n')[0]), 'SIGKILL');
        await expectSuccess(survivor);
        const charged = await chargedOrders(dataDir);
        expect(charged.length).toBe(new Set(charged).size);

        const fresh = launch('--exit', '--fresh');
        await expectSuccess(fresh);
        expect(fresh.lines).toContain('submitted: 120 tasks');
        expect(existsSync(postmaster)).toBe(false);
      } finally {
        await stopEmbeddedPostgres({ dataDir: join(dataDir, 'postgres'), mode: 'immediate' });
      }
    },
    5 * runWithinMs,
  );
});

describe('the command line', () => {
  test.each([
    [['--tasks', '831'], /'--tasks <n>' argument '831' is invalid\. It must be a whole number from 1 to 830\./],
    [['--workers', '0'], /from 1 to 10/],
    [['--worker', '2'], /unknown option '--worker'/],
    [['sixty'], /too many arguments/],
  ])('%j is refused with status 2', async (args, message) => {
    const run = start(program, { args });
    expect(await run.exited).toEqual({ code: 2, signal: null });
    expect(run.lines.join('\n')).toMatch(message);
  });

  test('--help explains the options and the statuses', async () => {
    const run = start(program, { args: ['--help'] });
    expect(await run.exited).toEqual({ code: 0, signal: null });
    for (const word of ['--workers', '--tasks', '--exit', '--fresh', 'DATABASE_URL', 'Exit status', '130']) {
      expect(run.lines.join('\n')).toContain(word);
    }
  });
});
