import type { ChainBounds } from '../../engine/complete.ts';
import type { WorkerScope } from '../scope/worker-scope.ts';
import { MAX_UNRECORDED } from './backpressure.ts';

/** Every 16th batch of completions leaves its children to the queue, so that other steps of the same priority get their turn. */
const ROUNDS_UNTIL_QUEUE = 16;

/** Which children a completion may claim in the same statement (a chained claim), and how many. */
export class ChildClaims {
  private readonly scope: WorkerScope;
  private round = 0;

  constructor(scope: WorkerScope) {
    this.scope = scope;
  }

  /** Undefined before the first claim: what is urgent in the queues is not known yet. */
  bounds(): ChainBounds | undefined {
    return this.scope.cursors.chainBounds();
  }

  /** Reserves slots for up to `children` steps, and returns their number. `backlog`: outcomes that are unrecorded. */
  reserve(children: number, backlog: number): number {
    const { settings, state, lease, slots, signal } = this.scope;
    if (children === 0 || state.draining || !settings.fusedClaims || lease.current === undefined) return 0;
    if (backlog >= MAX_UNRECORDED) return 0;
    this.round += 1;
    if (this.round % ROUNDS_UNTIL_QUEUE === 0) {
      signal.wake();
      return 0;
    }
    return slots.reserve(children);
  }
}
