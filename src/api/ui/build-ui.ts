import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A build takes about a second; a machine that is busy with the tests needs longer. */
const BUILD_TIMEOUT_MS = 120_000;

/**
 * The built dashboard of a source tree, from a folder that is named after what the sources are: built anew only if they have changed.
 * Only for development; undefined if the tree has no dashboard.
 */
export async function buildUi(root: string): Promise<string | undefined> {
  const program = join(root, 'scripts', 'build-dashboard.ts');
  if (!existsSync(program)) return undefined;
  const cache = join(root, 'node_modules', '.cache', 'tasker-fleet');
  const folder = join(cache, `ui-${await digestOf(root)}`);
  if (existsSync(join(folder, 'index.html'))) return folder;
  // Beside its final place, and renamed as a whole: processes that build at the same time do not see parts of each other's work.
  const parent = await mkdir(cache, { recursive: true }).then(
    () => cache,
    () => tmpdir(),
  );
  const made = await mkdtemp(join(parent, 'building-ui-'));
  await promisify(execFile)(process.execPath, [program, made], { cwd: root, timeout: BUILD_TIMEOUT_MS });
  try {
    await rename(made, folder);
    return folder;
  } catch {
    if (!existsSync(join(folder, 'index.html'))) return made;
    await rm(made, { recursive: true, force: true });
    return folder;
  }
}

/** Of the dashboard's sources and of the versions of what they are built with. */
async function digestOf(root: string): Promise<string> {
  const hash = createHash('sha256').update(await readFile(join(root, 'package-lock.json')));
  const entries = await readdir(join(root, 'dashboard'), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.toSorted()) hash.update(`${file.slice(root.length)}\0`).update(await readFile(file));
  return hash.digest('hex').slice(0, 16);
}
