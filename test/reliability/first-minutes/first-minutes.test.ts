import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { stopEmbeddedPostgres } from '../../../src/embedded/start.ts';
import { packedPackage } from '../../support/built-package.ts';
import { scratchFolder } from '../../support/scratch-folder.ts';

const run = promisify(execFile);

/** The way from nothing to a step of one's own is to take no longer than this. */
const BOUND_SECONDS = 60;

test('from an empty folder to a completed task: three commands, within a minute', { timeout: 300_000 }, async () => {
  const tarball = await packedPackage();
  const folder = join(await scratchFolder(), 'mine');
  await mkdir(folder);
  onTestFinished(
    async () => void (await stopEmbeddedPostgres({ dataDir: join(folder, '.tasker/postgres'), mode: 'immediate' })),
  );
  const { DATABASE_URL: _, ...rest } = process.env;
  const env = { ...rest, PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` };
  const commands = [
    `npm install --no-fund --no-audit ${tarball}`,
    'npx tasker init',
    'npx tasker dev --once --submit checkout',
  ];
  const begin = performance.now();
  let output = '';
  for (const command of commands) {
    const since = performance.now();
    const result = await run('/bin/sh', ['-c', command], { cwd: folder, env });
    output = result.stdout;
    console.log(`${((performance.now() - since) / 1000).toFixed(1)} s  ${command.replace(tarball, 'tasker-fleet')}`);
  }
  const seconds = (performance.now() - begin) / 1000;
  console.log(`${seconds.toFixed(1)} s  in all\n${output}`);
  expect(output).toMatch(/checkout #1 {2}pay {5}complete/);
  expect(output).toMatch(/checkout #1 {10}complete/);
  expect(seconds).toBeLessThan(BOUND_SECONDS);

  const tested = await run('npm', ['test'], { cwd: folder, env });
  expect(tested.stdout).toMatch(/pass 2\n/);

  // What the README of the project says about its types.
  const readme = await readFile(join(folder, 'README.md'), 'utf8');
  const [, install = 'false'] = /`(npm install --save-dev typescript[^`]*)`/.exec(readme) ?? [];
  await run('/bin/sh', ['-c', install], { cwd: folder, env });
  expect(await run('npx', ['tsc'], { cwd: folder, env })).toMatchObject({ stdout: '', stderr: '' });
});
