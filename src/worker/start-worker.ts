import type { Config } from '../config/index.ts';
import { requireSchema } from '../db/schema-check.ts';
import type { Logger } from '../logger.ts';
import { prepareProcess } from '../membership/process.ts';
import { VERSION } from '../version.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import { workerEvents } from './worker-events.ts';
import { Worker } from './worker.ts';

export interface WorkerProcess {
  readonly workerId: string;
  /** Where /metrics, /livez and /readyz are served. */
  readonly url: string;
  /** Drains and closes everything. Idempotent. */
  stop(): Promise<void>;
  /** Cuts a drain short: what still runs is aborted and given back. */
  hurry(): void;
}

/** A poll round waits for one claim at most; the longest pause and one statement limit on top say when it is dead. */
const pollerMaxAgeMs = (config: Config): number => config.maxPollIntervalMs + config.queryTimeoutMs + 10_000;

/** Starts a worker with its metrics and probes. Rejects where the database cannot be reached or a workflow is refused. */
export async function startWorker(options: {
  config: Config;
  workflows: readonly WorkflowDefinition[];
  log: Logger;
}): Promise<WorkerProcess> {
  const { config, workflows, log } = options;
  const host = prepareProcess('worker', config, log);
  const { db, metrics, progress } = host;
  const worker = new Worker({
    db,
    url: config.databaseUrl,
    directUrl: config.databaseUrlDirect,
    workflows,
    queues: config.queues,
    slots: config.slots,
    name: host.name,
    version: VERSION,
    notify: config.notify,
    minPollIntervalMs: config.pollIntervalMs,
    maxPollIntervalMs: config.maxPollIntervalMs,
    maxClaim: config.claimBatch,
    fusedClaims: config.fusedClaims,
    leaseSeconds: config.leaseSeconds,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    maxStallMs: config.maxStallMs,
    drainGraceSeconds: config.drainGraceSeconds,
    abortGraceMs: config.abortGraceMs,
    defaultStepTimeoutSeconds: config.stepTimeoutSeconds,
    maxResultBytes: config.maxResultBytes,
    maxBackoffRequestSeconds: config.maxBackoffRequestSeconds,
    backoffCapSeconds: config.backoffCapSeconds,
    backoffDisabled: config.retryBackoffDisabled,
    resultCacheBytes: config.resultCacheBytes,
    events: workerEvents(metrics, log, host.survived),
    loggerFor: (bindings) => log.child(bindings),
    onRound: () => progress.beat('poll'),
  });
  let stopping: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    progress.unwatch('poll');
    await worker.stop();
    await server?.stop();
    await db.close();
  };
  const stop = (): Promise<void> => (stopping ??= close());

  progress.watch('poll', pollerMaxAgeMs(config));
  let server: Awaited<ReturnType<typeof host.serve>> | undefined;
  try {
    await requireSchema(db);
    await worker.start();
    server = await host.serve({
      ready: () => (worker.isDraining ? { ok: false, reasons: ['the worker is draining'] } : { ok: true, reasons: [] }),
      refresh: async () => {
        metrics.set('slots', {}, config.slots);
        metrics.set('busySlots', {}, worker.busySlots);
        metrics.set('draining', {}, worker.isDraining ? 1 : 0);
        metrics.set('leaseAge', {}, worker.leaseAgeSeconds());
      },
    });
  } catch (error) {
    await stop();
    throw error;
  }
  const { workerId } = worker;
  log.info({ worker_id: workerId, url: server.url, queues: config.queues, slots: config.slots }, 'worker started');
  return { workerId, url: server.url, stop, hurry: () => worker.hurry() };
}
