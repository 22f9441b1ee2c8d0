import { loadConfig } from '../config/load-config.ts';
import type { Database } from '../db/connections/database.ts';
import { connectionsByApplication, serverConnections, type ServerConnectionsRow } from '../db/health/connections.ts';
import { committedConnections, type ConnectionBudget, connectionBudget } from '../scaling/connection-budget.ts';
import { table } from './table.ts';

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
  pooled: boolean;
  budget: ConnectionBudget;
  /** What a fleet of `workers` and `schedulers` may open on the server. */
  committed: number;
  pooler_clients: number;
  by_application: { application: string; connections: number }[];
  problems: string[];
}

export interface FleetSize {
  workers?: number;
  schedulers?: number;
}

/**
 * Compares the connections that the fleet may open with those that the server allows: for the processes that are alive now,
 * or for a given size. Pool sizes come from the configuration of this process: run it with that of the fleet.
 */
export async function reportConnections(db: Database, size: FleetSize): Promise<ConnectionReport> {
  const config = loadConfig('client');
  const [server] = await db.run(serverConnections);
  if (server === undefined) throw new Error('the server returned nothing about its connections');
  const schedulers = size.schedulers ?? server.schedulers;
  const workers = size.workers ?? server.workers;
  const budget = connectionBudget({
    maxConnections: server.max_connections,
    reservedByServer: server.reserved,
    roleLimit: server.role_limit,
    databaseLimit: server.database_limit,
    reservedForOthers: config.reservedConnections,
    poolSize: config.poolSize,
    schedulers,
    pooled: config.pooled,
    direct: config.databaseUrlDirect !== undefined,
    poolerConnections: config.poolerConnections,
  });
  const committed = committedConnections(budget, workers, schedulers);
  const usable = server.max_connections - server.reserved;
  const problems: string[] = [];
  if (committed > budget.available) {
    problems.push(
      `${workers} workers and ${schedulers} schedulers may open ${committed} connections and ${budget.available} are available: ` +
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
    pooled: config.pooled,
    budget,
    committed,
    pooler_clients: workers * budget.clientsPerWorker + schedulers * budget.clientsPerScheduler,
    by_application: await db.run(connectionsByApplication),
    problems,
  };
}

function narrowest(server: ServerConnectionsRow, available: number): string {
  if (server.role_limit === available) return 'the CONNECTION LIMIT of the role (ALTER ROLE)';
  if (server.database_limit === available) return 'the CONNECTION LIMIT of the database (ALTER DATABASE)';
  return 'max_connections';
}

export function drawConnections(report: ConnectionReport): string {
  const { budget } = report;
  const most = Number.isFinite(budget.maxWorkers)
    ? String(budget.maxWorkers)
    : 'any number: they open none on the server';
  const rows: [string, string][] = [
    ['max_connections', String(report.max_connections)],
    ['kept by the server', String(report.reserved_by_server)],
    ['kept for others (TASKER_RESERVED_CONNECTIONS)', String(report.reserved_for_others)],
    ...(report.role_limit === null ? [] : ([['limit of the role', String(report.role_limit)]] as [string, string][])),
    ...(report.database_limit === null
      ? []
      : ([['limit of the database', String(report.database_limit)]] as [string, string][])),
    ['available to the fleet', String(budget.available)],
    ...(report.pooled ? ([['pooler (TASKER_POOLER_CONNECTIONS)', String(budget.pooler)]] as [string, string][]) : []),
    [`schedulers: ${report.schedulers} x ${budget.perScheduler}`, String(report.schedulers * budget.perScheduler)],
    [`workers: ${report.workers} x ${budget.perWorker}`, String(report.workers * budget.perWorker)],
    ['committed', String(report.committed)],
    ['most workers', most],
    ...(report.pooled
      ? ([['clients of the pooler (its max_client_conn)', String(report.pooler_clients)]] as [string, string][])
      : []),
    ['in use now', String(report.used_now)],
  ];
  const applications = report.by_application.map(({ application, connections }) => [application, String(connections)]);
  return [
    table(['CONNECTIONS', ''], rows),
    table(['NOW BY APPLICATION', ''], applications),
    report.problems.length === 0 ? 'the fleet fits' : report.problems.join('\n'),
  ].join('\n\n');
}
