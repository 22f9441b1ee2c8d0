import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Installs packages into a project that has none, from this registry. Rejects with what npm says if it cannot. */
export async function secondsToInstall(folder: string, packages: readonly string[], registry: string): Promise<number> {
  rmSync(join(folder, 'node_modules'), { recursive: true, force: true });
  rmSync(join(folder, 'package-lock.json'), { force: true });
  const startedAt = performance.now();
  const flags = ['--no-save', '--package-lock=true', '--no-audit', '--no-fund', `--registry=${registry}`];
  await run('npm', ['install', ...flags, ...packages], { cwd: folder, timeout: 300_000 });
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
  const name = first.replace(/(?<=.)@[^@]+$/, '');
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
