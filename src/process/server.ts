import type { Registry } from 'prom-client';
import { HttpServer, json, type Reply } from './http-server.ts';
import { type Address, listen } from './listen.ts';
import type { Service } from './service.ts';

export interface Health {
  ok: boolean;
  /** What is wrong, in words for people; empty if nothing is. */
  reasons: string[];
}

export interface ServiceServerOptions extends Address {
  registry: Registry;
  /** Whether the process makes progress. A failure should restart it. */
  liveness: () => Health;
  /** Whether it can do its work now. A failure should keep traffic away until it can. */
  readiness: () => Promise<Health>;
  /** Brings gauges up to date before a scrape; ends after a second at the latest, so that a scrape never hangs. */
  refresh?: () => Promise<void>;
  onScrapeError?: (error: unknown) => void;
}

const REFRESH_LIMIT_MS = 1000;
const READINESS_LIMIT_MS = 2000;

/** Serves /metrics, /livez and /readyz. */
export class ServiceServer implements Service {
  private readonly options: ServiceServerOptions;
  private listening: Promise<{ server: HttpServer; url: string }> | undefined;
  private address: string | undefined;
  private stopping: Promise<void> | undefined;

  constructor(options: ServiceServerOptions) {
    this.options = options;
  }

  /** Where it listens. Throws before the end of the start. */
  get url(): string {
    if (this.address === undefined) throw new Error('the server does not listen yet');
    return this.address;
  }

  /** Resolves when it listens. Throws ConfigError, with the setting to change, if it cannot listen on its address. */
  async start(): Promise<void> {
    if (this.stopping !== undefined) throw new Error('the server was stopped before');
    this.listening ??= listen(() => createServer(this.options), this.options);
    this.address = (await this.listening).url;
  }

  /** Open connections are closed. */
  stop(): Promise<void> {
    this.stopping ??= this.doStop();
    return this.stopping;
  }

  private async doStop(): Promise<void> {
    const listening = await this.listening?.catch(() => undefined);
    await listening?.server.close();
  }
}

function createServer(options: ServiceServerOptions): HttpServer {
  const { registry, refresh, onScrapeError, liveness, readiness } = options;
  return new HttpServer({
    '/metrics': async () => {
      try {
        await limited(refresh?.() ?? Promise.resolve(), REFRESH_LIMIT_MS, 'refreshing the metrics');
      } catch (error) {
        onScrapeError?.(error);
      }
      return { status: 200, contentType: registry.contentType, body: await registry.metrics() };
    },
    '/livez': async () => replyOf(liveness()),
    '/readyz': async () =>
      replyOf(
        await limited(readiness(), READINESS_LIMIT_MS, 'the readiness check').catch((error: unknown) => ({
          ok: false,
          reasons: [error instanceof Error ? error.message : String(error)],
        })),
      ),
  });
}

function replyOf({ ok, reasons }: Health): Reply {
  return json(ok ? 200 : 503, { status: ok ? 'ok' : 'failing', reasons });
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
