/**
 * `npm run package:check`: packs the package and lets publint and are-the-types-wrong judge it, for every entry and every way in
 * which TypeScript and Node resolve it.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack } from './package/install-packed.ts';

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
} catch (error) {
  // A judge has printed what is wrong.
  if ((error as { status?: number }).status === undefined) throw error;
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}
