import { spawnSync } from 'node:child_process';

/**
 * Undefined where the program is there; else why the tests that need it are skipped, said once on the console: a skip
 * that nobody reads about is a test that nobody runs.
 */
export function whyMissing(program: string, debianPackage: string): string | undefined {
  const { error } = spawnSync(program, ['--version'], { stdio: 'ignore' });
  if (error === undefined) return undefined;
  const why = `${program} is not installed (scripts/install-debian.sh ${debianPackage})`;
  console.warn(`skipped: ${why}`);
  return why;
}
