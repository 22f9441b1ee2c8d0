import type { Config } from '../config/config.ts';
import type { Database } from '../db/connections/database.ts';
import { requireSchema } from '../db/schema-check.ts';
import type { Logger } from '../logger.ts';
import { flushSpans, lateSdk, tracingProblem } from '../tracing/otel.ts';
import type { Endpoint, Served } from './endpoint.ts';
import { type Host, openHost, type HostRole } from './host.ts';
import type { RoleDatabase } from './role-database.ts';
import type { Health } from './server.ts';
import type { Drained, RunningService } from './service.ts';
import { withTimeout } from './with-timeout.ts';

/** What a role adds to the process around it. */
export interface RoleService {
  /** Begins the work. Rejects if the process cannot do it. */
  start(): Promise<void>;
  /** Ends the work within its grace period. Safe before the start and during it. */
  stop(): Promise<Drained>;
  /** Seconds since the last heartbeat that succeeded; 0 in a role without a lease. */
  leaseAgeSeconds(): number;
  /** The loops that the liveness probe watches from the end of the start to the beginning of the stop. */
  readonly loops: readonly { readonly name: string; readonly maxAgeMs: number }[];
  /** Sets the gauges of this role, before a scrape. */
  refresh(): void;
  /** Fields of the log line `<role> started`. */
  describe(): Record<string, unknown>;
}

/** What roles of one process share. */
export interface SharedByRoles {
  readonly endpoint: Endpoint;
  /** Pools that are open already; another role opens its own, whose first session comes with its first work. */
  readonly databases?: Partial<Record<HostRole, RoleDatabase>>;
  /** In place of a check of the schema by each. */
  schemaReady(): Promise<void>;
}

/** A pool waits for the end of the statements of its connections; one whose connection went silent never ends. */
export const CLOSE_TIMEOUT_MS = 1000;

/**
 * Starts one role as this process: opens the pool, checks the schema, serves metrics and probes, starts the role, and closes all of
 * it once. Rejects if the database cannot be reached, the port cannot be had, or the role does not start.
 */
export async function runService<Role extends RoleService>(options: {
  role: HostRole;
  config: Config;
  log: Logger;
  /** What it shares with another role of this process. */
  program?: SharedByRoles | undefined;
  make: (host: Host) => Role;
}): Promise<{ running: RunningService; service: Role }> {
  const { role, config, log, program } = options;
  const opened = program?.databases?.[role];
  const host = openHost(role, config, log, (): number => service.leaseAgeSeconds(), program?.endpoint, opened);
  const service = options.make(host);
  const { db, metrics, progress } = host;
  let started = false;
  let stopping: Promise<Drained> | undefined;
  let served: Served | undefined;

  const close = async (): Promise<Drained> => {
    for (const { name } of service.loops) progress.unwatch(name);
    const drained = await service.stop();
    await served?.stop();
    await withTimeout(Promise.all([db.close(), flushSpans()]), CLOSE_TIMEOUT_MS);
    return drained;
  };
  const stop = (): Promise<Drained> => (stopping ??= close());
  const ready = (): Health =>
    stopping === undefined ? { ok: true, reasons: [] } : { ok: false, reasons: [`the ${role} is draining`] };

  try {
    // All of it before the process joins the fleet: one that cannot listen at its address claims nothing.
    const sdk = lateSdk();
    const [reached, listening] = await Promise.allSettled([
      reach(db, program, opened?.session),
      host.serve({
        started: () => started,
        ready,
        refresh: async () => {
          metrics.set('draining', {}, stopping === undefined ? 0 : 1);
          metrics.set('leaseAge', {}, service.leaseAgeSeconds());
          service.refresh();
        },
      }),
    ]);
    await sdk;
    if (listening.status === 'fulfilled') served = listening.value;
    if (reached.status === 'rejected') throw reached.reason;
    host.warnOfPooler();
    if (listening.status === 'rejected') throw listening.reason;
    host.warnOfPort(listening.value);
    const untraced = tracingProblem();
    if (untraced !== undefined) log.warn(untraced);
    await service.start();
    for (const { name, maxAgeMs } of service.loops) progress.watch(name, maxAgeMs);
    started = true;
  } catch (error) {
    await stop();
    throw error;
  }
  const { url } = served as Served;
  log.info({ ...service.describe(), url }, `${role} started`);
  return { running: { url, stop, refused: host.refused }, service };
}

/** Waits for the first session. Rejects if the database cannot be reached or lacks the schema of this version. */
async function reach(
  db: Database,
  program: Pick<SharedByRoles, 'schemaReady'> | undefined,
  opened: Promise<void> | undefined,
): Promise<void> {
  if (program === undefined) await requireSchema(db);
  else await Promise.all([program.schemaReady(), opened]);
}
