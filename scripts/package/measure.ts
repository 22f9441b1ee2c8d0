import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface InstalledSize {
  /** As `du` counts: whole blocks. */
  kilobytes: number;
  /** Names and versions, this package included. */
  packages: string[];
}

/** What is in the node_modules of a project. */
export function sizeOf(app: string): InstalledSize {
  let blocks = 0;
  for (const path of readdirSync(join(app, 'node_modules'), { recursive: true, encoding: 'utf8' })) {
    blocks += statSync(join(app, 'node_modules', path)).blocks;
  }
  const lock = JSON.parse(readFileSync(join(app, 'node_modules/.package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string }>;
  };
  const packages = Object.entries(lock.packages).map(
    ([path, { version }]) => `${path.replace(/^.*node_modules\//, '')}@${version}`,
  );
  return { kilobytes: blocks / 2, packages };
}

/** Milliseconds that a new process takes for the import: the best of `runs`, which other load on the machine disturbs least. */
export function importMilliseconds(app: string, path: string, runs = 9): number {
  const code = `const began = performance.now(); await import('tasker-fleet${path}'); console.log(performance.now() - began)`;
  const times = Array.from({ length: runs }, () =>
    Number(execFileSync(process.execPath, ['--input-type=module', '-e', code], { cwd: app, encoding: 'utf8' })),
  );
  return Math.round(Math.min(...times));
}
