import type { ClaimedStep, StepInputs } from '../../engine/claim.ts';
import type { Claimed } from '../scope/outputs.ts';
import type { WorkerScope } from '../scope/worker-scope.ts';
import type { Executor } from './executor.ts';
import { inputsAtHand, loadMissing } from './step-inputs.ts';

/**
 * Takes over what was claimed: enters each step into the ledger and hands it to the executor, after loading what is missing: inputs
 * of steps claimed by a completion, and, in an installation that earlier versions used, the form of the idempotency keys of steps
 * with earlier attempts.
 */
export class Intake {
  private readonly scope: WorkerScope;
  private readonly executor: Pick<Executor, 'run'>;

  constructor(scope: WorkerScope, executor: Pick<Executor, 'run'>) {
    this.scope = scope;
    this.executor = executor;
  }

  /** What a claim or a completion took. The slots that were reserved for it are free for its steps from here on. */
  accept({ claimId, queue, steps, reserved, seconds, chained }: Claimed): void {
    const { claims, events, lease, slots, spans } = this.scope;
    slots.unreserve(reserved);
    events.claimed({ queue, steps: steps.length, seconds, chained });
    // A completion that claims is not traced by itself: what it claims is.
    if (!chained && steps.some(isTraced)) {
      const traceContexts = steps.map(({ inputs }) => inputs?.traceContext);
      spans.claimed({ claimId, queue, seconds, workerId: lease.current, traceContexts });
    }
    this.run(steps);
    claims.responded(claimId);
  }

  /** Steps of a claim, whichever way it was found. */
  run(steps: readonly ClaimedStep[]): void {
    const { claims, handlers, results, state } = this.scope;
    for (const step of steps) claims.opened(step.claimId, 1);
    const missing: ClaimedStep[] = [];
    const begun: ClaimedStep[] = [];
    for (const step of steps) {
      const inputs = inputsAtHand(step, handlers, results);
      if (inputs === undefined) missing.push(step);
      else if (inputs.hasHistory && state.hadEarlierVersions) begun.push(step);
      else this.executor.run(step, inputs);
    }
    if (missing.length > 0 || begun.length > 0) void this.load(missing, begun);
  }

  private async load(missing: readonly ClaimedStep[], begun: readonly ClaimedStep[]): Promise<void> {
    const { slots } = this.scope;
    // Their slots are held while their inputs are loaded.
    let held = slots.reserve(missing.length + begun.length);
    await loadMissing(this.scope, { missing, begun }, (steps, loaded) => {
      const freed = Math.min(held, steps.length);
      held -= freed;
      slots.unreserve(freed);
      this.runLoaded(steps, loaded);
    });
    slots.unreserve(held);
  }

  private runLoaded(steps: readonly ClaimedStep[], loaded: ReadonlyMap<string, StepInputs>): void {
    for (const step of steps) {
      const inputs = loaded.get(step.stepId);
      if (inputs === undefined) this.scope.claims.stepDropped(step.claimId);
      else this.executor.run(step, inputs);
    }
  }
}

const isTraced = ({ inputs }: ClaimedStep): boolean => typeof inputs?.traceContext === 'string';
