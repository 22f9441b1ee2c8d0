import { spawnSync } from 'node:child_process';
import { relative, resolve } from 'node:path';
import { Command } from 'commander';
import { STATUS } from '../report-error.ts';

/** `tasker init`: a project with one workflow that runs. */
export function initCommand(exit: (status: number) => void): Command {
  return new Command('init')
    .description('write a workflow, its test, a Dockerfile, a kustomization and a README; nothing is overwritten')
    .argument('[folder]', 'where to; made if it is missing', '.')
    .option('--no-install', 'write the files only; install the packages yourself')
    .addHelpText('after', '\nExample:\n  npx tasker-fleet init my-workflows')
    .action(async (folder: string, options: { install: boolean }) => {
      const { packageManager, PLATFORM_PACKAGES, quiet } = await import('../../dev/postgres-package.ts');
      const { POSTGRES_PACKAGE } = await import('../../embedded/binaries.ts');
      const { writeProject } = await import('../../init/write-project.ts');
      const { written, changed } = writeProject(folder, {
        forDevelopment: [POSTGRES_PACKAGE],
        withScripts: PLATFORM_PACKAGES,
      });
      const root = resolve(folder);
      console.log(written.map((path) => `  ${relative('', resolve(root, path))}`).join('\n'));
      if (changed.length > 0) console.log(`  ${relative('', resolve(root, 'package.json'))}: ${changed.join(', ')}`);

      const manager = packageManager(root);
      let installed = false;
      if (options.install) {
        console.log(`\n${manager} install ...`);
        const { status } = spawnSync(manager, ['install', ...quiet(manager)], {
          cwd: root,
          stdio: ['ignore', 'ignore', 'inherit'],
        });
        installed = status === 0;
        if (!installed) console.error(`tasker: ${manager} install failed: see above; the files are written`);
      }
      const next = [
        ...(root === process.cwd() ? [] : [`cd ${folder}`]),
        ...(installed ? [] : [`${manager} install`]),
        'npx tasker dev --submit checkout      # runs a first task, and again at each save',
        'npm test',
      ];
      console.log(`\nNext:\n${next.map((line) => `  ${line}`).join('\n')}`);
      exit(options.install && !installed ? STATUS.failed : STATUS.ok);
    });
}
