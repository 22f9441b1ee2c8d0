import fastify from 'fastify';
import { Client } from '../client/client.ts';
import { clientOptions } from '../client/configured-client.ts';
import type { Config } from '../config/config.ts';
import { deleteOldApiRequests, findApiSecret } from '../db/statements/api/requests.ts';
import { writeAudit } from '../engine/audit.ts';
import { ConfigError } from '../errors.ts';
import { type Logger, type OwnLogger, safeLogger } from '../logger.ts';
import type { Host } from '../process/host.ts';
import { type RoleService, runService } from '../process/run-service.ts';
import type { Drained, RunningService } from '../process/service.ts';
import { withTimeout } from '../process/with-timeout.ts';
import { compileRedaction } from '../redact.ts';
import { authenticatorOf } from './auth/authenticator.ts';
import { Cursors } from './http/cursors.ts';
import { Load } from './http/load.ts';
import { RateLimits } from './http/rate-limits.ts';
import { serveApi } from './plugin.ts';
import { draining } from './problem.ts';
import type { Principal } from './permissions.ts';
import { Reports } from './reports.ts';
import type { Route } from './route.ts';

/** An API that runs in this process. */
export interface ApiProcess extends RunningService {
  /** Where the API is served; `url` has the metrics. */
  readonly apiUrl: string;
}

/** What an API is started with. */
export interface ApiProcessOptions {
  config: Config;
  /** What `createLogger` returns, or a logger of the program's own, such as its pino. */
  log: Logger | OwnLogger;
}

/** Stored responses to an Idempotency-Key are deleted in portions. */
const DELETE_EVERY_MS = 60_000;
const DELETE_AT_ONCE = 1000;

/** Starts the HTTP API with its metrics and probes. Rejects if the database cannot be reached, or the address cannot be had. */
export async function startApi({ config, log: given }: ApiProcessOptions): Promise<ApiProcess> {
  const log = safeLogger(given);
  const { running, service } = await runService({
    role: 'api',
    config,
    log,
    make: (host) => new ApiService(host, config, log),
  });
  return { ...running, apiUrl: service.url };
}

class ApiService implements RoleService {
  url = '';
  readonly loops = [];
  private readonly host: Host;
  private readonly config: Config;
  private readonly log: Logger;
  private readonly client: Client;
  private readonly load: Load;
  private readonly draining = new AbortController();
  private readonly app = fastify({
    logger: false,
    forceCloseConnections: 'idle',
    requestTimeout: 30_000,
    return503OnClosing: true,
    routerOptions: { maxParamLength: 400, ignoreTrailingSlash: false, caseSensitive: true },
  });
  private readonly denials = new RateLimits(1);
  private timer: NodeJS.Timeout | undefined;
  private stopping: Promise<Drained> | undefined;

  constructor(host: Host, config: Config, log: Logger) {
    this.host = host;
    this.config = config;
    this.log = log;
    this.client = new Client(
      clientOptions(config, { poolSize: config.poolSize, applicationName: 'tasker api' }),
      host.db,
    );
    this.load = new Load(config.apiMaxRequests);
  }

  async start(): Promise<void> {
    const { app, client, config, host, load, log } = this;
    const { metrics } = host;
    const [row] = await host.db.run(findApiSecret, { name: 'cursors' });
    if (row === undefined)
      throw new ConfigError('tasker_api_secrets has no row "cursors": run tasker migrate up again');
    await app.register((instance) =>
      serveApi(instance, {
        client,
        cursors: new Cursors(row.secret),
        redact: compileRedaction(config.redact),
        reports: new Reports(client),
        ready: async () => ({ ok: !this.draining.signal.aborted, reasons: [] }),
        authenticate: authenticatorOf(config, host.db),
        readOnly: config.apiReadOnly,
        load,
        rates: new RateLimits(config.apiRequestsPerSecond),
        maxBodyBytes: config.apiMaxBodyBytes,
        draining: this.draining.signal,
        denied: (route, principal, params) => void this.writeDenial(route, principal, params),
        refused: (reason) => metrics.count('apiRefused', { reason }),
        answered: (route, status, seconds) => {
          const operation = route?.operation ?? 'none';
          metrics.count('apiRequests', { operation, status: String(status) });
          if (route?.waits === undefined) metrics.observe('apiRequestSeconds', { operation }, seconds);
        },
        failed: (error, { id, operation }) => log.error({ error, request_id: id, operation }, 'a request failed'),
      }),
    );
    try {
      this.url = await app.listen({ host: config.apiHost, port: config.apiPort });
    } catch (error) {
      throw new ConfigError(
        `TASKER_API_PORT (--port): ${config.apiPort}, TASKER_API_HOST: ${JSON.stringify(config.apiHost)}: cannot listen there: ${(error as Error).message}`,
        { host: config.apiHost, port: config.apiPort },
        { cause: error },
      );
    }
    this.timer = setInterval(() => void this.deleteOld(), DELETE_EVERY_MS).unref();
  }

  /** What works is answered, what waits is asked to come again, and nothing new is taken. */
  stop(): Promise<Drained> {
    return (this.stopping ??= this.drain());
  }

  private async drain(): Promise<Drained> {
    clearInterval(this.timer);
    this.draining.abort(draining());
    const closed = await withTimeout(this.app.close(), this.config.drainGraceSeconds * 1000);
    if (!closed) this.app.server.closeAllConnections();
    this.load.stop();
    await this.client.close();
    return { unfinished: closed ? [] : ['requests'] };
  }

  /** A refusal is audited as acts are, once a second for each principal at most. */
  private async writeDenial(route: Route, principal: Principal, params: unknown): Promise<void> {
    const { act, permission } = route;
    if (act === undefined || this.config.apiReadOnly || this.denials.take(principal.id, 1).waitSeconds > 0) return;
    const names = params as Readonly<Record<string, string>>;
    const [kind = ''] = act.split('.');
    const id =
      kind === 'workflow'
        ? `${names['namespace']}/${names['workflow']}`
        : (names['task_id'] ?? names['queue'] ?? names['key'] ?? '');
    try {
      const on = { kind: kind as 'task', id: kind === 'step' ? `${id}/${names['step']}` : id };
      await writeAudit(
        this.host.db,
        { act, on, action: { by: principal.name } },
        { outcome: 'refused', needs: permission },
      );
    } catch (error) {
      this.host.survived('audit_refusal', error);
    }
  }

  private async deleteOld(): Promise<void> {
    if (this.config.apiReadOnly) return;
    try {
      await this.host.db.run(deleteOldApiRequests, { limit: DELETE_AT_ONCE });
    } catch (error) {
      this.host.survived('delete_old_api_requests', error);
    }
  }

  leaseAgeSeconds(): number {
    return 0;
  }

  refresh(): void {
    const { metrics } = this.host;
    metrics.set('apiInFlight', { kind: 'working' }, this.load.working);
    metrics.set('apiInFlight', { kind: 'waiting' }, this.load.waiting);
  }

  describe(): Record<string, unknown> {
    const { apiAuth: auth, apiReadOnly: read_only } = this.config;
    return { api_url: this.url, auth, read_only };
  }
}
