/**
 * `npm run package:check`: packs the package, lets publint and are-the-types-wrong judge it, for every entry and every way in
 * which TypeScript and Node resolve it, and loads every entry of it, as a module and as CommonJS.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installTarball, pack } from './package/install-packed.ts';

const folder = mkdtempSync(join(tmpdir(), 'tasker-package-'));
try {
  const tarball = pack(folder);
  for (const judge of [
    ['publint', tarball, '--strict'],
    ['attw', tarball, '--no-emoji'],
  ]) {
    execFileSync(process.execPath, [join('node_modules/.bin', judge[0] as string), ...judge.slice(1)], {
      stdio: 'inherit',
    });
  }
  // What the bundler loads late can be used too early, which only the bundle shows.
  const app = join(folder, 'app');
  mkdirSync(app);
  installTarball(tarball, app);
  const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as { exports: Record<string, unknown> };
  for (const entry of Object.keys(exports).filter((path) => !path.endsWith('.json'))) {
    const name = JSON.stringify(`tasker-fleet${entry.slice(1)}`);
    for (const program of [`await import(${name})`, `require(${name})`]) {
      const format = program.startsWith('require') ? 'commonjs' : 'module';
      execFileSync(process.execPath, [`--input-type=${format}`, '--eval', program], { cwd: app, stdio: 'inherit' });
    }
  }
  execFileSync(process.execPath, ['node_modules/.bin/tasker', '--version'], { cwd: app, stdio: 'inherit' });
} catch (error) {
  // A judge, or Node, has printed what is wrong.
  if ((error as { status?: number }).status === undefined) throw error;
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}
