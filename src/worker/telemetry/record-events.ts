import type { Logger } from '../../logger.ts';
import type { Metrics } from '../../metrics/registry.ts';
import { sampledTraceId } from '../../tracing/stored-context.ts';
import { errorFields } from './error-fields.ts';
import type { StepLabels, WorkerEvents, WorkflowKey } from './events.ts';
import { type MetricLabels, metricLabels } from './metric-labels.ts';

const toState = (state: string) => Object.freeze({ entity: 'step', to_state: state });
const TO = { complete: toState('complete'), error: toState('error'), pending: toState('pending') };

const workflowLabels = ({ namespace, name, version }: WorkflowKey) => ({ namespace, workflow: name, version });

/** Counts and logs the events of a worker. Steps that complete are counted and not logged: at full load a line each would cost more than the step. */
export function recordEvents(
  metrics: Metrics,
  log: Logger,
  survived: (doing: string, error: unknown) => void,
  workerId: () => string,
): WorkerEvents {
  // The only lookup for each step. The labels are made once for each step type.
  const types = new Map<StepLabels, MetricLabels>();
  const of = (step: StepLabels): MetricLabels => {
    let labels = types.get(step);
    if (labels === undefined) types.set(step, (labels = metricLabels(step)));
    return labels;
  };
  return {
    claimed({ queue, steps, seconds, chained }) {
      const fused = String(chained);
      const labels = { queue, fused };
      metrics.count('claims', labels);
      metrics.observe('claimSeconds', { fused }, seconds);
      if (steps === 0) return;
      metrics.count('claimedSteps', labels, steps);
      metrics.count('transitions', { entity: 'step', to_state: 'in_progress' }, steps);
    },
    started(step, { waitedSeconds }, traceContext = null) {
      const traceId = metrics.exemplars && traceContext !== null ? sampledTraceId(traceContext) : undefined;
      metrics.observe('readyToStart', of(step).queue, waitedSeconds, traceId);
    },
    finished(step, { outcome, seconds, attempt, taskId, willRetry, error, trace }) {
      const { labels, outcomes } = of(step);
      // Without a span of the attempt there is nothing to be found in the trace.
      const traceId = metrics.exemplars && trace?.span_id !== undefined ? trace.trace_id : undefined;
      metrics.observe('stepSeconds', labels, seconds, traceId);
      metrics.count('stepAttempts', outcomes[outcome]);
      if (outcome === 'lost') {
        metrics.count('lostClaims', {});
        log.warn(
          { task_id: taskId, worker_id: workerId(), ...labels, attempt, ...trace },
          'the claim was taken away; the outcome of this attempt does not count',
        );
        return;
      }
      const failed = outcome === 'error' || outcome === 'timeout';
      metrics.count('transitions', failed ? TO.error : outcome === 'released' ? TO.pending : TO.complete);
      if (!failed) return;
      metrics.count(willRetry === true ? 'stepRetries' : 'stepsBlocked', labels);
      log.warn(
        {
          task_id: taskId,
          worker_id: workerId(),
          ...labels,
          attempt,
          outcome,
          duration_ms: Math.round(seconds * 1000),
          will_retry: willRetry === true,
          ...trace,
          ...errorFields(error),
        },
        willRetry === true ? 'step failed and will be tried again' : 'step failed for good',
      );
    },
    batchCompleted({ steps, seconds }) {
      metrics.observe('flushSteps', {}, steps);
      metrics.observe('flushSeconds', {}, seconds);
    },
    taskEnded(state, taskIds) {
      metrics.count('transitions', { entity: 'task', to_state: state }, taskIds.length);
    },
    unresponsive({ namespace, workflow, step }, { taskId, attempt, trace }) {
      metrics.count('stuckHandlers', { namespace, workflow, step });
      log.error(
        { namespace, workflow, step, task_id: taskId, attempt, worker_id: workerId(), ...trace },
        'a handler did not stop when its step timed out or its worker shut down, and was given up on',
      );
    },
    leaseLost(formerId) {
      metrics.count('leasesLost', {});
      log.error(
        { worker_id: formerId },
        'the lease was lost: what was running here belongs to others now; starting anew',
      );
    },
    workflowRefused(workflow, problem) {
      metrics.set('workflowRefused', workflowLabels(workflow), 1);
      log.error(
        { ...workflowLabels(workflow), problem },
        'a workflow is not served; the others run, and it is tried again',
      );
    },
    workflowServed(workflow, wasRefused) {
      metrics.set('workflowRefused', workflowLabels(workflow), 0);
      if (!wasRefused) return;
      log.info(workflowLabels(workflow), 'a workflow that was refused is served now');
    },
    tasksSetAside(workflow, version, taskIds) {
      log.warn(
        { ...workflowLabels(workflow), set_aside_as: version, tasks: taskIds.length, first_task_id: taskIds[0] },
        'open tasks with other steps or edges than the definition belong to another version now: let a worker export their graph under that version, or cancel them (tasker workflows lists the versions)',
      );
    },
    joined(installationId, former) {
      if (former !== '')
        log.error(
          { installation: installationId, former_installation: former },
          'this is another database: it has another installation than the one that this worker was started with',
        );
    },
    failed: survived,
    leaked({ namespace, workflow, step }, { taskId, attempt, origin, stillRan, error, trace }) {
      metrics.count('errors', { doing: `${origin} that a step did not catch` });
      log.error(
        { namespace, workflow, step, task_id: taskId, attempt, worker_id: workerId(), ...trace, error },
        `${origin === 'rejection' ? 'a promise of this step rejected and nobody waited for it' : 'this step threw an error that could not be caught'}; ${
          stillRan ? 'its attempt fails with that' : 'it had ended before, and its outcome stays'
        }`,
      );
    },
  };
}
