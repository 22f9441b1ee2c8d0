import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];

/** Packs the package as `npm publish` would, into a folder. Returns the path of the tarball. */
export function pack(folder: string): string {
  const args = ['pack', '--json', '--pack-destination', folder, ...quiet];
  // The build is a script of npm, and its output would be mixed into the JSON.
  execFileSync(process.execPath, ['scripts/build.ts'], { cwd: repository, stdio: ['ignore', 'ignore', 'inherit'] });
  const output = execFileSync('npm', [...args, '--ignore-scripts'], { cwd: repository, encoding: 'utf8' });
  const [packed] = Object.values(JSON.parse(output) as Record<string, { filename: string }>);
  if (packed === undefined) throw new Error('npm packed nothing');
  return join(folder, packed.filename);
}

/** Installs a tarball of the package into a folder that becomes an otherwise empty project, from npm's cache as far as it goes. */
export function installTarball(tarball: string, app: string): void {
  writeFileSync(join(app, 'package.json'), '{ "name": "app", "version": "1.0.0", "private": true }\n');
  execFileSync('npm', ['install', tarball, '--prefer-offline', ...quiet], {
    cwd: app,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** Packs the package and installs it into a project in a temporary folder. Returns the project's folder, which the caller removes. */
export function installPacked(): string {
  const app = mkdtempSync(join(tmpdir(), 'tasker-package-'));
  installTarball(pack(app), app);
  return app;
}
