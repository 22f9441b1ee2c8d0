import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readdir, readFile, realpath, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbeddedPostgresError } from '../errors.ts';
import { chooseOsUser, type OsUser } from './os-user.ts';

/**
 * Everything the embedded server owns lies in one folder, so that deleting the folder deletes the database:
 *
 *   cluster/       PostgreSQL's data directory, complete by construction (made elsewhere, then renamed)
 *   password       of the superuser, mode 0600
 *   port           the port of the last start, so that a URL in somebody's shell stays valid
 *   server.log     what the server prints
 *   launch.lock    who is starting it right now
 */
export interface EmbeddedFolder {
  root: string;
  cluster: string;
  passwordFile: string;
  portFile: string;
  logFile: string;
  lockFile: string;
  osUser: OsUser | undefined;
}

/** Past this size the log starts again, with one older generation kept. */
export const maximumLogBytes = 20 * 1024 * 1024;

const ownNames =
  /^(cluster(\.(partial|damaged)-.*)?|password|port|server\.log(\.1)?|launch\.lock.*|.*\.tmp-[0-9a-f]+)$/;

/** Makes the folder, or recognises it as one of ours, and gives it to the user that runs the server. */
export async function openFolder(dataDir: string): Promise<EmbeddedFolder> {
  await mkdir(dataDir, { recursive: true });
  // One spelling for every process: adoption compares this path with the running server's command line.
  const root = await realpath(dataDir);
  const strangers = (await readdir(root)).filter((name) => !ownNames.test(name));
  if (strangers.length > 0) {
    throw new EmbeddedPostgresError(
      `${root} holds other files (${strangers.slice(0, 3).join(', ')}): the embedded database needs a folder of its own. ` +
        'Name an empty or a new folder.',
      { root, strangers },
    );
  }
  const cluster = join(root, 'cluster');
  const osUser = await chooseOsUser(await ownerOf(cluster));
  if (osUser !== undefined) await giveAway(root, osUser);
  if (osUser !== undefined || (await stat(root)).uid === process.getuid?.()) await chmod(root, 0o700);
  return {
    root,
    cluster,
    passwordFile: join(root, 'password'),
    portFile: join(root, 'port'),
    logFile: join(root, 'server.log'),
    lockFile: join(root, 'launch.lock'),
    osUser,
  };
}

/** Fails if root lacks the rights of root: a container without the capabilities, or a user namespace with one user. */
async function giveAway(root: string, user: OsUser): Promise<void> {
  try {
    await chown(root, user.uid, user.gid);
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `PostgreSQL does not run as root, and ${root} cannot be given to '${user.name}' (${(cause as NodeJS.ErrnoException).code}: ` +
        'no right to change owners here, or a file system or user namespace without that user): ' +
        'start as an ordinary user, name a data folder elsewhere, or set DATABASE_URL to a PostgreSQL server instead',
      { root, user: user.name },
      { cause },
    );
  }
}

async function ownerOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).uid;
  } catch {
    return undefined;
  }
}

/** True only if nothing exists at this path; a path that may not be read does not count as missing. */
export async function isMissing(path: string): Promise<boolean> {
  try {
    await stat(path);
    return false;
  } catch (error) {
    return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
  }
}

/** Reads a small file; undefined if it does not exist. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes a file as a whole or not at all, mode 0600, owned by the server's user. */
export async function writeWhole(folder: EmbeddedFolder, path: string, content: string): Promise<void> {
  const draft = `${path}.tmp-${randomBytes(6).toString('hex')}`;
  await writeFile(draft, content, { mode: 0o600 });
  await giveToServer(folder, draft);
  await rename(draft, path);
}

export async function giveToServer(folder: EmbeddedFolder, path: string): Promise<void> {
  if (folder.osUser !== undefined) await chown(path, folder.osUser.uid, folder.osUser.gid);
}

/** The superuser's password; a new one is made only together with a new cluster. */
export async function readPassword(folder: EmbeddedFolder): Promise<string> {
  const password = (await readIfThere(folder.passwordFile))?.trim();
  if (password) return password;
  throw new EmbeddedPostgresError(
    `${folder.passwordFile} is missing, and without it nobody can log in to the database beside it: ` +
      `restore the file, or remove ${folder.root} to start with an empty database`,
    { passwordFile: folder.passwordFile },
  );
}

export async function rememberedPort(folder: EmbeddedFolder): Promise<number | undefined> {
  const port = Number(await readIfThere(folder.portFile));
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
}
