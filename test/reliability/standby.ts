import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { waitFor } from '../support/wait-for.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/embedded/start.ts';

const run = promisify(execFile);

/** Settings of a primary that can stream, and of its standby. Without fsync, because only processes crash here, never the machine. */
export const REPLICATED = {
  wal_level: 'replica',
  max_wal_senders: '4',
  hot_standby: 'on',
  synchronous_commit: 'on',
  fsync: 'off',
};

/** A streaming standby of the server in `primaryDir`, made as pg_basebackup makes one: from a copy of a running server. */
export async function startStandby(
  primary: EmbeddedPostgres,
  primaryDir: string,
  dataDir: string,
  /** Settings of the primary beyond `REPLICATED`: a standby needs the same max_connections, for example. */
  settings: Readonly<Record<string, string>> = {},
): Promise<EmbeddedPostgres> {
  const client = new pg.Client({ connectionString: primary.url(), application_name: 'base backup' });
  await client.connect();
  try {
    await client.query(`SELECT pg_backup_start('standby', true)`);
    await mkdir(dataDir, { recursive: true });
    // cp keeps owners and modes, which the server checks. The WAL contains the changes of files that vanish while it runs.
    await run('cp', ['-a', join(primaryDir, 'cluster'), join(primaryDir, 'password'), dataDir]).catch(() => undefined);
    const cluster = join(dataDir, 'cluster');
    for (const name of ['postmaster.pid', 'postmaster.opts']) await rm(join(cluster, name), { force: true });
    const { rows } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
    await writeFile(join(cluster, 'backup_label'), rows[0]?.labelfile ?? '');
    await writeFile(join(cluster, 'standby.signal'), '');
    await run('chown', ['-R', '--reference', join(primaryDir, 'cluster'), cluster]);
  } finally {
    await client.end();
  }
  const { hostname, port, username, password } = new URL(primary.url());
  return startEmbeddedPostgres({
    dataDir,
    settings: {
      ...REPLICATED,
      ...settings,
      primary_conninfo: `host=${hostname} port=${port} user=${username} password=${password} application_name=standby`,
    },
  });
}

/** From now on every commit of the primary waits for its standby. A promoted standby does not take this setting over. */
export async function waitForStandbyWithEveryCommit(primary: EmbeddedPostgres): Promise<void> {
  const client = new pg.Client({ connectionString: primary.url(), application_name: 'replication' });
  await client.connect();
  try {
    await client.query(`ALTER SYSTEM SET synchronous_standby_names = '*'`);
    await client.query('SELECT pg_reload_conf()');
    await waitFor(
      async () => (await client.query(`SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'`)).rowCount === 1,
      { timeoutMs: 30_000, what: 'the standby to be synchronous' },
    );
  } finally {
    await client.end();
  }
}

/** One address for the current primary, like a proxy, a pooler or a DNS name in production. */
export interface ServiceAddress {
  url(databaseUrl: string): string;
  /** New connections go to this port; existing ones break. */
  pointAt(port: number): void;
  close(): Promise<void>;
}

export async function startServiceAddress(port: number): Promise<ServiceAddress> {
  let target = port;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect({ host: '127.0.0.1', port: target });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        open.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', () => listening()));
  const address = server.address();
  const own = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url(databaseUrl) {
      const url = new URL(databaseUrl);
      url.port = String(own);
      return url.href;
    },
    pointAt(next) {
      target = next;
      for (const socket of open) socket.destroy();
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
