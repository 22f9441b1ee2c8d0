import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { freePort } from './free-port.ts';
import { waitFor } from './wait-for.ts';

const BINARY = '/usr/sbin/pgbouncer';

export interface PgBouncer {
  readonly port: number;
  readonly version: string;
  /** The same database, through the pooler. */
  url(databaseUrl: string): string;
  stop(): Promise<void>;
}

/** Installs Debian's PgBouncer if it is missing. Returns undefined if it is installed, otherwise why it is not. */
export function ensurePgBouncer(): string | undefined {
  if (existsSync(BINARY)) return undefined;
  const script = fileURLToPath(new URL('../../scripts/install-debian.sh', import.meta.url));
  const { status, stderr } = spawnSync(script, ['pgbouncer'], { encoding: 'utf8' });
  return status === 0 && existsSync(BINARY) ? undefined : `PgBouncer cannot be installed: ${stderr.trim()}`;
}

/** A PgBouncer in transaction mode in front of the server of `databaseUrl`, for all of its databases. */
export async function startPgBouncer(databaseUrl: string, folder: string): Promise<PgBouncer> {
  const server = new URL(databaseUrl);
  const port = await freePort();
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'pgbouncer.ini');
  const credentials = `user=${server.username} password=${decodeURIComponent(server.password)}`;
  writeFileSync(
    file,
    [
      '[databases]',
      `* = host=${server.hostname} port=${server.port || 5432} ${credentials}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${port}`,
      'unix_socket_dir =',
      'auth_type = any',
      'pool_mode = transaction',
      // Fewer than the connections of all clients, so that sessions really are shared.
      'default_pool_size = 8',
      'max_client_conn = 500',
      // A test's database is dropped at its end, when no session may be connected.
      'server_idle_timeout = 1',
      `logfile = ${join(folder, 'pgbouncer.log')}`,
    ].join('\n'),
  );
  // It refuses to run as root.
  const account = process.getuid?.() === 0 ? unprivileged() : undefined;
  if (account !== undefined) chownSync(folder, account.uid, account.gid);
  chmodSync(file, 0o644);
  const child = spawn(BINARY, [file], { stdio: 'ignore', ...account });
  let ended = false;
  child.on('exit', () => (ended = true));
  const url = (original: string): string => {
    const through = new URL(original);
    through.hostname = '127.0.0.1';
    through.port = String(port);
    return through.href;
  };
  await waitFor(() => ended || acceptsQueries(url(databaseUrl)), {
    timeoutMs: 15_000,
    what: 'PgBouncer to accept queries',
  });
  if (ended) throw new Error(`PgBouncer did not start:\n${readFileSync(join(folder, 'pgbouncer.log'), 'utf8')}`);
  return {
    port,
    version: spawnSync(BINARY, ['--version'], { encoding: 'utf8' }).stdout.split('\n')[0] ?? '',
    url,
    stop: async () => {
      if (ended) return;
      const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      child.kill('SIGINT');
      setTimeout(() => child.kill('SIGKILL'), 5000).unref();
      await gone;
    },
  };
}

async function acceptsQueries(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query('SELECT 1')).rowCount === 1;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function unprivileged(): { uid: number; gid: number } {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => /^(postgres|nobody):/.test(entry));
  const [, , uid, gid] = line?.split(':') ?? [];
  return { uid: Number(uid ?? 65_534), gid: Number(gid ?? 65_534) };
}
