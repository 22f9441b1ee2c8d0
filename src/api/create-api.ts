import type { FastifyInstance } from 'fastify';
import type { Config } from '../config/config.ts';
import { requireSchema } from '../db/schema-check.ts';
import { InvalidInputError } from '../errors.ts';
import { safeLogger } from '../logger/safe-logger.ts';
import type { Logger, OwnLogger } from '../logger.ts';
import type { MetricsRegistry } from '../metrics/metrics-registry.ts';
import { shareMetrics } from '../metrics/share.ts';
import { openHost } from '../process/host.ts';
import { preview } from '../workflow/preview.ts';
import type { Authenticate } from './auth/authenticator.ts';
import { isRole, type Principal, principalOf, ROLES, type RoleName } from './permissions.ts';
import { serveApi } from './plugin.ts';
import { ApiRuntime } from './runtime.ts';
import { serveUi } from './ui/serve-ui.ts';

/** Who asks, as a program that mounts the API says. */
export interface ApiPrincipal {
  /** The history and the audit have it as the `by` of what it does: a login, an address. */
  name: string;
  role: RoleName;
  /** Whether it may read inputs, results and the messages of errors. Default: only as an `admin`. */
  payload?: boolean | undefined;
  /** The only namespaces that it may see. Default: all. */
  namespaces?: readonly string[] | undefined;
}

/** How the API is mounted in a server of fastify. */
export interface CreateApiOptions<HostRequest> {
  /** Of `loadConfig('api')`. Its address, port and way of authentication are not used: those are the server's. */
  config: Config;
  /** What `createLogger` returns, or a logger of the program's own, such as its pino. */
  log: Logger | OwnLogger;
  /**
   * Returns who asks, by the request as fastify has it, after the hooks of the server; undefined: it is refused with 401. Called for every
   * request but those of the probes, before anything of a body is read.
   */
  principal: (request: HostRequest) => ApiPrincipal | undefined | Promise<ApiPrincipal | undefined>;
  /**
   * A registry of prom-client, such as its `register`: it gets the metrics of the API (`tasker_api_...`, and those of its pool) until the server
   * closes. Default: nobody reads them.
   */
  registry?: MetricsRegistry | undefined;
}

/** A plugin of fastify 5: `await app.register(createApi({ ... }), { prefix: '/tasker' })`. */
export type ApiPlugin = (instance: unknown, options: unknown) => Promise<void>;

/**
 * The HTTP API as a plugin of fastify, for a server that has its own way to know people. It connects when it is registered, and closes with
 * the server. What rejects: a database that cannot be reached, or is not migrated.
 */
export function createApi<HostRequest>({
  config,
  log: given,
  principal,
  registry,
}: CreateApiOptions<HostRequest>): ApiPlugin {
  if (typeof principal !== 'function') {
    throw new InvalidInputError(`principal is ${preview(principal)}: use a function that says who asks`, {
      field: 'principal',
    });
  }
  if (registry !== undefined && typeof registry?.registerMetric !== 'function') {
    throw new InvalidInputError(
      `registry is ${preview(registry)}: use a registry of prom-client, such as its register`,
      {
        field: 'registry',
      },
    );
  }
  const log = safeLogger(given);
  return async (instance) => {
    const app = instance as FastifyInstance;
    const host = openHost('api', config, log, () => 0);
    const runtime = new ApiRuntime(host, config, log);
    const measure = (): void => {
      host.measure();
      runtime.measure();
    };
    let unshare: (() => void) | undefined;
    const close = async (): Promise<void> => {
      unshare?.();
      await runtime.close();
      await host.db.close();
    };
    try {
      await requireSchema(host.db);
      if (registry !== undefined) unshare = shareMetrics(host.metrics, registry, measure);
      app.addHook('preClose', async () => runtime.drain());
      app.addHook('onClose', close);
      const authenticate: Authenticate = async ({ request }) => checked(await principal(request as HostRequest));
      const parts = await runtime.open(authenticate);
      await serveApi(app, parts.api, { isGuest: true });
      // Whoever is here was let in by the server, as by a proxy; and the root is the server's own.
      serveUi(app, { ...parts.ui, base: { of: () => app.prefix }, auth: 'proxy', isGuest: true });
    } catch (error) {
      await close();
      throw error;
    }
  };
}

/** A mistake of the program is an error of the server, and no right of anybody. */
function checked(given: ApiPrincipal | undefined): Principal | undefined {
  if (given === undefined) return undefined;
  const { name, role, payload, namespaces } = given;
  if (typeof name !== 'string' || name.trim() === '' || name.length > 200)
    throw new Error(`principal returned the name ${preview(name)}: use a text of 1 to 200 characters`);
  if (!isRole(role))
    throw new Error(`principal returned the role ${preview(role)}: use ${Object.keys(ROLES).join(', ')}`);
  if (namespaces !== undefined && (!Array.isArray(namespaces) || namespaces.length === 0))
    throw new Error(`principal returned the namespaces ${preview(namespaces)}: use a list, or leave it out for all`);
  return principalOf({ id: `host:${name}`, name, role, payload: payload ?? role === 'admin', namespaces });
}
