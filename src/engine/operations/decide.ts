import type { HeldOperation } from '../../db/statements/operations/operations.ts';
import type { EndedItem } from './act-on-item.ts';

/** What a chunk found and did. */
export interface Step {
  ended: readonly EndedItem[];
  /** Items of which it is known by now how their tasks went on. */
  settled: number;
  cameBack: number;
  /** Of the items that count for the stop. */
  windowCameBack: number;
  watchedTo: string;
}

export interface Decision {
  state: 'running' | 'stopped' | 'done';
  why?: string;
  canaryPassed: boolean;
}

/** The share is of as many items at least: the first one that comes back is no share. */
const LEAST_ITEMS = 10;

/** How many items may be done before the operation waits for its canary. */
export function canaryLeft(operation: HeldOperation, step: Step): number {
  return isPassed(operation, step) ? Infinity : operation.canary - actedOn(operation, step);
}

/**
 * How an operation goes on after a chunk. It stops when the items that came back are its share of those that were done: a lower bound of the share in
 * the end, because of some it is not known yet. So it never stops for failures that are only faster than what goes well. Of a canary, all
 * of it counts, and is waited for.
 */
export function decide(operation: HeldOperation, step: Step): Decision {
  const canaryPassed = isPassed(operation, step);
  const why = reasonToStop(operation, step);
  if (why !== undefined) return stop(operation, why);
  const left = operation.total - actedOn(operation, step);
  return { state: left === 0 && canaryPassed ? 'done' : 'running', canaryPassed };
}

export const stop = ({ canary_passed: canaryPassed }: HeldOperation, why: string): Decision => ({
  state: 'stopped',
  why,
  canaryPassed,
});

function reasonToStop(operation: HeldOperation, step: Step): string | undefined {
  const { stop_share: share, canary, canary_passed: passed } = operation;
  const cameBack = operation.window_came_back + step.windowCameBack;
  if (share === null || cameBack === 0) return undefined;
  const done = operation.window_done + doneIn(step);
  // What was refused says nothing.
  const ofCanary = canary - (actedOn(operation, step) - operation.done - doneIn(step));
  if (cameBack < share * (passed ? Math.max(done, LEAST_ITEMS) : ofCanary)) return undefined;
  const which = passed ? `${done} tasks` : `${done} tasks of the canary`;
  return `${cameBack} of ${which} failed again with what they had failed with before`;
}

/** Every item of the canary has ended, and it is known how their tasks went on. */
function isPassed(operation: HeldOperation, step: Step): boolean {
  if (operation.canary_passed) return true;
  const settled = operation.settled + step.settled;
  return actedOn(operation, step) >= operation.canary && settled === operation.done + doneIn(step);
}

const actedOn = ({ done, refused, failed }: HeldOperation, { ended }: Step): number =>
  done + refused + failed + ended.length;

const doneIn = ({ ended }: Step): number => ended.filter(({ state }) => state === 'done').length;
