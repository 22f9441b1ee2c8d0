import { type ClaimedStep, ordinalOf, type StepInputs } from '../engine/claim.ts';
import type { Activity } from './activity.ts';
import { type ExecuteOptions, executeStep } from './execute-step.ts';
import type { Ended, Flusher, Told } from './flusher.ts';
import type { OpenClaims } from './open-claims.ts';
import type { ResultCache } from './result-cache.ts';
import type { RunningSteps } from './running-steps.ts';
import type { Slots } from './slots.ts';
import type { StepCatalogue } from './step-catalogue.ts';
import type { WorkerOptions } from './worker-options.ts';

export interface StepRunnerOptions extends Pick<
  WorkerOptions,
  'events' | 'maxResultBytes' | 'maxBackoffRequestSeconds' | 'backoffCapSeconds' | 'loggerFor'
> {
  catalogue: StepCatalogue;
  slots: Slots;
  running: RunningSteps;
  activity: Activity;
  cache: ResultCache;
  claims: OpenClaims;
  flusher: Flusher;
  isDraining: () => boolean;
  /** For log lines; empty while the process has no lease. */
  workerIdOrNone: () => string;
}

/** A step's way through the worker once it is claimed and its inputs are here. */
export class StepRunner {
  private readonly options: StepRunnerOptions;
  private readonly execution: ExecuteOptions;

  constructor(options: StepRunnerOptions) {
    this.options = options;
    const { running, maxResultBytes, maxBackoffRequestSeconds } = options;
    this.execution = {
      running,
      maxResultBytes,
      maxBackoffRequestSeconds,
      loggerFor: (kind, { taskId, attempt }) =>
        options.loggerFor({
          task_id: taskId,
          step: kind.template.name,
          attempt,
          worker_id: options.workerIdOrNone(),
        }),
      onStuck: ({ labels }) => options.events.stuck(labels),
    };
  }

  /** Runs a claimed step in a slot, to its outcome, and hands that on to be told to the database. */
  run(step: ClaimedStep, inputs: StepInputs): void {
    this.options.slots.run(() => this.runInSlot(step, inputs));
  }

  private async runInSlot(step: ClaimedStep, inputs: StepInputs): Promise<void> {
    const { events, activity, cache, claims } = this.options;
    const kind = this.options.catalogue.find(step.namedTaskId, ordinalOf(step.stepId));
    if (kind === undefined) {
      // A claim only takes steps of registered workflows, so this one changed under us: give it back.
      this.options.flusher.add({ step, kind, outcome: { kind: 'release' }, seconds: 0 });
      return;
    }
    const labels = kind.labels;
    if (this.options.isDraining()) {
      this.options.flusher.add({ step, kind, outcome: { kind: 'release' }, seconds: 0 });
      return;
    }
    events.started(labels, { waitedSeconds: step.waitedSeconds, attempt: step.attempt });
    const attempt = activity.started(labels.queue);
    const outcome = await executeStep(kind, step, inputs, this.execution);
    const seconds = (performance.now() - attempt.startedAt) / 1000;
    activity.ended(attempt, ACTIVITY_OUTCOMES[outcome.kind]);
    if (outcome.kind === 'abandoned') {
      claims.ended(step.claimId);
      events.finished(labels, { outcome: 'lost', seconds, attempt: step.attempt, taskId: step.taskId });
      return;
    }
    if (outcome.kind === 'complete' && kind.template.childOrdinals.length > 0) {
      cache.put(step.taskId, inputs, kind.template.ordinal, outcome.result);
    }
    this.options.flusher.add({ step, kind, outcome, seconds });
  }

  /** The database has answered. */
  told({ step, kind, outcome, seconds }: Ended, { lost, willRetry }: Told): void {
    this.options.claims.ended(step.claimId);
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
