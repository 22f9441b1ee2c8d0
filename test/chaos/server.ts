import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { migrateToLatest } from '../../src/db/migrate.ts';
import { createDatabase, startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/embedded/index.ts';

const SETTINGS = {
  // Crashes here are of processes, never of the machine: the kernel keeps what was written.
  fsync: 'off',
  // Lets the audit compare the order of commits.
  track_commit_timestamp: 'on',
  full_page_writes: 'off',
  max_connections: '120',
  log_min_duration_statement: '-1',
  // The crash of one backend is followed by recovery at once.
  restart_after_crash: 'on',
};

/** The database of a run, with the ways in which it can go away. */
export interface ChaosServer {
  readonly url: string;
  /** When the server could be used again after each crash, by the wall clock that it shares with the database. */
  readonly restarts: { crashedAt: number; readyAt: number }[];
  /** Immediate shutdown; up again after `downMs`. */
  crash(downMs: number): Promise<void>;
  /** SIGKILL of one client's backend. Answers false where there was none. */
  killBackend(target: number): Promise<boolean>;
  /** Takes every connection that is left, for so long. Answers how many. */
  exhaust(ms: number): Promise<number>;
  stop(): Promise<void>;
}

export async function startChaosServer(dataDir: string): Promise<ChaosServer> {
  let server: EmbeddedPostgres = await startEmbeddedPostgres({ dataDir, settings: SETTINGS });
  const { port } = server;
  const url = await createDatabase(server.url(), 'chaos');
  await migrateToLatest(url);
  const restarts: ChaosServer['restarts'] = [];
  // One outage at a time: a crash in the middle of a recovery would count as two and be one.
  let busy: Promise<unknown> = Promise.resolve();
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const done = busy.then(work);
    busy = done.catch(() => undefined);
    return done;
  };

  return {
    url,
    restarts,
    crash: (downMs) =>
      alone(async () => {
        const crashedAt = Date.now();
        await server.stop('immediate');
        await sleep(downMs);
        server = await startEmbeddedPostgres({ dataDir, port, settings: SETTINGS });
        restarts.push({ crashedAt, readyAt: Date.now() });
      }),
    killBackend: (target) =>
      alone(async () => {
        const pids = await clientBackends(url);
        const pid = pids[target % pids.length];
        if (pid === undefined) return false;
        const crashedAt = Date.now();
        process.kill(pid, 'SIGKILL');
        await sleep(50);
        await untilAnswers(url);
        restarts.push({ crashedAt, readyAt: Date.now() });
        return true;
      }),
    async exhaust(ms) {
      const taken: pg.Client[] = [];
      while (taken.length < Number(SETTINGS.max_connections)) {
        const client = new pg.Client({
          connectionString: url,
          application_name: 'chaos hoarder',
          connectionTimeoutMillis: 2000,
        });
        client.on('error', () => undefined);
        try {
          await client.connect();
        } catch {
          break;
        }
        taken.push(client);
      }
      await sleep(ms);
      await Promise.all(taken.map((client) => client.end().catch(() => undefined)));
      return taken.length;
    },
    stop: () => alone(() => server.stop('fast')),
  };
}

async function clientBackends(url: string): Promise<number[]> {
  const rows = await ask(
    url,
    `SELECT pid FROM pg_stat_activity
     WHERE datname = current_database() AND backend_type = 'client backend' AND application_name LIKE 'tasker%'
     ORDER BY pid`,
  );
  return rows.map((row) => Number(row['pid']));
}

async function untilAnswers(url: string): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if (
      await ask(url, 'SELECT 1 AS one').then(
        (rows) => rows.length === 1,
        () => false,
      )
    )
      return;
    await sleep(50);
  }
  throw new Error('the server did not come back within 30 s');
}

/** One question on a connection of its own: nothing of a run's harness may depend on a session that a fault can end. */
async function ask(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'chaos',
    connectionTimeoutMillis: 2000,
    query_timeout: 5000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}
