import { chmod, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';

/** A new empty folder, removed at the end of the run. Every user of the machine may enter it, only ours may write to it. */
export async function scratchFolder(): Promise<string> {
  const folder = await mkdtemp(join(inject('testRun').scratchDir, 'scratch-'));
  await chmod(folder, 0o755);
  return folder;
}
