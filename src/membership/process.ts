import { hostname } from 'node:os';
import { openDatabase, type Database } from '../db/database.ts';
import { passwordOf } from '../db/password.ts';
import { ping } from '../db/statements/ping.ts';
import { type Config, usesPreparedStatements } from '../config/index.ts';
import type { Logger } from '../logger.ts';
import { Metrics } from '../metrics/index.ts';
import { LoginWatch } from './login-watch.ts';
import { type Health, ProgressMonitor, type ServiceServer, startServiceServer } from '../service/index.ts';

/** What every process of the fleet has around its work: a pool, metrics, dead-man's switches and a port to look in by. */
export interface FleetProcess {
  readonly db: Database;
  readonly metrics: Metrics;
  readonly progress: ProgressMonitor;
  readonly name: string;
  /** An error that the process survived: logged, and counted by what it was doing. */
  survived(doing: string, error: unknown): void;
  /** Resolves when the process should end: its login has been refused for longer than its lease. */
  readonly refused: Promise<Error>;
  /** Serves /metrics, /livez and /readyz. */
  serve(options: { ready: () => Health; refresh: () => Promise<void> }): Promise<ServiceServer>;
}

/** A pool waits for the answers of its connections, and one that went silent has none. */
export const CLOSE_LIMIT_MS = 1000;

export function prepareProcess(
  role: 'worker' | 'scheduler',
  config: Config,
  log: Logger,
  leaseAgeSeconds: () => number,
): FleetProcess {
  const logins = new LoginWatch(config.leaseSeconds);
  const metrics = new Metrics(role);
  const progress = new ProgressMonitor();
  const survived = (doing: string, error: unknown): void => {
    metrics.count('errors', { doing });
    log.warn({ doing, error }, `${doing} failed; going on`);
    logins.failed(doing, error, leaseAgeSeconds());
  };
  const db = openDatabase({
    url: config.databaseUrl,
    schema: config.schema,
    poolSize: config.poolSize,
    applicationName: `tasker ${role}`,
    prepared: usesPreparedStatements(config),
    hotPath: role === 'worker' && !config.pooled,
    connectTimeoutMs: config.connectTimeoutMs,
    queryTimeoutMs: config.queryTimeoutMs,
    password: passwordOf(config),
    onQuery: (statement, seconds, failed) => {
      metrics.observe('statementSeconds', { statement }, seconds);
      if (failed) metrics.count('statementErrors', { statement });
      else logins.succeeded();
    },
    onPoolError: (error) => survived('pool', error),
  });

  return {
    db,
    metrics,
    progress,
    name: `${hostname()}:${process.pid}`,
    survived,
    refused: logins.refused,
    serve: ({ ready, refresh }) =>
      startServiceServer({
        host: config.metricsHost,
        port: config.metricsPort,
        registry: metrics.registry,
        liveness: () => {
          const reasons = progress
            .ages()
            .filter((loop) => loop.late)
            .map(({ loop, seconds }) => `loop "${loop}" has stood still for ${seconds.toFixed(1)} s`);
          return { ok: reasons.length === 0, reasons };
        },
        readiness: async () => {
          const health = ready();
          if (!health.ok) return health;
          await db.run(ping);
          return health;
        },
        refresh: async () => {
          metrics.set('poolConnections', { state: 'total' }, db.pool.totalCount);
          metrics.set('poolConnections', { state: 'idle' }, db.pool.idleCount);
          metrics.set('poolConnections', { state: 'waiting' }, db.pool.waitingCount);
          for (const { loop, seconds } of progress.ages()) metrics.set('loopAge', { loop }, seconds);
          await refresh();
        },
        onScrapeError: () => metrics.count('scrapeErrors', {}),
      }),
  };
}
