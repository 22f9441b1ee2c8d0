import fastify, { type FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import { type Address, listen } from './listen.ts';

export interface Health {
  ok: boolean;
  /** What is wrong, for people; empty when all is well. */
  reasons: string[];
}

export interface ServiceServerOptions extends Address {
  registry: Registry;
  /** Does the process make progress? A failing answer asks for a restart. */
  liveness: () => Health;
  /** Can it do its work now? A failing answer asks for patience. */
  readiness: () => Promise<Health>;
  /** Brings gauges up to date before a scrape; given up on after a second, so that a scrape never hangs. */
  refresh?: () => Promise<void>;
  onScrapeError?: (error: unknown) => void;
}

export interface ServiceServer {
  url: string;
  /** Idempotent. Open connections are closed. */
  stop(): Promise<void>;
}

const REFRESH_LIMIT_MS = 1000;
const READINESS_LIMIT_MS = 2000;

/** Serves /metrics, /livez and /readyz. Throws ConfigError where it cannot listen there, with the setting that mends it. */
export async function startServiceServer(options: ServiceServerOptions): Promise<ServiceServer> {
  const { server, url } = await listen(() => createServer(options), options);
  let stopping: Promise<void> | undefined;
  return {
    url,
    stop: () => {
      stopping ??= server.close();
      return stopping;
    },
  };
}

function createServer(options: ServiceServerOptions): FastifyInstance {
  const server: FastifyInstance = fastify({ logger: false, forceCloseConnections: true });

  server.get('/metrics', async (_, reply) => {
    try {
      await limited(options.refresh?.() ?? Promise.resolve(), REFRESH_LIMIT_MS, 'refreshing the metrics');
    } catch (error) {
      options.onScrapeError?.(error);
    }
    return reply.header('content-type', options.registry.contentType).send(await options.registry.metrics());
  });
  server.get('/livez', async (_, reply) => answer(reply, options.liveness()));
  server.get('/readyz', async (_, reply) => {
    const health = await limited(options.readiness(), READINESS_LIMIT_MS, 'the readiness check').catch(
      (error: unknown): Health => ({ ok: false, reasons: [error instanceof Error ? error.message : String(error)] }),
    );
    return answer(reply, health);
  });
  return server;
}

function answer(reply: { code: (status: number) => { send: (body: unknown) => unknown } }, health: Health): unknown {
  return reply.code(health.ok ? 200 : 503).send({ status: health.ok ? 'ok' : 'failing', reasons: health.reasons });
}

async function limited<T>(work: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      work,
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${what} took more than ${ms} ms`)), ms);
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
}
