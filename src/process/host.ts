import { hostname } from 'node:os';
import type { Database } from '../db/connections/database.ts';
import type { Config } from '../config/config.ts';
import type { Logger } from '../logger.ts';
import type { ProcessRole } from '../metrics/catalogue.ts';
import { Metrics } from '../metrics/registry.ts';
import { setDashboardUrl, setTraceMode } from '../tracing/otel.ts';
import { DatabaseProbe } from './database-probe.ts';
import { Endpoint, type Served } from './endpoint.ts';
import { LoginWatch } from './login-watch.ts';
import { SurvivedErrors } from './survived-errors.ts';
import { ProgressMonitor } from './progress.ts';
import { openRoleDatabase } from './role-database.ts';
import type { Health } from './server.ts';

export type HostRole = ProcessRole;

/** What every process of the fleet has around its work: a pool, metrics, dead-man's switches, and a port for metrics and probes. */
export interface Host {
  readonly db: Database;
  readonly metrics: Metrics;
  readonly progress: ProgressMonitor;
  readonly name: string;
  /** Sets the gauges of its pool and its loops, before they are read. */
  measure(): void;
  /** An error that the process survived: logged, and counted by what it was doing. */
  survived(doing: string, error: unknown): void;
  /** Resolves when the process should end: its login has been refused for longer than its lease. */
  readonly refused: Promise<Error>;
  /** To be called once the database was reached: warns if DATABASE_URL leads to a pooler that the configuration does not mention. */
  warnOfPooler(): void;
  /** The same for a port that is not the default one, because that is taken. Not at each try of a process that waits for its database. */
  warnOfPort(served: Served): void;
  /**
   * Serves /metrics, /livez and /readyz; both probes fail until `started` is true. Called before the process joins the fleet: a process
   * that cannot listen on the configured address claims nothing.
   */
  serve(options: { started: () => boolean; ready: () => Health; refresh: () => Promise<void> }): Promise<Served>;
}

const STARTING: Health = { ok: false, reasons: ['the process has not joined the fleet yet'] };

/**
 * Opens the pool and the metrics of one role. `leaseAgeSeconds`: since the last heartbeat that succeeded. `endpoint`: a port that it
 * shares with another role of this process; default: one of its own. `opened`: its pool, if that is open already.
 */
export function openHost(
  role: HostRole,
  config: Config,
  log: Logger,
  leaseAgeSeconds: () => number,
  endpoint = new Endpoint(),
  opened = openRoleDatabase(role, config),
): Host {
  setTraceMode(config.trace);
  if (config.dashboardUrl !== undefined) setDashboardUrl(config.dashboardUrl);
  const logins = new LoginWatch(config.leaseSeconds);
  const errors = new SurvivedErrors(log);
  const metrics = new Metrics(role, { exemplars: config.exemplars });
  const progress = new ProgressMonitor();
  const survived = (doing: string, error: unknown): void => {
    metrics.count('errors', { doing });
    errors.failed(doing, error);
    logins.failed(doing, error, leaseAgeSeconds());
  };
  const measure = (): void => {
    metrics.set('poolConnections', { state: 'total' }, db.pool.totalCount);
    metrics.set('poolConnections', { state: 'idle' }, db.pool.idleCount);
    metrics.set('poolConnections', { state: 'waiting' }, db.pool.waitingCount);
    for (const { loop, seconds } of progress.ages()) metrics.set('loopAge', { loop }, seconds);
  };
  const { db } = opened;
  const database = new DatabaseProbe(db);
  opened.listener = {
    onQuery(statement, seconds, failed) {
      metrics.observe('statementSeconds', { statement }, seconds);
      if (failed) metrics.count('statementErrors', { statement });
      else {
        logins.succeeded();
        errors.succeeded();
        database.succeeded();
      }
    },
    onPoolError: (error) => survived('pool', error),
  };

  return {
    db,
    metrics,
    progress,
    name: `${hostname()}:${process.pid}`,
    survived,
    measure,
    refused: logins.refused,
    warnOfPooler() {
      if (db.proxied !== true || config.pooled) return;
      log.warn(
        'DATABASE_URL leads to a pooler: set TASKER_POOLED=true, and DATABASE_URL_DIRECT to the server itself; in its session mode leave it',
      );
    },
    serve: async ({ started, ready, refresh }) => {
      const address = {
        host: config.metricsHost,
        port: config.metricsPort,
        portIsDefault: config.metricsPortIsDefault ?? false,
      };
      return endpoint.serve(address, {
        registry: metrics.registry,
        openMetrics: () => metrics.openMetrics(),
        liveness: () => {
          if (!started()) return STARTING;
          const reasons = progress
            .ages()
            .filter((loop) => loop.late)
            .map(({ loop, seconds }) => `loop "${loop}" has stood still for ${seconds.toFixed(1)} s`);
          return { ok: reasons.length === 0, reasons };
        },
        readiness: async () => {
          const health = started() ? ready() : STARTING;
          return health.ok ? database.check() : health;
        },
        refresh: async () => {
          measure();
          await refresh();
        },
        onScrapeError: () => metrics.count('scrapeErrors', {}),
      });
    },
    warnOfPort(served) {
      const { url } = served;
      if (!served.opened || config.metricsPortIsDefault !== true || Number(new URL(url).port) === config.metricsPort)
        return;
      log.warn(
        { url },
        `port ${config.metricsPort} is taken: metrics and probes are served on the next free one; TASKER_METRICS_PORT chooses`,
      );
    },
  };
}
