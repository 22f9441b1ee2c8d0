import { AsyncResource } from 'node:async_hooks';
import type { ClaimedStep, StepInputs } from '../../engine/claim.ts';
import { ordinalOf } from '../../workflow/step-id.ts';
import type { Activity } from '../telemetry/activity.ts';
import { Attempt, type AttemptHost } from './attempt.ts';
import type { Completer } from '../completing/completer.ts';
import type { Ended, Told } from '../completing/completer-options.ts';
import type { ClaimLedger } from '../scope/claim-ledger.ts';
import { type Outcome, RELEASED } from './outcome.ts';
import type { ResultCache } from '../scope/result-cache.ts';
import type { RunningAttempts } from './running-attempts.ts';
import type { Slots } from '../scope/slots.ts';
import type { HandlerRegistry } from '../scope/handler-registry.ts';
import type { WorkerOptions } from '../scope/worker-options.ts';

export interface ExecutorOptions extends Pick<
  WorkerOptions,
  'events' | 'maxResultBytes' | 'maxBackoffRequestSeconds' | 'backoffCapSeconds' | 'loggerFor'
> {
  /** Of the state of the database that the worker has joined. */
  catalogue: () => HandlerRegistry;
  installationId: () => string;
  slots: Slots;
  running: RunningAttempts;
  activity: Activity;
  cache: ResultCache;
  claims: ClaimLedger;
  flusher: Completer;
  isDraining: () => boolean;
  /** For log lines; empty while the process has no lease. */
  workerIdOrNone: () => string;
}

/** A step's way through the worker once it is claimed and its inputs are here. */
export class Executor {
  private readonly options: ExecutorOptions;
  private readonly host: AttemptHost;

  constructor(options: ExecutorOptions) {
    this.options = options;
    const { running, maxResultBytes, maxBackoffRequestSeconds } = options;
    this.host = {
      running,
      maxResultBytes,
      maxBackoffRequestSeconds,
      installationId: options.installationId,
      scope: new AsyncResource('TASKER_STEP'),
      loggerFor: (kind, { taskId, attempt }) =>
        options.loggerFor({
          namespace: kind.labels.namespace,
          workflow: kind.labels.workflow,
          task_id: taskId,
          step: kind.template.name,
          attempt,
          worker_id: options.workerIdOrNone(),
        }),
      onStuck: ({ labels }) => options.events.stuck(labels),
      onEnded: (attempt, outcome) => this.ended(attempt, outcome),
    };
  }

  /** Runs a claimed step in a slot, to its outcome, and hands that on to be told to the database. */
  run(step: ClaimedStep, inputs: StepInputs): void {
    this.options.slots.run((done) => this.runInSlot(step, inputs, done));
  }

  private runInSlot(step: ClaimedStep, inputs: StepInputs, done: () => void): void {
    const { events, activity, catalogue, flusher } = this.options;
    const kind = catalogue().find(step.namedTaskId, ordinalOf(step.stepId));
    // A claim only takes steps of registered workflows: one that is not known here changed under us, and is given back.
    if (kind === undefined || this.options.isDraining()) {
      flusher.add({ step, kind, outcome: RELEASED, seconds: 0 });
      return done();
    }
    events.started(kind.labels, step);
    const attempt = new Attempt(kind, step, inputs, this.host, done);
    activity.started(kind.labels.queue, attempt.startedAt);
    attempt.run();
  }

  private ended({ step, kind, inputs, startedAt }: Attempt, outcome: Outcome): void {
    const { events, activity, cache, claims, flusher } = this.options;
    const seconds = (performance.now() - startedAt) / 1000;
    activity.ended(kind.labels.queue, startedAt, seconds, ACTIVITY_OUTCOMES[outcome.kind]);
    if (outcome.kind === 'abandoned') {
      claims.dropped(step.claimId);
      events.finished(kind.labels, { outcome: 'lost', seconds, attempt: step.attempt, taskId: step.taskId });
      return;
    }
    if (outcome.kind === 'complete' && kind.template.childOrdinals.length > 0 && inputs.ownInput !== true) {
      cache.put(step.taskId, inputs, kind.template.ordinal, outcome.result);
    }
    flusher.add({ step, kind, outcome, seconds });
  }

  /** The database has answered. */
  told({ step, kind, outcome, seconds }: Ended, { lost, willRetry, givenUp }: Told): void {
    if (givenUp === true) this.options.claims.leave(step.claimId);
    else this.options.claims.ended(step.claimId);
    if (kind === undefined) return;
    this.options.events.finished(kind.labels, {
      outcome: lost ? 'lost' : OUTCOMES[outcome.kind === 'fail' ? outcome.cause : outcome.kind],
      seconds,
      attempt: step.attempt,
      taskId: step.taskId,
      metadata: outcome.kind === 'fail' ? outcome.metadata : undefined,
      willRetry,
    });
  }
}

const ACTIVITY_OUTCOMES = {
  complete: 'completed',
  fail: 'failed',
  release: 'released',
  abandoned: 'released',
} as const;
const OUTCOMES = { complete: 'complete', fail: 'error', timeout: 'timeout', release: 'released' } as const;
