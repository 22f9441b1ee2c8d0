import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { migrateToLatest } from '../../src/db/migrate.ts';
import { createDatabase, dropDatabase } from '../../src/embedded/databases.ts';
import { startEmbeddedPostgres } from '../../src/embedded/start.ts';

/** In addition to the embedded server's own settings, which keep fsync and synchronous_commit on. The same for every arm. */
export const SETTINGS: Readonly<Record<string, string>> = {
  max_connections: '300',
  shared_buffers: '1GB',
  max_wal_size: '8GB',
  checkpoint_timeout: '30min',
  // A slow statement is a figure here, not an incident.
  log_min_duration_statement: '-1',
  log_lock_waits: 'off',
  // The bench measures under held snapshots.
  idle_in_transaction_session_timeout: '0',
};

export interface BenchServer {
  readonly pid: number;
  adminUrl: string;
  /** A database of its own for one arm: migrated, or empty for a peer that brings its own tables. */
  database(options?: { empty?: boolean }): Promise<BenchDatabase>;
  stop(): Promise<void>;
}

export interface BenchDatabase {
  readonly url: string;
  readonly pool: pg.Pool;
  query<Row extends object = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>;
  drop(): Promise<void>;
}

const TEMPLATE = 'bench_template';

/** PostgreSQL in a temporary folder, removed at the end. */
export async function startServer(): Promise<BenchServer> {
  const folder = await mkdtemp(join(tmpdir(), 'tasker-bench-'));
  // If root runs the bench, the server runs as another user, who needs access to the folder.
  await chmod(folder, 0o755);
  const server = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), settings: SETTINGS });
  const adminUrl = server.url();
  await migrateToLatest(await createDatabase(adminUrl, TEMPLATE));
  let databases = 0;
  return {
    pid: server.pid,
    adminUrl,
    async database({ empty = false } = {}) {
      databases += 1;
      const name = `bench_${databases}`;
      const url = await createDatabase(adminUrl, name, empty ? {} : { template: TEMPLATE });
      const pool = new pg.Pool({ connectionString: url, max: 8, application_name: 'bench' });
      pool.on('error', () => undefined);
      await pool.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
      return {
        url,
        pool,
        query: async <Row extends object>(text: string, values?: unknown[]) =>
          (await pool.query<Row & pg.QueryResultRow>(text, values)).rows,
        drop: async () => {
          await pool.end();
          await dropDatabase(adminUrl, name);
        },
      };
    },
    async stop() {
      await server.stop('immediate');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
