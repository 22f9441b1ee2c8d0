import type { Logger } from '../../logger.ts';
import type { Metrics } from '../../metrics/registry.ts';
import type { StepLabels, StepOutcome, StoredError, WorkerEvents, WorkflowKey } from './events.ts';

const toState = (state: string) => Object.freeze({ entity: 'step', to_state: state });
const TO = { complete: toState('complete'), error: toState('error'), pending: toState('pending') };

function labelsOf({ namespace, workflow, step, queue }: StepLabels) {
  const labels = Object.freeze({ namespace, workflow, step });
  const outcome = (name: StepOutcome) => Object.freeze({ ...labels, outcome: name });
  return {
    queue: Object.freeze({ queue }),
    labels,
    outcomes: {
      complete: outcome('complete'),
      error: outcome('error'),
      timeout: outcome('timeout'),
      released: outcome('released'),
      lost: outcome('lost'),
    } satisfies Record<StepOutcome, object>,
  };
}

const workflowLabels = ({ namespace, name, version }: WorkflowKey) => ({ namespace, workflow: name, version });

/** Counts and logs the events of a worker. Steps that complete are counted and not logged: at full load a line each would cost more than the step. */
export function recordEvents(
  metrics: Metrics,
  log: Logger,
  survived: (doing: string, error: unknown) => void,
  workerId: () => string,
): WorkerEvents {
  // The only lookup for each step. The labels are made once for each step type.
  const types = new Map<StepLabels, ReturnType<typeof labelsOf>>();
  const of = (step: StepLabels): ReturnType<typeof labelsOf> => {
    let labels = types.get(step);
    if (labels === undefined) types.set(step, (labels = labelsOf(step)));
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
    started(step, { waitedSeconds }) {
      metrics.observe('readyToStart', of(step).queue, waitedSeconds);
    },
    finished(step, { outcome, seconds, attempt, taskId, willRetry, error }) {
      const { labels, outcomes } = of(step);
      metrics.observe('stepSeconds', labels, seconds);
      metrics.count('stepAttempts', outcomes[outcome]);
      if (outcome === 'lost') {
        metrics.count('lostClaims', {});
        log.warn(
          { task_id: taskId, worker_id: workerId(), ...labels, attempt },
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
          will_retry: willRetry === true,
          ...errorFields(error),
        },
        willRetry === true ? 'step failed and will be tried again' : 'step failed for good',
      );
    },
    batchCompleted({ steps, seconds }) {
      metrics.observe('flushSteps', {}, steps);
      metrics.observe('flushSeconds', {}, seconds);
    },
    taskEnded(state, count) {
      metrics.count('transitions', { entity: 'task', to_state: state }, count);
    },
    unresponsive({ namespace, workflow, step }) {
      metrics.count('stuckHandlers', { namespace, workflow, step });
      log.error(
        { namespace, workflow, step },
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
    leaked({ namespace, workflow, step }, { taskId, attempt, origin, stillRan, error }) {
      metrics.count('errors', { doing: `${origin} that a step did not catch` });
      log.error(
        { namespace, workflow, step, task_id: taskId, attempt, worker_id: workerId(), error },
        `${origin === 'rejection' ? 'a promise of this step rejected and nobody waited for it' : 'this step threw where nobody could catch it'}; ${
          stillRan ? 'its attempt fails with that' : 'it had ended before, and its outcome stays'
        }`,
      );
    },
  };
}

/** What a handler threw, in fields of its own, so that a search finds it: name, message, code, stack, causes, and a note of the engine. */
function errorFields(error: StoredError | undefined): Record<string, unknown> {
  if (error === undefined) return {};
  const fields = {
    error_name: error.name,
    error_message: error.message,
    error_code: error.code,
    error_note: error.note,
    error_stack: error.stack,
    error_cause: error.cause,
    error_errors: error.errors,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
