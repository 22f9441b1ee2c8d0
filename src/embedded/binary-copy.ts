import { createHash, randomBytes } from 'node:crypto';
import {
  chmod,
  constants,
  copyFile,
  link,
  lstat,
  mkdir,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstClosedFolder, type OsUser } from './os-user.ts';

const folderName = 'tasker-fleet-postgresql';
/** A copy takes seconds; one that is still unfinished after this was interrupted. */
const abandonedAfterMs = 3_600_000;

/**
 * A copy of a PostgreSQL installation (bin, lib, share: 60 MB) in a place that the server's user can reach and execute. The
 * server resolves its own path and finds its libraries beside it, so a link from another folder does not help. Made of hard
 * links if possible. Kept and reused: its name is a hash of its content, and it is checked file by file. `runs` tests whether
 * the server starts from there. Returns undefined if no place is suitable.
 */
export async function reachableCopy(
  installation: string,
  user: OsUser | undefined,
  runs: (copy: string) => Promise<boolean>,
): Promise<string | undefined> {
  const content = await listContent(installation);
  const name = createHash('sha256').update(content.join('\n')).digest('hex').slice(0, 16);
  for (const place of await places(user)) {
    try {
      const copy = join(place, name);
      if (!sameContent(await listContent(copy).catch(() => []), content))
        await makeCopy(installation, content, place, copy);
      if (await runs(copy)) return copy;
    } catch {
      // Full, read-only, or not owned by this user after all: try the next place.
    }
  }
  return undefined;
}

/** Folders for copies, best first: caches outlive a reboot, temporary folders may be cleared at any time. */
async function places(user: OsUser | undefined): Promise<string[]> {
  const home = process.env['XDG_CACHE_HOME'] ?? (process.env['HOME'] && join(process.env['HOME'], '.cache'));
  const suffix = `-${process.getuid?.() ?? 0}`;
  const shared = ['/var/tmp', tmpdir()].map((parent) => join(parent, `${folderName}${suffix}`));
  const candidates =
    user === undefined
      ? [...(home === undefined ? [] : [join(home, folderName)]), ...shared]
      : ['/var/cache', '/var/lib'].map((parent) => join(parent, folderName)).concat(shared);
  const usable: string[] = [];
  for (const candidate of candidates) if (await isUsable(candidate, user)) usable.push(candidate);
  return usable;
}

/** Files in such a folder are executed: it has to belong to this user, and nobody else may write to it. */
async function isUsable(folder: string, user: OsUser | undefined): Promise<boolean> {
  try {
    await mkdir(folder, { mode: 0o755 }).then(
      () => chmod(folder, 0o755),
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      },
    );
    const found = await lstat(folder);
    if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o022) !== 0) return false;
    return user === undefined || (await firstClosedFolder(join(folder, 'x'), user)) === undefined;
  } catch {
    return false;
  }
}

/** One line for each file, link and folder: path, kind, size or target. */
async function listContent(root: string, below = ''): Promise<string[]> {
  const lines: string[] = [];
  for (const entry of await readdir(join(root, below), { withFileTypes: true })) {
    const path = join(below, entry.name);
    if (entry.isDirectory()) lines.push(`${path}\tfolder`, ...(await listContent(root, path)));
    else if (entry.isSymbolicLink()) lines.push(`${path}\tlink\t${await readlink(join(root, path))}`);
    else lines.push(`${path}\tfile\t${(await lstat(join(root, path))).size}`);
  }
  return below === '' ? lines.sort() : lines;
}

function sameContent(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, index) => line === b[index]);
}

/** Makes the copy under a temporary name first, so that a copy under the final name is complete. */
async function makeCopy(source: string, content: readonly string[], place: string, copy: string): Promise<void> {
  await removeAbandoned(place);
  const partial = join(place, `partial-${randomBytes(6).toString('hex')}`);
  try {
    await makeFolder(partial);
    for (const line of content) {
      const [path = '', kind, target = ''] = line.split('\t');
      if (kind === 'folder') await makeFolder(join(partial, path));
      else if (kind === 'link') await symlink(target, join(partial, path));
      else await copyOne(join(source, path), join(partial, path));
    }
    try {
      await rename(partial, copy);
    } catch {
      // Another process was faster, or files of an older copy are gone (temporary folders are cleared file by file).
      if (sameContent(await listContent(copy), content)) return;
      await rename(copy, `${partial}-damaged`);
      await rename(partial, copy);
    }
  } finally {
    for (const left of [partial, `${partial}-damaged`]) await rm(left, { recursive: true, force: true });
  }
}

/** Readable for the server's user, whatever the umask. */
async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder);
  await chmod(folder, 0o755);
}

async function copyOne(from: string, to: string): Promise<void> {
  const { mode } = await lstat(from);
  const wanted = (mode & 0o100) === 0 ? 0o644 : 0o755;
  // A hard link shares the mode, too.
  const linked =
    (mode & 0o777) === wanted &&
    (await link(from, to).then(
      () => true,
      () => false,
    ));
  if (linked) return;
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await chmod(to, wanted);
}

async function removeAbandoned(place: string): Promise<void> {
  for (const name of await readdir(place)) {
    if (!name.startsWith('partial-')) continue;
    const { mtimeMs } = await lstat(join(place, name));
    if (Date.now() - mtimeMs > abandonedAfterMs) await rm(join(place, name), { recursive: true, force: true });
  }
}
