import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type { Config } from '../config/config.ts';
import { ConfigError } from '../errors.ts';
import { safeLogger } from '../logger/safe-logger.ts';
import type { Logger, OwnLogger } from '../logger.ts';
import type { Host } from '../process/host.ts';
import { type RoleService, runService } from '../process/run-service.ts';
import type { Drained, RunningService } from '../process/service.ts';
import { withTimeout } from '../process/with-timeout.ts';
import { sendProblem } from './http/send.ts';
import { UnusedConnections } from './http/unused-connections.ts';
import { serveApi } from './plugin.ts';
import { problemOf } from './problem.ts';
import { ApiRuntime } from './runtime.ts';
import { serveUi } from './ui/serve-ui.ts';

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

/** Whoever sends headers byte by byte has a connection for this long, and no longer. */
const HEADERS_TIMEOUT_MS = 10_000;

class ApiService implements RoleService {
  url = '';
  readonly loops = [];
  private readonly config: Config;
  private readonly runtime: ApiRuntime;
  private readonly app: FastifyInstance;
  private readonly connections: UnusedConnections;
  private stopping: Promise<Drained> | undefined;

  constructor(host: Host, config: Config, log: Logger) {
    this.config = config;
    this.runtime = new ApiRuntime(host, config, log);
    const { base } = this.runtime;
    this.app = fastify({
      logger: false,
      forceCloseConnections: 'idle',
      requestTimeout: 30_000,
      http: { headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: 2000 },
      return503OnClosing: true,
      rewriteUrl: (incoming) => base.stripped(incoming),
      // Of a path that no encoder writes, which is refused before there is a route.
      frameworkErrors: (error, _request, reply) => sendProblem(reply as unknown as FastifyReply, problemOf(error)),
      routerOptions: { maxParamLength: 400, ignoreTrailingSlash: false, caseSensitive: true },
    });
    this.connections = new UnusedConnections(this.app.server);
  }

  async start(): Promise<void> {
    const { app, config, runtime } = this;
    const parts = await runtime.open();
    await app.register(async (instance) => {
      await serveApi(instance, parts.api);
      serveUi(instance, parts.ui);
    });
    try {
      this.url = await app.listen({ host: config.apiHost, port: config.apiPort });
    } catch (error) {
      throw new ConfigError(
        `TASKER_API_PORT (--port): ${config.apiPort}, TASKER_API_HOST: ${JSON.stringify(config.apiHost)}: cannot listen there: ${(error as Error).message}`,
        { host: config.apiHost, port: config.apiPort },
        { cause: error },
      );
    }
  }

  /** What works is answered, what waits is asked to come again, and nothing new is taken. */
  stop(): Promise<Drained> {
    return (this.stopping ??= this.drain());
  }

  private async drain(): Promise<Drained> {
    this.runtime.drain();
    this.connections.end();
    const closed = await withTimeout(this.app.close(), this.config.drainGraceSeconds * 1000);
    this.connections.stop();
    if (!closed) this.app.server.closeAllConnections();
    await this.runtime.close();
    return { unfinished: closed ? [] : ['requests'] };
  }

  leaseAgeSeconds(): number {
    return 0;
  }

  refresh(): void {
    this.runtime.measure();
  }

  describe(): Record<string, unknown> {
    const { apiAuth: auth, apiReadOnly: read_only } = this.config;
    return { api_url: this.url, auth, read_only };
  }
}
