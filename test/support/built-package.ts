import { execFile } from 'node:child_process';
import { copyFile, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { scratchFolder } from './scratch-folder.ts';

const run = promisify(execFile);
const repository = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Compiles the package as it is published, and makes the folder of a program that has it installed. Returns that folder; `tasker` is
 * in its node_modules/.bin.
 */
export async function installBuiltPackage(): Promise<string> {
  const folder = await scratchFolder();
  const installed = join(folder, 'app/node_modules/tasker-fleet');
  await mkdir(installed, { recursive: true });
  await run(process.execPath, ['scripts/build.ts', join(installed, 'dist')], { cwd: repository });
  await copyFile(join(repository, 'package.json'), join(installed, 'package.json'));
  await symlink(join(repository, 'node_modules'), join(installed, 'node_modules'));
  for (const name of ['zod', 'pg', '@types']) {
    await symlink(join(repository, 'node_modules', name), join(folder, 'app/node_modules', name));
  }
  const tasker = join(installed, 'dist/cli.js');
  await mkdir(join(folder, 'app/node_modules/.bin'));
  await symlink(tasker, join(folder, 'app/node_modules/.bin/tasker'));
  return join(folder, 'app');
}
