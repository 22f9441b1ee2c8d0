import type { Database } from '../../db/connections/database.ts';
import { databaseHealth } from '../../db/health/database-health.ts';
import { fleetStats } from '../../db/health/fleet-stats.ts';
import { historyPartitions } from '../../db/health/history-partitions.ts';
import { indexBloat } from '../../db/health/index-bloat.ts';
import { indexUsage, tableHealth } from '../../db/health/table-health.ts';
import { measuredPauses } from '../../db/statements/acts/pauses.ts';
import { queueStats } from '../../db/reads/queues.ts';
import { countOperations } from '../../db/statements/operations/operations.ts';
import { xminHolders } from '../../db/health/xmin-holders.ts';
import type { Metrics } from '../../metrics/registry.ts';
import { databaseIntervalMs } from '../chore-intervals.ts';
import type { Chore } from '../chore.ts';

/** Depth and age of the queues, and what the fleet is doing. */
export function measureQueues(db: Database, metrics: Metrics, intervalMs: number): Chore {
  return {
    name: 'measure_queues',
    intervalMs,
    async run() {
      const queues = await db.run(queueStats);
      metrics.reset('readySteps');
      metrics.reset('oldestReady');
      for (const { queue, ready, oldest_ready_seconds: seconds } of queues) {
        metrics.set('readySteps', { queue }, ready);
        metrics.set('oldestReady', { queue }, Math.max(0, seconds));
      }
      await measurePauses(db, metrics);
      await measureOperations(db, metrics);
      const [fleet] = await db.run(fleetStats);
      if (fleet !== undefined) {
        metrics.set('waitingRetries', {}, fleet.waiting_retries);
        metrics.set('blockedSteps', {}, fleet.blocked_steps);
        metrics.set('claimsInFlight', {}, fleet.open_claims);
        metrics.set('fleetProcesses', { role: 'worker' }, fleet.workers_alive);
        metrics.set('fleetProcesses', { role: 'scheduler' }, fleet.schedulers_alive);
        metrics.set('fleetSlots', { state: 'total' }, fleet.slots);
        metrics.set('fleetSlots', { state: 'busy' }, fleet.busy_slots);
      }
      return { done: 0, more: false };
    },
  };
}

async function measurePauses(db: Database, metrics: Metrics): Promise<void> {
  const paused = await db.run(measuredPauses);
  metrics.reset('queuePaused');
  metrics.reset('workflowPaused');
  for (const { kind, name, seconds } of paused) {
    if (kind === 'queue') {
      metrics.set('queuePaused', { queue: name }, seconds);
      continue;
    }
    const slash = name.indexOf('/');
    metrics.set('workflowPaused', { namespace: name.slice(0, slash), workflow: name.slice(slash + 1) }, seconds);
  }
}

async function measureOperations(db: Database, metrics: Metrics): Promise<void> {
  const counted = new Map((await db.run(countOperations)).map((row) => [row.state, row] as const));
  for (const state of ['running', 'paused', 'stopped'] as const) {
    metrics.set('operations', { state }, counted.get(state)?.operations ?? 0);
    metrics.set('operationsWaiting', { state }, counted.get(state)?.waiting ?? 0);
  }
  const running = counted.get('running');
  metrics.set('operationIdle', { waits_for: 'canary' }, running?.canary_idle_seconds ?? 0);
  metrics.set('operationIdle', { waits_for: 'scheduler' }, running?.idle_seconds ?? 0);
}

/** Sizes, dead rows, index use and bloat, cache hits, lock waits, the oldest snapshots and who holds them. */
export function measureDatabase(db: Database, metrics: Metrics, intervalMs: number): Chore {
  return {
    name: 'measure_database',
    intervalMs: databaseIntervalMs(intervalMs),
    async run() {
      const [health] = await db.run(databaseHealth, { schema: db.schema });
      if (health !== undefined) {
        metrics.set('bufferHitRatio', {}, health.buffer_hit_ratio ?? 1);
        metrics.set('transitionLockWaits', {}, health.lock_waits_on_transitions);
        metrics.set('oldestSnapshot', {}, health.oldest_snapshot_seconds);
        metrics.set('deadlocks', {}, health.deadlocks);
      }
      const holders = await db.run(xminHolders);
      metrics.reset('xminSeconds');
      metrics.reset('xminAge');
      for (const { kind, holder, seconds, transactions } of holders) {
        if (seconds !== null) metrics.set('xminSeconds', { kind, holder }, seconds);
        metrics.set('xminAge', { kind, holder }, transactions);
      }
      for (const table of await db.run(tableHealth, { schema: db.schema })) {
        const { relation } = table;
        metrics.set('deadTuples', { relation }, table.dead_tuples);
        metrics.set('liveTuples', { relation }, table.live_tuples);
        metrics.set('tableBytes', { relation }, table.total_bytes);
        metrics.set('hotRatio', { relation }, table.updates === 0 ? 1 : table.hot_updates / table.updates);
      }
      for (const { relation, index, scans, bytes } of await db.run(indexUsage, { schema: db.schema })) {
        metrics.set('indexScans', { relation, index }, scans);
        metrics.set('indexBytes', { relation, index }, bytes);
      }
      for (const { relation, partitions, ids_ahead: ahead } of await db.run(historyPartitions)) {
        metrics.set('historyPartitions', { relation }, partitions);
        metrics.set('historyIdsAhead', { relation }, ahead);
      }
      const bloated = await db.run(indexBloat, { schema: db.schema });
      metrics.reset('indexBloat');
      for (const { relation, index, bloat } of bloated) {
        metrics.set('indexBloat', { relation, index }, bloat);
      }
      return { done: 0, more: false };
    },
  };
}
