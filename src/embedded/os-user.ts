import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EmbeddedPostgresError } from '../errors.ts';

/** The operating system's user that runs the server. */
export interface OsUser {
  name: string;
  uid: number;
  gid: number;
}

/** The usual unprivileged accounts, best first: Debian's and macOS's PostgreSQL accounts, then those every system has. */
const preferredNames = ['postgres', '_postgres', 'nobody', 'daemon'];

/**
 * PostgreSQL refuses to run as root, and initdb needs an account that exists. Root therefore uses one of those; every other
 * user runs the server under its own account (undefined: no switch). `ownerUid` is the owner of an existing cluster: it stays
 * the server's user, whatever accounts appeared since.
 */
export async function chooseOsUser(ownerUid?: number): Promise<OsUser | undefined> {
  const ownUid = process.getuid?.();
  if (ownUid !== 0) {
    if (ownUid !== undefined && ownerUid !== undefined && ownerUid !== ownUid) {
      throw new EmbeddedPostgresError(
        `the embedded database belongs to another user (uid ${ownerUid}, you are uid ${ownUid}): ` +
          'start it as that user (or as root, if root made it), or choose another data folder',
        { ownerUid, ownUid },
      );
    }
    return undefined;
  }
  const accounts = parseAccounts(await readFile('/etc/passwd', 'utf8').catch(() => ''));
  const chosen =
    ownerUid === undefined
      ? (preferredNames.map((name) => accounts.find((account) => account.name === name)).find(Boolean) ?? accounts[0])
      : accounts.find((account) => account.uid === ownerUid);
  if (chosen !== undefined) return chosen;
  throw new EmbeddedPostgresError(
    ownerUid === undefined
      ? 'PostgreSQL does not run as root and /etc/passwd has no other account: add one, for example with `useradd postgres`'
      : `the embedded database belongs to uid ${ownerUid}, which /etc/passwd does not know: ` +
          'add that account, chown the data folder to one that exists, or choose another data folder',
    { ownerUid },
  );
}

/** The unprivileged accounts of an /etc/passwd text. */
export function parseAccounts(passwd: string): OsUser[] {
  return passwd
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ name, uid, gid }) => name !== '' && uid > 0 && Number.isInteger(gid));
}

/**
 * The outermost folder on the way to `path` that this user may not pass through, if any (mode bits only).
 * Supplementary groups do not count: a process started with another uid gets none.
 */
export async function firstClosedFolder(path: string, user: OsUser): Promise<string | undefined> {
  const parents: string[] = [];
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    parents.unshift(folder);
    if (folder === dirname(folder)) break;
  }
  for (const folder of parents) {
    const { mode, uid, gid } = await stat(folder);
    const searchBit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & searchBit) === 0) return folder;
  }
  return undefined;
}

/** A finished program: its exit code (or what kept it from starting) and everything it printed. */
export interface ProgramResult {
  code: number | null;
  startError: string | undefined;
  output: string;
}

/** Runs a program of the PostgreSQL installation to its end as the server's user. Never throws. */
export function runAs(user: OsUser | undefined, file: string, args: string[], cwd?: string): Promise<ProgramResult> {
  return new Promise((done) => {
    const options = { env: serverEnvironment(), cwd, ...(user && { uid: user.uid, gid: user.gid }) };
    try {
      execFile(file, args, options, (error, stdout, stderr) => {
        const output = `${stdout}${stderr}`.trim();
        if (error === null) done({ code: 0, startError: undefined, output });
        else if (typeof error.code === 'string') done({ code: null, startError: error.code, output });
        else done({ code: error.code ?? null, startError: undefined, output });
      });
    } catch (error) {
      // Node throws EACCES and EPERM of the spawn itself synchronously on some platforms.
      done({ code: null, startError: (error as NodeJS.ErrnoException).code ?? String(error), output: '' });
    }
  });
}

/**
 * The caller's environment without variables that would redirect the server: PGDATA, PGPORT and similar, and the locale. With
 * TZ set, initdb does not search a thousand time zone files for the one of the machine.
 */
export function serverEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG|NODE_)/.test(name));
  return { ...Object.fromEntries(inherited), LC_ALL: 'C.UTF-8', TZ: 'UTC' };
}
