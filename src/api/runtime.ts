import pLimit from 'p-limit';
import { Client } from '../client/client.ts';
import { clientOptions } from '../client/configured-client.ts';
import type { Config } from '../config/config.ts';
import { deleteOldApiRequests, findApiSecret } from '../db/statements/api/requests.ts';
import { deleteOldSignIns } from '../db/statements/api/sign-ins.ts';
import { ConfigError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { Host } from '../process/host.ts';
import { compileRedaction } from '../redact.ts';
import { type Authenticate, authenticatorOf } from './auth/authenticator.ts';
import { KeyRing } from './auth/key-ring.ts';
import { LoginStates } from './auth/oidc/login-state.ts';
import { People } from './auth/oidc/people.ts';
import { OidcProvider } from './auth/oidc/provider.ts';
import { Sessions } from './auth/session.ts';
import { BasePath } from './http/base-path.ts';
import { Denials } from './denials.ts';
import type { EventHub } from './events/event-hub.ts';
import { eventHub } from './events/event-sources.ts';
import { Cursors } from './http/cursors.ts';
import { Load } from './http/load.ts';
import { RateLimits } from '../rate-limits.ts';
import { ReadPace } from './http/read-pace.ts';
import { SharedReads } from './http/shared-reads.ts';
import { Layouts } from './layouts.ts';
import type { ApiParts } from './plugin.ts';
import { draining } from './problem.ts';
import { Reports } from './reports.ts';
import type { LoginParts } from './ui/serve-login.ts';
import type { UiParts } from './ui/serve-ui.ts';

/** Stored responses to an Idempotency-Key are deleted in portions. */
const DELETE_EVERY_MS = 60_000;
const DELETE_AT_ONCE = 1000;
const KEY = 'no key was sent, or it is not valid: send one as `Authorization: Bearer tsk_...`';
/** What is said to those who are not known, by how they would be. */
const HOW_TO_ASK = {
  none: 'the request came from another machine, or for another host than this one: without TASKER_API_AUTH the API is for its own machine',
  keys: KEY,
  oidc: `${KEY}, or sign in to the dashboard`,
  proxy:
    'the proxy in front of this API did not say who asks: it sends Tasker-Proxy-Secret, Tasker-User and Tasker-Role, each of them once (docs/operations/security.md)',
  host: 'the program that this API is mounted in does not know who asks: its `principal` returned nobody',
} as const;

/** What serves the requests of an API, whoever listens for them. */
export class ApiRuntime {
  readonly load: Load;
  readonly base: BasePath;
  private readonly host: Host;
  private readonly config: Config;
  private readonly log: Logger;
  private readonly client: Client;
  private readonly draining = new AbortController();
  private events: EventHub | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(host: Host, config: Config, log: Logger) {
    this.host = host;
    this.config = config;
    this.log = log;
    this.client = new Client(
      clientOptions(config, { poolSize: config.poolSize, applicationName: 'tasker api' }),
      host.db,
    );
    this.load = new Load(config.apiMaxRequests);
    this.base = new BasePath(config.apiBasePath, config.apiTrustedProxies);
  }

  /** `given` authenticates; default: as the configuration says. */
  async open(given?: Authenticate): Promise<{ api: ApiParts; ui: UiParts }> {
    const { client, config, host, load, log } = this;
    const { metrics } = host;
    const [row] = await host.db.run(findApiSecret, { name: 'cursors' });
    if (row === undefined)
      throw new ConfigError('tasker_api_secrets has no row "cursors": run tasker migrate up again');
    const keys = new KeyRing(host.db);
    const sessions = new Sessions(row.secret);
    const login = given === undefined && config.apiAuth === 'oidc' ? this.login(row.secret) : undefined;
    const authenticate = given ?? authenticatorOf(config, keys, sessions, login?.people);
    const pace = new ReadPace();
    const reports = new Reports(client, pace);
    const denials = new Denials(host);
    const events = eventHub({ config, client, reports, authenticate, metrics });
    this.events = events;
    this.timer = setInterval(() => void this.deleteOld(), DELETE_EVERY_MS).unref();
    const api: ApiParts = {
      client,
      cursors: new Cursors(row.secret),
      redact: compileRedaction(config.redact),
      reports,
      layouts: new Layouts(host.db),
      events,
      links: config,
      requireReason: config.requireReason,
      connections: config,
      ready: async () => ({ ok: !this.draining.signal.aborted, reasons: [] }),
      // What works in a transaction also reads beside it: were all connections transactions, each would wait for another one.
      inTransaction: pLimit(Math.max(1, config.poolSize - 1)),
      authenticate,
      howToAsk: HOW_TO_ASK[given === undefined ? config.apiAuth : 'host'],
      readOnly: config.apiReadOnly,
      load,
      rates: new RateLimits(config.apiRequestsPerSecond),
      maxBodyBytes: config.apiMaxBodyBytes,
      shared: new SharedReads(pace),
      draining: this.draining.signal,
      denied: (denial) => {
        if (!config.apiReadOnly) void denials.write(denial);
      },
      refused: (reason) => metrics.count('apiRefused', { reason }),
      answered: (route, status, seconds) => {
        const operation = route?.operation ?? 'none';
        metrics.count('apiRequests', { operation, status: String(status) });
        if (route?.waits === undefined) metrics.observe('apiRequestSeconds', { operation }, seconds);
      },
      failed: (error, { id, operation, traceId }) => {
        const trace = traceId === undefined ? {} : { trace_id: traceId };
        log.error({ error, request_id: id, operation, ...trace }, 'a request failed');
      },
    };
    return { api, ui: { auth: config.apiAuth, readOnly: config.apiReadOnly, base: this.base, keys, sessions, login } };
  }

  private login(secret: string): LoginParts {
    const { config, host, log } = this;
    return {
      provider: config.oidcName,
      oidc: new OidcProvider(config),
      people: new People(host.db, config),
      states: new LoginStates(secret),
      failed: (error) => log.warn({ error }, 'a sign-in failed'),
    };
  }

  /** Sets its gauges, before they are read. */
  measure(): void {
    const { metrics } = this.host;
    metrics.set('apiInFlight', { kind: 'working' }, this.load.working);
    metrics.set('apiInFlight', { kind: 'waiting' }, this.load.waiting);
    metrics.set('apiEventStreams', {}, this.events?.size ?? 0);
  }

  /** What waits is asked to come again. */
  drain(): void {
    clearInterval(this.timer);
    this.draining.abort(draining());
    this.events?.stop();
  }

  async close(): Promise<void> {
    this.drain();
    this.load.stop();
    await this.client.close();
  }

  private async deleteOld(): Promise<void> {
    if (this.config.apiReadOnly) return;
    try {
      await this.host.db.run(deleteOldApiRequests, { limit: DELETE_AT_ONCE });
      await this.host.db.run(deleteOldSignIns, { limit: DELETE_AT_ONCE });
    } catch (error) {
      this.host.survived('delete_old_api_requests', error);
    }
  }
}
