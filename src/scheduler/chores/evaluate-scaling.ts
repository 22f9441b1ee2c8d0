import type { Database } from '../../db/connections/database.ts';
import { serverConnections } from '../../db/health/connections.ts';
import {
  findLastEvaluation,
  readQueueScaling,
  scalingObservations,
  type ScalingObservationRow,
  type ScalingSignalRow,
  writeScalingSignals,
} from '../../db/statements/scaling/queue-scaling.ts';
import { type QueueSampleRates, writeQueueSamples } from '../../db/statements/scaling/queue-samples.ts';
import type { Metrics } from '../../metrics/registry.ts';
import { allot } from '../../scaling/allot.ts';
import {
  apisOf,
  committedConnections,
  connectionBudget,
  type ConnectionFacts,
} from '../../scaling/connection-budget.ts';
import {
  flowBetween,
  nextSignal,
  type QueueFlow,
  type QueueObservation,
  type QueueSignal,
  type ScalingReason,
  type ScalingSettings,
} from '../../scaling/policy.ts';
import type { Chore } from '../chore.ts';
import { countReady } from './count-ready.ts';

export interface EvaluateScalingOptions {
  db: Database;
  metrics: Metrics;
  intervalMs: number;
  settings: ScalingSettings;
  /** 0: what the connection budget allows. */
  maxWorkers: number;
  connections: Pick<ConnectionFacts, 'poolSize' | 'pooled' | 'direct' | 'poolerConnections' | 'reservedForOthers'>;
}

/** An evaluation is valid for this many intervals (and half a minute at least); then the view shows it as overdue. */
const VALID_INTERVALS = 6;
const LEAST_VALID_SECONDS = 30;
/** Counting ready steps may take a twentieth of the time: with a million of them an evaluation is some seconds later. */
const COUNTING_SHARE = 20;
/** However long it takes to count: an autoscaler that waits longer is no autoscaler. */
const LONGEST_INTERVAL_MS = 60_000;
/** Autoscalers have no number for infinity, and no fleet is larger. */
const UNLIMITED = 100_000;

/**
 * Evaluates the scaling policy for every queue and stores the result, from which the view tasker_queue_scaling and this process's
 * gauges read it. Every scheduler tries, unless another did within this interval, and what is written first counts, so that any
 * number of them show the same.
 */
export function evaluateScaling(options: EvaluateScalingOptions): Chore {
  const { db, metrics, intervalMs } = options;
  let pauseMs = intervalMs;
  return {
    name: 'evaluate_scaling',
    intervalMs,
    async run() {
      const limit = await measureConnections(options);
      pauseMs = await evaluate(options, limit, pauseMs);
      // Read first: no scrape can happen between the reset of the old values and the new ones.
      const rows = await db.run(readQueueScaling);
      for (const key of ['desiredReplicas', 'wantedReplicas', 'queueWorkers', 'scalingHeld'] as const)
        metrics.reset(key);
      for (const key of ['queueArrivals', 'queueStepSeconds'] as const) metrics.reset(key);
      metrics.set('maxWorkers', {}, limit);
      for (const row of rows) {
        const { queue } = row;
        metrics.set('desiredReplicas', { queue }, row.desired_replicas);
        metrics.set('wantedReplicas', { queue }, row.wanted_replicas);
        metrics.set('queueWorkers', { queue }, row.workers);
        metrics.set('queueArrivals', { queue }, row.arrival_rate);
        metrics.set('queueStepSeconds', { queue }, row.step_seconds);
        for (const reason of ['stalled', 'unclaimed', 'overdue']) {
          metrics.set('scalingHeld', { queue, reason }, row.reason === reason ? 1 : 0);
        }
      }
      return { done: 0, more: false };
    },
  };
}

/** Sets the gauges of the connection budget; returns how many workers there may be. */
async function measureConnections({ db, metrics, connections, maxWorkers }: EvaluateScalingOptions): Promise<number> {
  const [server] = await db.run(serverConnections);
  if (server === undefined) return maxWorkers === 0 ? UNLIMITED : maxWorkers;
  const apis = apisOf(server.api_connections, connections.poolSize);
  const budget = connectionBudget({
    ...connections,
    maxConnections: server.max_connections,
    reservedByServer: server.reserved,
    roleLimit: server.role_limit,
    databaseLimit: server.database_limit,
    schedulers: Math.max(1, server.schedulers),
    apis,
  });
  metrics.set('databaseConnections', { kind: 'used' }, server.used);
  metrics.set('databaseConnections', { kind: 'limit' }, server.max_connections - server.reserved);
  metrics.set('connectionBudget', { kind: 'available' }, budget.available);
  const committed = committedConnections(budget, { ...server, apis });
  metrics.set('connectionBudget', { kind: 'committed' }, committed);
  return Math.min(budget.maxWorkers, maxWorkers === 0 ? UNLIMITED : maxWorkers, UNLIMITED);
}

/** Evaluates all queues if the last evaluation was about `pauseMs` ago. Returns when the next one is due. */
async function evaluate(options: EvaluateScalingOptions, limit: number, pauseMs: number): Promise<number> {
  const { db, intervalMs, settings } = options;
  const [last] = await db.run(findLastEvaluation);
  // A little less: the chore of another scheduler runs at other moments.
  if ((last?.seconds ?? Infinity) < (pauseMs - intervalMs * 0.3) / 1000) return pauseMs;
  const began = performance.now();
  const { queues, atOnce } = await countReady(db);
  const nextMs = atOnce
    ? intervalMs
    : Math.max(intervalMs, Math.min((performance.now() - began) * COUNTING_SHARE, LONGEST_INTERVAL_MS));
  const rows = await db.run(scalingObservations, { counted: queues });
  if (rows.length === 0) return nextMs;
  const signals = rows.map((row) => {
    const previous = row.previous === null ? undefined : signalOf(row.previous);
    const observation = observationOf(row);
    return {
      queue: row.queue,
      signal: nextSignal(previous, observation, settings),
      flow: previous === undefined ? undefined : flowBetween(previous, observation),
      replaces: row.previous?.measured_at ?? null,
    };
  });
  const allotted = allot(
    signals.map(({ signal }) => signal.desiredReplicas),
    limit,
  );
  const written = signals.map(({ queue, signal, flow, replaces }, index) => ({
    ...rowOf(queue, signal, allotted[index] ?? 0, limit),
    ...shareOfMinute(signal.at, flow),
    replaces,
  }));
  const validSeconds = Math.max(LEAST_VALID_SECONDS, (VALID_INTERVALS * nextMs) / 1000);
  const json = JSON.stringify(written);
  await db.run(writeScalingSignals, { signals: json, valid_seconds: validSeconds });
  await db.run(writeQueueSamples, { signals: json });
  return nextMs;
}

/** What was measured since the last evaluation, and how much of the minute so far that is: the row of a minute has its averages. */
function shareOfMinute(at: number, flow: QueueFlow | undefined): QueueSampleRates {
  if (flow === undefined) return { arrived_per_second: 0, completed_per_second: 0, share: 0 };
  const { seconds, arrived, completed } = flow;
  return {
    arrived_per_second: arrived / seconds,
    completed_per_second: completed / seconds,
    share: Math.min(1, seconds / Math.max(at % 60, seconds)),
  };
}

function observationOf(row: ScalingObservationRow): QueueObservation {
  return {
    at: row.at,
    ready: row.ready,
    oldestReadySeconds: row.oldest_ready_seconds,
    startedTotal: row.started_total,
    completedTotal: row.completed_total,
    completedSecondsTotal: row.completed_seconds_total,
    running: row.running,
    runningSeconds: row.running_seconds,
    workers: row.workers,
    slotsPerWorker: row.slots_per_worker,
  };
}

function signalOf(row: ScalingSignalRow): QueueSignal {
  return {
    at: row.at,
    desiredReplicas: row.desired_replicas,
    desiredSlots: row.desired_slots,
    reason: row.reason as ScalingReason,
    arrivalRate: row.arrival_rate,
    startRate: row.start_rate,
    completionRate: row.completion_rate,
    quietSeconds: row.quiet_seconds,
    stepSeconds: row.step_seconds,
    stepWeight: row.step_weight,
    slotsPerWorker: row.slots_per_worker,
    observation: {
      at: row.at,
      ready: row.ready_steps,
      oldestReadySeconds: row.oldest_ready_seconds,
      startedTotal: row.started_total,
      completedTotal: row.completed_total,
      completedSecondsTotal: row.completed_seconds_total,
      running: row.running_steps,
      runningSeconds: row.running_seconds,
      workers: row.workers,
      slotsPerWorker: row.slots_per_worker,
    },
  };
}

function rowOf(queue: string, signal: QueueSignal, allotted: number, limit: number): ScalingSignalRow {
  const { observation } = signal;
  return {
    queue,
    desired_replicas: allotted,
    wanted_replicas: signal.desiredReplicas,
    desired_slots: signal.desiredSlots,
    reason: signal.reason,
    ready_steps: observation.ready,
    oldest_ready_seconds: observation.oldestReadySeconds,
    running_steps: observation.running,
    running_seconds: observation.runningSeconds,
    workers: observation.workers,
    slots_per_worker: signal.slotsPerWorker,
    arrival_rate: signal.arrivalRate,
    start_rate: signal.startRate,
    completion_rate: signal.completionRate,
    quiet_seconds: signal.quietSeconds,
    step_seconds: signal.stepSeconds,
    step_weight: signal.stepWeight,
    started_total: observation.startedTotal,
    completed_total: observation.completedTotal,
    completed_seconds_total: observation.completedSecondsTotal,
    max_replicas: limit,
    at: signal.at,
  };
}
