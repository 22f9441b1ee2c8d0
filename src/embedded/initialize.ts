import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbeddedPostgresError } from '../errors.ts';
import type { PostgresBinaries } from './binaries.ts';
import { type DataDirectory, dataDirectory } from './data-directory.ts';
import { type EmbeddedFolder, giveToServer, readIfThere, writeWhole } from './folder.ts';
import { firstClosedFolder, type ProgramResult, runAs } from './os-user.ts';

/**
 * Makes sure that `cluster/` is a complete data directory. initdb works in `cluster.partial-*`, which gets the final name
 * only when it is complete: an interruption leaves a partial folder, which the next start removes and replaces. The caller
 * holds the launch lock and knows that no server runs.
 */
export async function ensureCluster(
  folder: EmbeddedFolder,
  binaries: PostgresBinaries,
  log: (line: string) => void,
  durable: boolean,
): Promise<void> {
  await removePartialClusters(folder);
  if (await isCluster(folder.cluster)) return;
  await setAsideDamagedCluster(folder, log);

  await writeWhole(folder, folder.passwordFile, `${randomBytes(24).toString('base64url')}\n`);
  const partial = `${folder.cluster}.partial-${randomBytes(6).toString('hex')}`;
  log(`making a new PostgreSQL data directory in ${folder.root}`);
  await mkdir(partial, { mode: 0o700 });
  await giveToServer(folder, partial);
  const directory = dataDirectory(folder, partial);
  const result = await runAs(folder.osUser, binaries.initdb, initdbArguments(directory, durable), directory.cwd);
  if (result.code !== 0) {
    await rm(partial, { recursive: true, force: true });
    throw new EmbeddedPostgresError(await whyInitdbFailed(folder, result), { root: folder.root, ...result });
  }
  await rename(partial, folder.cluster);
}

async function whyInitdbFailed(folder: EmbeddedFolder, result: ProgramResult): Promise<string> {
  const uid = /could not look up effective user ID (\d+)/.exec(result.output)?.[1];
  if (uid !== undefined) {
    return (
      `PostgreSQL's initdb needs an account, and /etc/passwd has none for uid ${uid}: add one ` +
      `(\`echo 'tasker:x:${uid}:${process.getgid?.() ?? uid}::/:/bin/sh' >> /etc/passwd\`, or --user with an account that exists), ` +
      'or set DATABASE_URL to a PostgreSQL server instead'
    );
  }
  const closed =
    process.platform === 'linux'
      ? undefined
      : folder.osUser && (await firstClosedFolder(folder.cluster, folder.osUser));
  return closed === undefined
    ? `initdb failed in ${folder.root}: ${result.startError ?? ''} ${essenceOf(result.output)}`
    : `PostgreSQL runs as '${folder.osUser?.name}' because you are root, but that user may not enter ${closed}: ` +
        `allow it with \`chmod o+x ${closed}\` or name a data folder elsewhere`;
}

/** What went wrong, without the steps that went well. */
function essenceOf(output: string): string {
  const problems = output.split('\n').filter((line) => /FATAL|PANIC|ERROR|HINT|error:|could not/.test(line));
  return problems.length === 0 ? output : problems.join('\n');
}

function initdbArguments(directory: DataDirectory, durable: boolean): string[] {
  return [
    `--pgdata=${directory.path}`,
    '--username=postgres',
    `--pwfile=${directory.passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // The builtin provider sorts the same on every machine and needs no locale installed.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    ...(durable ? [] : ['--no-sync']),
  ];
}

async function isCluster(directory: string): Promise<boolean> {
  return (await readIfThere(join(directory, 'PG_VERSION'))) !== undefined && (await hasControlFile(directory));
}

async function hasControlFile(directory: string): Promise<boolean> {
  try {
    return (await readdir(join(directory, 'global'))).includes('pg_control');
  } catch {
    return false;
  }
}

/** A `cluster` folder that no initdb finished cannot start, but it might contain data: it is kept under another name. */
async function setAsideDamagedCluster(folder: EmbeddedFolder, log: (line: string) => void): Promise<void> {
  if ((await listNames(folder.root)).includes('cluster')) {
    const names = await listNames(folder.cluster);
    if (names.length === 0) return rm(folder.cluster, { recursive: true });
    const aside = `${folder.cluster}.damaged-${Date.now()}`;
    await rename(folder.cluster, aside);
    log(`the data directory was not complete: kept it as ${aside} and making a new one`);
  }
}

async function removePartialClusters(folder: EmbeddedFolder): Promise<void> {
  const partials = (await listNames(folder.root)).filter((name) => name.startsWith('cluster.partial-'));
  for (const name of partials) {
    // An orphaned initdb may still be writing there; its files do not matter, and the next start tries again.
    await rm(join(folder.root, name), { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
  }
}

function listNames(directory: string): Promise<string[]> {
  return readdir(directory);
}
