import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics/registry.ts';
import type { ProgressMonitor } from '../process/progress.ts';
import type { SchedulerEvents } from './scheduler.ts';
import type { LostSteps } from '../engine/recover.ts';

/** Ids in one line of the log. */
const MOST_LISTED = 100;

const tracesField = (traceIds: readonly string[]): object =>
  traceIds.length === 0 ? {} : { trace_ids: traceIds.slice(0, MOST_LISTED) };

const stepsFields = ({ stepIds, taskIds, traceIds }: LostSteps): object => ({
  steps: stepIds.length,
  workflow_step_ids: stepIds.slice(0, MOST_LISTED),
  task_ids: taskIds.slice(0, MOST_LISTED),
  ...tracesField(traceIds),
});

export function schedulerEvents(
  metrics: Metrics,
  log: Logger,
  progress: ProgressMonitor,
  survived: (doing: string, error: unknown) => void,
): SchedulerEvents {
  // A rate over a counter that appears with its first event misses that event: these begin at zero.
  for (const outcome of ['requeued', 'blocked']) metrics.count('recovered', { outcome }, 0);
  for (const outcome of ['created', 'existing', 'skipped', 'failed']) metrics.count('cronFires', { outcome }, 0);
  metrics.count('cronMadeUp', {}, 0);
  metrics.count('clockSetBack', {}, 0);
  metrics.count('promoted', {}, 0);
  metrics.count('operationsStopped', {}, 0);
  for (const action of ['retry', 'cancel', 'resolve', 'rerun'])
    for (const state of ['done', 'refused', 'failed']) metrics.count('operationItems', { action, state }, 0);
  for (const role of ['worker', 'scheduler']) metrics.count('expired', { role }, 0);
  return {
    swept(chore, { done, seconds }) {
      progress.beat(chore);
      metrics.observe('sweepSeconds', { chore }, seconds);
      if (done > 0) log.debug({ chore, done }, 'swept');
    },
    failed: survived,
    retriesEnqueued(queue, steps) {
      metrics.count('requeued', { queue }, steps);
      metrics.count('transitions', { entity: 'step', to_state: 'pending' }, steps);
    },
    promoted(queue, steps) {
      metrics.count('promoted', {}, steps);
      log.debug({ queue, steps }, 'steps that waited long are as urgent as any other of their queue');
    },
    clockSetBack({ seconds, retries, leases }) {
      metrics.count('clockSetBack', {});
      log.error(
        { seconds, retries, leases },
        `the clock of the database was set back by ${Math.round(seconds)} s: retries and leases that hung on it begin anew`,
      );
    },
    recovered({ expired, requeued, blocked, erroredTasks }) {
      for (const { workerId, name, role } of expired) {
        metrics.count('expired', { role });
        log.warn({ worker_id: workerId, name, role }, 'a process died: its lease was ended');
      }
      if (requeued.stepIds.length > 0) {
        metrics.count('recovered', { outcome: 'requeued' }, requeued.stepIds.length);
        metrics.count('transitions', { entity: 'step', to_state: 'pending' }, requeued.stepIds.length);
        log.warn(stepsFields(requeued), 'steps of dead processes are back in their queues');
      }
      if (blocked.stepIds.length > 0) {
        metrics.count('recovered', { outcome: 'blocked' }, blocked.stepIds.length);
        metrics.count('transitions', { entity: 'step', to_state: 'error' }, blocked.stepIds.length);
        log.error(stepsFields(blocked), 'steps used up their attempts by the death of their process');
      }
      if (erroredTasks.length > 0)
        metrics.count('transitions', { entity: 'task', to_state: 'error' }, erroredTasks.length);
    },
    finalized(taskIds, traceIds) {
      metrics.count('settled', {}, taskIds.length);
      metrics.count('transitions', { entity: 'task', to_state: 'error' }, taskIds.length);
      log.warn(
        { tasks: taskIds.length, task_ids: taskIds.slice(0, MOST_LISTED), ...tracesField(traceIds) },
        'tasks were left unfinalized by a dead process; they are in error now',
      );
    },
    operated({ ended, stopped, finished }) {
      for (const { action, state, items } of ended) metrics.count('operationItems', { action, state }, items);
      for (const { operationId, why } of stopped) {
        metrics.count('operationsStopped', {});
        log.warn({ operation: operationId, why }, 'a bulk operation stopped by itself: it waits for a person');
      }
      for (const operationId of finished) log.info({ operation: operationId }, 'a bulk operation is done');
    },
    cronFired(schedule, outcome, { madeUp, inputDiffers }) {
      metrics.count('cronFires', { outcome });
      if (madeUp && outcome === 'created') metrics.count('cronMadeUp', {});
      const notable = { ...(madeUp ? { made_up: true } : {}), ...(inputDiffers ? { input_differs: true } : {}) };
      log.info({ schedule, outcome, ...notable }, 'a workflow schedule fired');
    },
    leaseLost(workerId) {
      metrics.count('leasesLost', {});
      log.error({ worker_id: workerId }, 'the lease was lost; starting anew');
    },
    joined(installationId, former) {
      if (former !== '')
        log.error(
          { installation: installationId, former_installation: former },
          'this is another database: it has another installation than the one that this scheduler was started with',
        );
    },
  };
}
