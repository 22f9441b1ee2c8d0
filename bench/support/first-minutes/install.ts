import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Installs packages into a project that has none. Throws what npm says if it cannot. */
export function secondsToInstall(folder: string, packages: readonly string[]): number {
  rmSync(join(folder, 'node_modules'), { recursive: true, force: true });
  rmSync(join(folder, 'package-lock.json'), { force: true });
  const startedAt = performance.now();
  execFileSync('npm', ['install', '--no-save', '--package-lock=true', '--no-audit', '--no-fund', ...packages], {
    cwd: folder,
    encoding: 'utf8',
    stdio: 'pipe',
    timeout: 300_000,
  });
  return (performance.now() - startedAt) / 1000;
}

/** Packages that are in node_modules, however deep, and the disk that they take. */
export function installedSize(
  folder: string,
  packages: readonly string[],
): { version: string; packages: number; megabytes: number } {
  const lock = JSON.parse(readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string }>;
  };
  const installed = Object.keys(lock.packages).filter((path) => existsSync(join(folder, path)));
  const [first = ''] = packages;
  const name = first.endsWith('.tgz') ? 'tasker-fleet' : first.replace(/(?<=.)@[^@]+$/, '');
  const kilobytes = Number(
    execFileSync('du', ['-sk', 'node_modules'], { cwd: folder, encoding: 'utf8' }).split('\t')[0],
  );
  return {
    version: lock.packages[`node_modules/${name}`]?.version ?? 'unknown',
    packages: installed.length,
    megabytes: Math.round(kilobytes / 1024),
  };
}

/** 1 for the lowest value; equal values share a place. */
export function placeOf(name: string, values: readonly (readonly [string, number])[]): number {
  const own = values.find(([other]) => other === name)?.[1];
  if (own === undefined) return NaN;
  return 1 + values.filter(([, value]) => value < own).length;
}
