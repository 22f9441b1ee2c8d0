import { chmod, mkdir, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { migrateToLatest } from '../../src/db/migrate.ts';
import { createDatabase, withDatabase } from '../../src/embedded/databases.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres, stopEmbeddedPostgres } from '../../src/embedded/start.ts';
import { chooseOsUser } from '../../src/embedded/os-user.ts';
import { REPLICATED, startStandby, waitForStandbyWithEveryCommit } from '../reliability/standby.ts';
import { continueServer, stopServer } from '../support/stopped-server.ts';
import { DATABASE, FLEET_PASSWORD, FLEET_ROLE, queryOnce, runUntilSuccessful } from './admin.ts';
import { type Certificates, makeCertificates } from './certificates.ts';
import { CHANGE_LOG } from './change-log.ts';
import { READINESS_LOG } from './readiness-log.ts';

const SETTINGS = {
  ...REPLICATED,
  // Only processes crash here, never the machine: the kernel keeps what was written.
  fsync: 'off',
  // Lets the audit compare the order of commits.
  track_commit_timestamp: 'on',
  full_page_writes: 'off',
  max_connections: '120',
  // Connections that `exhaust` cannot take: the harness needs them to undo faults meanwhile.
  superuser_reserved_connections: '8',
  log_min_duration_statement: '-1',
  // The server recovers at once after the crash of one backend.
  restart_after_crash: 'on',
};
/** The port in the name of the socket that the fleet uses, whichever server is behind it. */
const SOCKET_PORT = 5432;

/** The database of a run, with the ways in which it can become unavailable. */
export interface ChaosServer {
  /** As the superuser, directly to the current server. */
  readonly adminUrl: string;
  /** As the fleet's role, directly to the current server. */
  readonly url: string;
  /** As the fleet's role, over a unix socket whose name stays the same. */
  readonly socketUrl: string;
  readonly port: number;
  /** Undefined if openssl is missing. */
  readonly certificates: Certificates | undefined;
  /** When the server could be used again after each crash, by the wall clock, which is also that of the database. */
  readonly restarts: { crashedAt: number; readyAt: number }[];
  /** Serializes everything that takes the server or its settings away: two outages at once would count as two and be one. */
  alone<T>(work: () => Promise<T>): Promise<T>;
  /** Immediate shutdown; up again after `downMs`. */
  crash(downMs: number): Promise<void>;
  /** Stops every process of the server for `ms`, with its connections open. */
  freeze(ms: number): Promise<void>;
  /** SIGKILL of one client's backend. Returns false if there was none. */
  killBackend(target: number): Promise<boolean>;
  /** A standby that has every commit replaces the server, which is stopped in the middle of its work. */
  replace(): Promise<void>;
  /** Takes every connection that is left to the fleet, for `ms`. Returns their number. */
  exhaust(ms: number): Promise<number>;
  stop(): Promise<void>;
}

/** The folders of a run's servers: the first one, and one for each replacement. */
export const serverFolder = (folder: string, generation: number): string => join(folder, `postgres-${generation}`);

/** `onMoved` is called with the new port when the server is replaced. */
export async function startChaosServer(folder: string, onMoved: (port: number) => void): Promise<ChaosServer> {
  const [sockets, fleetSocket] = [join(folder, 'sockets'), join(folder, 'socket')];
  await Promise.all([mkdir(sockets), mkdir(fleetSocket)]);
  // The server, which may run as another user, creates its sockets there.
  await chmod(sockets, 0o777);
  const certificates = await makeCertificates(join(folder, 'tls'), await chooseOsUser());
  const settings = {
    ...SETTINGS,
    unix_socket_directories: sockets,
    ...(certificates && {
      ssl: 'on',
      ssl_cert_file: certificates.certificateFile,
      ssl_key_file: certificates.keyFile,
    }),
  };
  let generation = 0;
  let dataDir = serverFolder(folder, 0);
  let server: EmbeddedPostgres = await startEmbeddedPostgres({ dataDir, settings });
  const pointSocket = async (port: number): Promise<void> => {
    const next = join(fleetSocket, `next.${port}`);
    await symlink(join(sockets, `.s.PGSQL.${port}`), next);
    await rename(next, join(fleetSocket, `.s.PGSQL.${SOCKET_PORT}`));
  };
  const asFleet = (port: number): string =>
    `postgresql://${FLEET_ROLE}:${FLEET_PASSWORD}@127.0.0.1:${port}/${DATABASE}`;
  await prepare(server.url(), asFleet(server.port));
  await pointSocket(server.port);
  const restarts: ChaosServer['restarts'] = [];
  let busy: Promise<unknown> = Promise.resolve();
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const done = busy.then(work);
    busy = done.catch(() => undefined);
    return done;
  };
  const outage = async (work: () => Promise<void>): Promise<void> => {
    const crashedAt = Date.now();
    await work();
    restarts.push({ crashedAt, readyAt: Date.now() });
  };

  const moveToStandby = async (): Promise<void> => {
    const next = serverFolder(folder, generation + 1);
    let standby: EmbeddedPostgres;
    try {
      standby = await startStandby(server, dataDir, next, settings);
      await waitForStandbyWithEveryCommit(server);
    } catch (error) {
      await runUntilSuccessful(() => server.url(), FORGET_STANDBY);
      await stopEmbeddedPostgres({ dataDir: next, mode: 'immediate' });
      await rm(next, { recursive: true, force: true });
      throw error;
    }
    const [former, formerDir] = [server, dataDir];
    await outage(async () => {
      await former.stop('immediate');
      await runUntilSuccessful(
        () => standby.url(),
        ['SELECT CASE WHEN pg_is_in_recovery() THEN pg_promote(true, 30) END'],
      );
      generation += 1;
      dataDir = next;
      server = standby;
      await pointSocket(standby.port);
      onMoved(standby.port);
      await untilAvailable(standby.url());
    });
    // The certificate on the former server may have changed after the copy.
    await runUntilSuccessful(() => server.url(), ['SELECT pg_reload_conf()']);
    await rm(formerDir, { recursive: true, force: true });
  };

  return {
    get adminUrl() {
      return withDatabase(server.url(), DATABASE);
    },
    get url() {
      return asFleet(server.port);
    },
    get port() {
      return server.port;
    },
    socketUrl: `postgresql://${FLEET_ROLE}:${FLEET_PASSWORD}@localhost:${SOCKET_PORT}/${DATABASE}?host=${encodeURIComponent(fleetSocket)}`,
    certificates,
    restarts,
    alone,
    crash: (downMs) =>
      alone(() =>
        outage(async () => {
          await server.stop('immediate');
          await sleep(downMs);
          server = await startEmbeddedPostgres({ dataDir, port: server.port, settings });
        }),
      ),
    freeze: (ms) =>
      alone(() =>
        outage(async () => {
          await stopServer(dataDir);
          await sleep(ms).finally(() => continueServer(dataDir));
        }),
      ),
    killBackend: (target) =>
      alone(async () => {
        const pids = await clientBackends(server.url());
        const pid = pids[target % pids.length];
        if (pid === undefined) return false;
        await outage(async () => {
          process.kill(pid, 'SIGKILL');
          await sleep(50);
          await untilAvailable(server.url());
        });
        return true;
      }),
    replace: () => alone(moveToStandby),
    exhaust: (ms) => exhaust(asFleet(server.port), ms),
    stop: () => alone(() => server.stop('fast')),
  };
}

/** Creates the database of the fleet, which its role owns, and the harness's log of readiness in it. */
async function prepare(adminUrl: string, fleetUrl: string): Promise<void> {
  const url = await createDatabase(adminUrl, DATABASE);
  await runUntilSuccessful(
    () => url,
    [
      `CREATE ROLE ${FLEET_ROLE} LOGIN PASSWORD '${FLEET_PASSWORD}'`,
      `ALTER DATABASE ${DATABASE} OWNER TO ${FLEET_ROLE}`,
      // Faults of the settings must not affect the harness.
      'ALTER ROLE postgres SET default_transaction_read_only = off',
      'ALTER ROLE postgres SET statement_timeout = 0',
    ],
  );
  await migrateToLatest(fleetUrl);
  await runUntilSuccessful(() => url, [READINESS_LOG, CHANGE_LOG]);
}

const FORGET_STANDBY = ['ALTER SYSTEM RESET synchronous_standby_names', 'SELECT pg_reload_conf()'] as const;

async function exhaust(url: string, ms: number): Promise<number> {
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
}

async function clientBackends(url: string): Promise<number[]> {
  const rows = await queryOnce(
    url,
    `SELECT pid FROM pg_stat_activity
     WHERE datname = '${DATABASE}' AND backend_type = 'client backend' AND application_name LIKE 'tasker%'
     ORDER BY pid`,
  );
  return rows.map((row) => Number(row['pid']));
}

async function untilAvailable(url: string): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if (
      await queryOnce(url, 'SELECT 1 AS one').then(
        (rows) => rows.length === 1,
        () => false,
      )
    )
      return;
    await sleep(50);
  }
  throw new Error('the server did not come back within 30 s');
}
