import { spawnSync } from 'node:child_process';

/**
 * Returns undefined if the program is installed; otherwise why the tests that need it are skipped, which is also printed once: a skip
 * that is not noticed is a test that is never run.
 */
export function whyMissing(program: string, debianPackage: string): string | undefined {
  const { error } = spawnSync(program, ['--version'], { stdio: 'ignore' });
  if (error === undefined) return undefined;
  const why = `${program} is not installed (scripts/install-debian.sh ${debianPackage})`;
  console.warn(`skipped: ${why}`);
  return why;
}
