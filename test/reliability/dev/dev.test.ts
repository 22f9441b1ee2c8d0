import { execFile } from 'node:child_process';
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test as it } from 'vitest';
import { useProcesses } from '../../support/processes.ts';
import { scratchFolder } from '../../support/scratch-folder.ts';
import { useTestDatabase } from '../../support/test-database.ts';

const run = promisify(execFile);
const cli = resolve('src/cli/main.ts');
const database = await useTestDatabase({ empty: true });
const processes = useProcesses();

/** `checkout` of two steps; `steps`: further ones. */
const source = (result: string, steps = ''): string => `
import { defineWorkflow } from '${resolve('src/index.ts')}';
import { z } from '${resolve('node_modules/zod/index.js')}';
import { amount } from './lib/amount.ts';
export const checkout = defineWorkflow({ namespace: 'shop', name: 'checkout', version: '1.0.0', input: z.object({ ms: z.number().default(0) }) })
  .step('price', async ({ input }) => { await new Promise((done) => setTimeout(done, input.ms)); return amount(); })
  .step('pay', { dependsOn: ['price'] }, () => '${result}')${steps};
`;

async function project(): Promise<{ folder: string; save(file: string, text: string): Promise<void> }> {
  const folder = await scratchFolder();
  await mkdir(join(folder, 'lib'));
  const save = (file: string, text: string): Promise<void> => writeFile(join(folder, file), text);
  await save('lib/amount.ts', 'export const amount = () => 1;');
  await save('checkout.ts', source('first'));
  return { folder, save };
}

it('new code runs at each save; broken code is shown and the last good one runs on; a changed graph needs no new version', async () => {
  const { folder, save } = await project();
  const env = { ...process.env, DATABASE_URL: database.url };
  const dev = processes.start(cli, { args: ['dev', '--workflows', './checkout.ts'], cwd: folder, env });
  const tasker = async (...args: string[]): Promise<string> =>
    (await run(process.execPath, [cli, ...args], { cwd: folder, env })).stdout.trim();
  /** The first line: below it are results. */
  const submit = async (input: string, ...more: string[]): Promise<string | undefined> =>
    (await tasker('submit', 'checkout', '--workflows', './checkout.ts', '--input', input, ...more)).split('\n')[0];
  const reloads = async (times: number): Promise<void> => {
    await dev.waitForLine(/waiting for a change|npx tasker tasks/);
    const count = (): number => dev.lines.filter((line) => line.endsWith('  reloaded')).length;
    await expect.poll(count, { timeout: 30_000 }).toBe(times);
  };

  await dev.waitForLine(/shop\/checkout {2}1\.0\.0 {2}2 steps/);
  expect(await submit('{}', '--wait')).toBe('task 1 complete');
  await dev.waitForLine(/checkout #1 {2}price {2}complete {2}\d+ ms/);
  await dev.waitForLine(/checkout #1 {9}complete {2}\d/);
  expect(dev.lines.filter((line) => line.startsWith('{'))).toEqual([]);

  // A file that the workflow imports; the step that runs meanwhile ends where it began.
  await submit('{"ms":1500}');
  await save('lib/amount.ts', 'export const amount = () => 2;');
  await dev.waitForLine(/lib\/amount\.ts changed/);
  await reloads(1);
  expect(await submit('{}', '--wait')).toBe('task 3 complete');
  expect(await tasker('task', '3', '--json')).toContain('"results": 2');

  await save('lib/amount.ts', 'export const amount = () => ;');
  await dev.waitForLine(/could not be loaded: Expression expected/);
  await dev.waitForLine(/lib\/amount\.ts:1$/);
  await dev.waitForLine(/the last version that loads runs on/);
  await save('lib/amount.ts', 'export const amount = () => 3;');
  await reloads(2);

  await submit('{"ms":60000}');
  await dev.waitForLine(/#2 {9}complete/);
  await save('checkout.ts', source('second', `.step('notify', { dependsOn: ['pay'] }, () => 'sent')`));
  await dev.waitForLine(/checkout 1\.0\.0 has other steps or edges now/);
  await dev.waitForLine(/task 4 has the former graph, and waits as checkout 1\.0\.9001/);
  await reloads(3);
  expect(await submit('{}', '--wait')).toBe('task 5 complete');
  expect(await tasker('task', '5')).toContain('notify');

  // The graph of before, again: its task goes on, with the new code.
  await save('checkout.ts', source('third').replace('input.ms', '0'));
  await dev.waitForLine(/checkout #4 {9}complete/);
  expect(await tasker('task', '4', '--json')).toContain('"third"');

  expect(await dev.kill('SIGINT')).toEqual({ code: 0, signal: null });
  expect(dev.lines.at(-1)).toMatch(/stopped$/);
});

it('a second signal ends it at once; what ran is recovered at the next start, also after a crash of the worker', async () => {
  const { folder, save } = await project();
  const env = { ...process.env, DATABASE_URL: undefined };
  const start = (...args: string[]) =>
    processes.start(cli, { args: ['dev', '--workflows', './checkout.ts', ...args], cwd: folder, env });
  const dev = start('--submit', 'checkout', '--input', '{"ms":60000}');
  await dev.waitForLine(/checkout #\d+ {2}submitted/);
  // Other commands find the embedded database by themselves.
  const listed = await run(process.execPath, [cli, 'tasks'], {
    cwd: join(folder, 'lib'),
    env: env as NodeJS.ProcessEnv,
  });
  expect(listed.stdout).toContain('shop/checkout');
  expect(listed.stderr).toMatch(/the database of tasker dev \(pid \d+/);
  const second = start();
  expect(await second.exited).toEqual({ code: 2, signal: null });
  expect(second.lines.join()).toContain('tasker dev runs in this folder already');

  const { pid } = JSON.parse(await readFile(join(folder, '.tasker/dev.json'), 'utf8')) as { pid: number };
  process.kill(pid, 'SIGINT');
  await dev.waitForLine(/shutting down/);
  await new Promise((passed) => setTimeout(passed, 700));
  process.kill(pid, 'SIGINT');
  expect(await dev.exited).toEqual({ code: 0, signal: null });
  await expect(access(join(folder, '.tasker/dev.json'))).rejects.toThrow('ENOENT');

  const marker = join(folder, 'crashed');
  await save(
    'checkout.ts',
    source('after').replace(
      'await new Promise',
      `const { existsSync, writeFileSync } = await import('node:fs');
       if (!existsSync('${marker}')) { writeFileSync('${marker}', ''); process.kill(process.pid, 'SIGKILL'); }
       if (input.ms < 60000) await new Promise`,
    ),
  );
  const again = start('--once');
  await again.waitForLine(/the worker ended \(signal SIGKILL\); another one starts in 0\.5 s/);
  await again.waitForLine(/checkout #1 {9}complete/);
  expect(await again.exited).toEqual({ code: 0, signal: null });

  const misspelt = start('--once', '--submit', 'chekout');
  expect(await misspelt.exited).toEqual({ code: 1, signal: null });
  expect(misspelt.lines.join('\n')).toContain('export no workflow chekout');
});

it('refuses a database on which a fleet runs', async () => {
  const { folder } = await project();
  const env = { ...process.env, DATABASE_URL: database.url };
  const scheduler = processes.start(cli, { args: ['scheduler', '--metrics-port', '0'], cwd: folder, env });
  await scheduler.waitForLine(/scheduler started/);
  const dev = processes.start(cli, { args: ['dev', '--workflows', './checkout.ts'], cwd: folder, env });
  expect(await dev.exited).toEqual({ code: 2, signal: null });
  expect(dev.lines.join()).toContain('a fleet runs on the database of DATABASE_URL (scheduler ');
  await scheduler.kill();
});
