import { chmod, stat, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { findDev, readDevFile, removeDevFile, writeDevFile } from '../../src/dev/dev-file.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

const content = (pid: number) => ({ pid, url: 'postgres://x/y', schema: 'tasker', workflows: ['/w.ts'] });

/** A process that lives until the end of the test. `args`: of its command line. */
function living(...args: string[]): number {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', ...args], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child.pid as number;
}

test('is found from any folder below, while tasker dev lives, and read by its user only', async () => {
  const root = await scratchFolder();
  await mkdir(join(root, '.tasker'));
  await mkdir(join(root, 'a/b'), { recursive: true });
  const expected = content(living('dev'));
  writeDevFile(join(root, '.tasker'), expected);
  expect((await findDev(join(root, 'a/b')))?.dev).toEqual(expected);
  expect((await stat(join(root, '.tasker/dev.json'))).mode & 0o777).toBe(0o600);
  removeDevFile(join(root, '.tasker'));
  expect(await findDev(join(root, 'a/b'))).toBeUndefined();
});

test('does not count if its process has ended, or if another program has the process id', async () => {
  const folder = await scratchFolder();
  writeDevFile(folder, content(2 ** 22 + 1));
  expect(await readDevFile(folder)).toBeUndefined();
  writeDevFile(folder, content(living('worker')));
  expect(await readDevFile(folder)).toBeUndefined();
});

test('that cannot be read does not count', async () => {
  const folder = await scratchFolder();
  await writeFile(join(folder, 'dev.json'), '{');
  await chmod(join(folder, 'dev.json'), 0o600);
  expect(await readDevFile(folder)).toBeUndefined();
});
