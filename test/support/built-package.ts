import { execFile } from 'node:child_process';
import { cp, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { installTarball, pack } from '../../scripts/package/install-packed.ts';
import { oncePerRun } from './once-per-run.ts';
import { scratchFolder } from './scratch-folder.ts';

const run = promisify(execFile);
const repository = fileURLToPath(new URL('../..', import.meta.url));

/** The package as `npm publish` would send it: the path of a tarball, which is made once for a run. */
export const packedPackage = (): Promise<string> => oncePerRun('package', async () => pack(await scratchFolder()));

/** The folder of a project into which npm installed the package, with all that belongs to it. Each caller gets a copy to change. */
export async function installPackedPackage(): Promise<string> {
  const installed = await oncePerRun('installed-package', async () => {
    const folder = await scratchFolder();
    installTarball(await packedPackage(), folder);
    return folder;
  });
  const app = join(await scratchFolder(), 'app');
  await cp(installed, app, { recursive: true, verbatimSymlinks: true });
  return app;
}

/**
 * The folder of a program that has the package as it is published, and everything else from this repository. `tasker` is in its
 * node_modules/.bin.
 */
export async function installBuiltPackage(): Promise<string> {
  const folder = await scratchFolder();
  const installed = join(folder, 'app/node_modules/tasker-fleet');
  await mkdir(installed, { recursive: true });
  // A tarball of npm has everything in one folder, `package`.
  await run('tar', ['-xzf', await packedPackage(), '-C', installed, '--strip-components=1']);
  await symlink(join(repository, 'node_modules'), join(installed, 'node_modules'));
  for (const name of ['zod', 'pg', '@types']) {
    await symlink(join(repository, 'node_modules', name), join(folder, 'app/node_modules', name));
  }
  const tasker = join(installed, 'dist/cli.js');
  await mkdir(join(folder, 'app/node_modules/.bin'));
  await symlink(tasker, join(folder, 'app/node_modules/.bin/tasker'));
  return join(folder, 'app');
}
