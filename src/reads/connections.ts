import type { Config } from '../config/config.ts';
import type { Executor } from '../db/connections/database.ts';
import { connectionsByApplication, serverConnections, type ServerConnectionsRow } from '../db/health/connections.ts';
import { apisOf, committedConnections, type ConnectionBudget, connectionBudget } from '../scaling/connection-budget.ts';

/** What the fleet may open on the server, against what the server allows. */
export interface ConnectionReport {
  max_connections: number;
  reserved_by_server: number;
  reserved_for_others: number;
  /** CONNECTION LIMIT of the role and of the database; null: none. */
  role_limit: number | null;
  database_limit: number | null;
  used_now: number;
  schedulers: number;
  workers: number;
  /** Processes of the API: as many as their open connections need, unless a number was given. */
  apis: number;
  pooled: boolean;
  /** Of each process. */
  pool_size: number;
  budget: ConnectionBudget;
  /** What a fleet of these processes may open on the server. */
  committed: number;
  pooler_clients: number;
  by_application: { application: string; connections: number }[];
  problems: string[];
}

/** For how large a fleet; default: the processes that are alive now, with the pool of these settings. */
export interface FleetSize {
  workers?: number | undefined;
  schedulers?: number | undefined;
  apis?: number | undefined;
  poolSize?: number | undefined;
}

/** What the budget depends on, of a process that has the settings of the fleet. */
export type ConnectionSettings = Pick<
  Config,
  'reservedConnections' | 'poolSize' | 'pooled' | 'databaseUrlDirect' | 'poolerConnections'
>;

/**
 * Compares the connections that the fleet may open with those that the server allows: for the processes that are alive now,
 * or for a given size. Pool sizes come from `config`, which is to be that of the fleet.
 */
export async function reportConnections(
  db: Executor,
  config: ConnectionSettings,
  size: FleetSize,
): Promise<ConnectionReport> {
  const poolSize = size.poolSize ?? config.poolSize;
  const [server] = await db.run(serverConnections);
  if (server === undefined) throw new Error('the server returned nothing about its connections');
  const schedulers = size.schedulers ?? server.schedulers;
  const workers = size.workers ?? server.workers;
  const apis = size.apis ?? apisOf(server.api_connections, poolSize);
  const budget = connectionBudget({
    maxConnections: server.max_connections,
    reservedByServer: server.reserved,
    roleLimit: server.role_limit,
    databaseLimit: server.database_limit,
    reservedForOthers: config.reservedConnections,
    poolSize,
    schedulers,
    apis,
    pooled: config.pooled,
    direct: config.databaseUrlDirect !== undefined,
    poolerConnections: config.poolerConnections,
  });
  const committed = committedConnections(budget, { workers, schedulers, apis });
  const usable = server.max_connections - server.reserved;
  const problems: string[] = [];
  if (committed > budget.available) {
    problems.push(
      `${workers} workers, ${schedulers} schedulers and ${apis} processes of the API may open ${committed} connections and ${budget.available} are available: ` +
        `at most ${budget.maxWorkers} workers fit. Lower TASKER_POOL_SIZE, put a pooler before the server, or raise ${narrowest(server, budget.available)}.`,
    );
  }
  for (const [what, limit, used] of [
    ['role', server.role_limit, server.role_used],
    ['database', server.database_limit, server.database_used],
  ] as const) {
    if (limit !== null && used > limit * 0.9) {
      problems.push(
        `${used} of the ${limit} connections that the ${what} allows are in use now: new ones will soon be refused.`,
      );
    }
  }
  if (server.used > usable * 0.9) {
    problems.push(`${server.used} of ${usable} connections are in use now: new ones will soon be refused.`);
  }
  return {
    max_connections: server.max_connections,
    reserved_by_server: server.reserved,
    reserved_for_others: config.reservedConnections,
    role_limit: server.role_limit,
    database_limit: server.database_limit,
    used_now: server.used,
    schedulers,
    workers,
    apis,
    pooled: config.pooled,
    pool_size: poolSize,
    budget,
    committed,
    pooler_clients:
      workers * budget.clientsPerWorker + schedulers * budget.clientsPerScheduler + apis * budget.clientsPerApi,
    by_application: await db.run(connectionsByApplication),
    problems,
  };
}

function narrowest(server: ServerConnectionsRow, available: number): string {
  if (server.role_limit === available) return 'the CONNECTION LIMIT of the role (ALTER ROLE)';
  if (server.database_limit === available) return 'the CONNECTION LIMIT of the database (ALTER DATABASE)';
  return 'max_connections';
}
