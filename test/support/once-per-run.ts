import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';
import { waitFor } from './wait-for.ts';

/** Longer than the slowest thing that is made once: the image, on a machine that has never built it. */
const MADE_WITHIN_MS = 600_000;

/**
 * What `make` returned the first time that a test file of this run asked for `name`. Files that ask meanwhile wait for it. For what
 * takes seconds to make and is only read afterwards: the packed package, the image. If `make` fails, the next file tries again.
 */
export async function oncePerRun(name: string, make: () => Promise<string>): Promise<string> {
  const folder = join(inject('testRun').scratchDir, `once-${name}`);
  const file = join(folder, 'value');
  const taken = await waitFor(
    async () => {
      const value = await readFile(file, 'utf8').catch(() => undefined);
      if (value !== undefined) return { value };
      // Only one process can make the folder, and makes the value.
      const ours = await mkdir(folder).then(
        () => true,
        () => false,
      );
      return ours && { value: undefined };
    },
    { what: `another test file to make ${name}`, timeoutMs: MADE_WITHIN_MS, intervalMs: 100 },
  );
  if (taken.value !== undefined) return taken.value;
  try {
    const made = await make();
    // Renamed, so that whoever reads it reads all of it.
    await writeFile(`${file}.part`, made);
    await rename(`${file}.part`, file);
    return made;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}
