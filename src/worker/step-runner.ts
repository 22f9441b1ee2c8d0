import { type ClaimedStep, ordinalOf, type StepInputs } from '../engine/claim.ts';
import type { Activity } from './activity.ts';
import type { StepLabels } from './events.ts';
import { executeStep, type Outcome, type StepKind } from './execute-step.ts';
import type { Flusher } from './flusher.ts';
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

  constructor(options: StepRunnerOptions) {
    this.options = options;
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
      this.flush(step, undefined, { kind: 'release' }, 0, undefined);
      return;
    }
    const labels = kind.labels;
    if (this.options.isDraining()) {
      this.flush(step, kind, { kind: 'release' }, 0, labels);
      return;
    }
    events.started(labels, { waitedSeconds: step.waitedSeconds, attempt: step.attempt });
    const attempt = activity.started(labels.queue);
    const outcome = await executeStep(kind, step, inputs, {
      running: this.options.running,
      maxResultBytes: this.options.maxResultBytes,
      maxBackoffRequestSeconds: this.options.maxBackoffRequestSeconds,
      loggerFor: () =>
        this.options.loggerFor({
          task_id: step.taskId,
          step: kind.template.name,
          attempt: step.attempt,
          worker_id: this.options.workerIdOrNone(),
        }),
      onStuck: (_, stuck) => {
        if (stuck) events.stuck(labels);
      },
    });
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
    this.flush(step, kind, outcome, seconds, labels);
  }

  private flush(
    step: ClaimedStep,
    kind: StepKind | undefined,
    outcome: Exclude<Outcome, { kind: 'abandoned' }>,
    seconds: number,
    labels: StepLabels | undefined,
  ): void {
    this.options.flusher.add({
      step,
      outcome,
      backoffCapSeconds: kind?.backoffCapSeconds ?? this.options.backoffCapSeconds,
      children: kind?.template.childOrdinals.length ?? 0,
      told: ({ lost, willRetry }) => {
        this.options.claims.ended(step.claimId);
        if (labels === undefined) return;
        this.options.events.finished(labels, {
          outcome: lost ? 'lost' : OUTCOMES[outcome.kind === 'fail' ? outcome.cause : outcome.kind],
          seconds,
          attempt: step.attempt,
          taskId: step.taskId,
          ...(outcome.kind === 'fail' ? { metadata: outcome.metadata } : {}),
          ...(willRetry === undefined ? {} : { willRetry }),
        });
      },
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
