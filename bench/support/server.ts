import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { migrateToLatest } from '../../src/db/migrate.ts';
import { createDatabase, databaseExists, dropDatabase, withDatabase } from '../../src/embedded/databases.ts';
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
  /**
   * A database that may take long to fill: `fill` is called if there is none of this name yet. It stays if the server's folder does, with the
   * newest schema.
   */
  filledDatabase(name: string, fill: (db: BenchDatabase) => Promise<void>): Promise<BenchDatabase>;
  stop(): Promise<void>;
}

export interface BenchDatabase {
  readonly url: string;
  readonly pool: pg.Pool;
  query<Row extends object = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>;
  drop(): Promise<void>;
}

const TEMPLATE = 'bench_template';

/** PostgreSQL in a temporary folder, removed at the end; or in `keptIn`, which stays with the databases that took long to fill. */
export async function startServer({ keptIn }: { keptIn?: string | undefined } = {}): Promise<BenchServer> {
  const folder = keptIn ?? (await mkdtemp(join(tmpdir(), 'tasker-bench-')));
  await mkdir(folder, { recursive: true });
  // If root runs the bench, the server runs as another user, who needs access to the folder.
  await chmod(folder, 0o755);
  const server = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), settings: SETTINGS });
  const adminUrl = server.url();
  await dropDatabase(adminUrl, TEMPLATE);
  await migrateToLatest(await createDatabase(adminUrl, TEMPLATE));
  let databases = 0;
  const open = async (name: string, url: string, kept: boolean): Promise<BenchDatabase> => {
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
        if (!kept) await dropDatabase(adminUrl, name);
      },
    };
  };
  return {
    pid: server.pid,
    adminUrl,
    async database({ empty = false } = {}) {
      databases += 1;
      const name = `bench_${databases}`;
      await dropDatabase(adminUrl, name);
      return open(name, await createDatabase(adminUrl, name, empty ? {} : { template: TEMPLATE }), false);
    },
    async filledDatabase(name, fill) {
      const kept = keptIn !== undefined;
      if (await databaseExists(adminUrl, name)) {
        const url = withDatabase(adminUrl, name);
        await migrateToLatest(url);
        return open(name, url, kept);
      }
      // Only a database that is whole has the name.
      const unfinished = `${name}_unfinished`;
      await dropDatabase(adminUrl, unfinished);
      const db = await open(unfinished, await createDatabase(adminUrl, unfinished, { template: TEMPLATE }), true);
      await fill(db);
      await db.drop();
      await renameDatabase(adminUrl, unfinished, name);
      return open(name, withDatabase(adminUrl, name), kept);
    },
    async stop() {
      await server.stop(keptIn === undefined ? 'immediate' : 'fast');
      if (keptIn === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

async function renameDatabase(adminUrl: string, from: string, to: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await client.query(`ALTER DATABASE ${pg.escapeIdentifier(from)} RENAME TO ${pg.escapeIdentifier(to)}`);
  } finally {
    await client.end();
  }
}
