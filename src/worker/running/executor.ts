import { AsyncResource } from 'node:async_hooks';
import { type ClaimedStep, type StepInputs } from '../../engine/claim.ts';
import type { Membership } from '../../membership/membership.ts';
import type { AttemptTrace } from '../../tracing/attempt-trace.ts';
import { ordinalOf } from '../../workflow/step-id.ts';
import type { Completer } from '../completing/completer.ts';
import type { StepType } from '../scope/handler-registry.ts';
import type { Outcome } from '../scope/outputs.ts';
import type { WorkerOptions } from '../scope/worker-options.ts';
import type { WorkerScope } from '../scope/worker-scope.ts';
import type { Activity } from '../telemetry/activity.ts';
import { endLost } from '../telemetry/lost-spans.ts';
import { Attempt, type AttemptHost } from './attempt.ts';
import { RELEASED } from './outcome.ts';
import type { RunningAttempts } from './running-attempts.ts';

export interface ExecutorParts {
  readonly running: RunningAttempts;
  readonly activity: Activity;
  readonly completer: Pick<Completer, 'add'>;
  readonly membership: Pick<Membership, 'extendStallDeadline'>;
  readonly loggerFor: WorkerOptions['loggerFor'];
}

/**
 * Runs claimed steps whose inputs are here: waits for a slot, runs the attempt to its outcome, and hands the completer one `Ended`
 * for each. The stages, by name: run -> runInSlot -> Attempt.run -> ended.
 */
export class Executor {
  private readonly scope: WorkerScope;
  private readonly parts: ExecutorParts;
  private readonly host: AttemptHost;

  constructor(scope: WorkerScope, parts: ExecutorParts) {
    this.scope = scope;
    this.parts = parts;
    this.host = {
      running: parts.running,
      settings: scope.settings,
      state: scope.state,
      membership: parts.membership,
      startContext: new AsyncResource('TASKER_STEP'),
      loggerFor: ({ labels }, { taskId, attempt }, trace) =>
        parts.loggerFor({
          namespace: labels.namespace,
          workflow: labels.workflow,
          task_id: taskId,
          step: labels.step,
          attempt,
          worker_id: scope.lease.current ?? '',
          ...trace?.logFields,
        }),
      traceFor: (type, step, traceContext) => beginTrace(scope, type, step, traceContext),
      onUnresponsive: ({ type, step: { taskId, attempt }, trace }) =>
        scope.events.unresponsive(type.labels, { taskId, attempt, trace: trace?.logFields }),
      onEnded: (attempt, outcome) => this.ended(attempt, outcome),
    };
  }

  run(step: ClaimedStep, inputs: StepInputs): void {
    this.scope.slots.run((done) => this.runInSlot(step, inputs, done));
  }

  private runInSlot(step: ClaimedStep, inputs: StepInputs, done: () => void): void {
    const { handlers, state, events } = this.scope;
    const type = handlers.find(step.namedTaskId, ordinalOf(step.stepId));
    // A claim only takes steps of registered workflows: if one has no handler here, the registry was filled anew since the claim.
    if (type === undefined || state.draining) {
      this.parts.completer.add({ step, type, outcome: RELEASED, seconds: 0 });
      return done();
    }
    events.started(type.labels, step, inputs.traceContext);
    const attempt = new Attempt(type, step, inputs, this.host, done);
    this.parts.activity.started(type.labels.queue, attempt.startedAt);
    attempt.run();
  }

  private ended({ step, type, inputs, startedAt, trace }: Attempt, outcome: Outcome): void {
    const { claims, events, spans } = this.scope;
    trace?.handlerEnded();
    if (outcome.kind === 'fail' && trace?.recording === true) spans.failing(trace, step.stepId);
    const seconds = (performance.now() - startedAt) / 1000;
    this.parts.activity.ended(type.labels.queue, startedAt, seconds, ACTIVITY_OUTCOMES[outcome.kind]);
    if (outcome.kind === 'abandoned') {
      claims.stepDropped(step.claimId);
      events.finished(type.labels, {
        outcome: 'lost',
        seconds,
        attempt: step.attempt,
        taskId: step.taskId,
        trace: trace?.logFields,
      });
      if (trace?.recording === true) spans.later(endLost(this.scope, trace, step));
      return;
    }
    // Its children may receive the result from memory when it is recorded, and not before: the claim may be lost by now.
    const cacheable = outcome.kind === 'complete' && type.template.childOrdinals.length > 0 && inputs.ownInput !== true;
    const inputsOfTask = cacheable ? inputs : undefined;
    this.parts.completer.add(
      trace === undefined
        ? { step, type, outcome, seconds, inputsOfTask }
        : { step, type, outcome, seconds, inputsOfTask, trace },
    );
  }
}

function beginTrace(
  { lease, spans }: WorkerScope,
  { definition, labels }: StepType,
  { taskId, stepId, attempt, claimId, waitedSeconds }: ClaimedStep,
  traceContext: string,
): AttemptTrace {
  return spans.begin(traceContext, () => {
    const { version } = definition;
    return { ...labels, version, taskId, stepId, attempt, claimId, workerId: lease.current, waitedSeconds };
  });
}

const ACTIVITY_OUTCOMES = {
  complete: 'completed',
  fail: 'failed',
  release: 'released',
  abandoned: 'released',
} as const;
