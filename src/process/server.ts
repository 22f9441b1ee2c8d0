import { Registry } from 'prom-client';
import { mergeMetricTexts } from '../metrics/merge-texts.ts';
import { mergeOpenMetrics } from '../metrics/open-metrics.ts';
import { HttpServer, json, type Reply } from './http-server.ts';
import { type Address, listen } from './listen.ts';
import type { Service } from './service.ts';

export interface Health {
  ok: boolean;
  /** What is wrong, in words for people; empty if nothing is. */
  reasons: string[];
}

/** What a role serves. */
export interface ServedRole {
  registry: Registry;
  /** The same in the form of OpenMetrics; undefined: only the plain form is served. */
  openMetrics?: () => Promise<string | undefined>;
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

/**
 * Serves /metrics, /livez and /readyz for the roles of a process. A probe fails if it fails for one of them. A role may be added or
 * taken away at any time.
 */
export class ServiceServer implements Service {
  private readonly listensAt: Address;
  private readonly roles: Iterable<ServedRole>;
  private listening: Promise<{ server: HttpServer; url: string }> | undefined;
  private address: string | undefined;
  private stopping: Promise<void> | undefined;

  constructor(listensAt: Address, roles: Iterable<ServedRole>) {
    this.listensAt = listensAt;
    this.roles = roles;
  }

  /** Where it listens. Throws before the end of the start. */
  get url(): string {
    if (this.address === undefined) throw new Error('the server does not listen yet');
    return this.address;
  }

  /** Resolves when it listens. Throws ConfigError, with the setting to change, if it cannot listen on its address. */
  async start(): Promise<void> {
    if (this.stopping !== undefined) throw new Error('the server was stopped before');
    this.listening ??= listen(() => createServer(this.roles), this.listensAt);
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

function createServer(served: Iterable<ServedRole>): HttpServer {
  return new HttpServer({
    '/metrics': async (accept) => {
      const roles = [...served];
      await Promise.all(roles.map(refreshed));
      if (accept.includes('application/openmetrics-text')) {
        const open = await Promise.all(roles.map(({ openMetrics }) => openMetrics?.()));
        const known = open.filter((text) => text !== undefined);
        if (known.length === roles.length) {
          return { status: 200, contentType: Registry.OPENMETRICS_CONTENT_TYPE, body: mergeOpenMetrics(known) };
        }
      }
      const texts = await Promise.all(roles.map(({ registry }) => registry.metrics()));
      return { status: 200, contentType: Registry.PROMETHEUS_CONTENT_TYPE, body: mergeMetricTexts(texts) };
    },
    '/livez': async () => replyOf([...served].map(({ liveness }) => liveness())),
    '/readyz': async () => replyOf(await Promise.all([...served].map(readinessOf))),
  });
}

async function refreshed({ refresh, onScrapeError }: ServedRole): Promise<void> {
  try {
    await limited(refresh?.() ?? Promise.resolve(), REFRESH_LIMIT_MS, 'refreshing the metrics');
  } catch (error) {
    onScrapeError?.(error);
  }
}

function readinessOf({ readiness }: ServedRole): Promise<Health> {
  return limited(readiness(), READINESS_LIMIT_MS, 'the readiness check').catch((error: unknown) => ({
    ok: false,
    reasons: [error instanceof Error ? error.message : String(error)],
  }));
}

function replyOf(healths: readonly Health[]): Reply {
  const ok = healths.every((health) => health.ok);
  const reasons = healths.flatMap((health) => health.reasons);
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
