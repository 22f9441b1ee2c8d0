import type { Violation } from './audit.ts';
import { changesOf, type ReadySpan, readySpans, type Span, type StepEvent } from './ready-spans.ts';

/**
 * New snapshots certainly see a step this long after its commit timestamp: a commit is stamped before it is visible, and on a shared
 * machine its process may wait for a processor in between.
 */
export const VISIBLE_AFTER_MS = 500;
/** A transaction that writes for longer may make steps ready at a time that the claim cursors have already passed. */
export const LONG_TRANSACTION_MS = 1000;
/** Such steps are found by the next scan of the whole queue: once a second, or after twenty times the duration of a scan. */
export const FOUND_AFTER_MS = 3000;

/** What one claim took from one queue: ready steps, or, within a completion, children that were never ready. */
interface Claim {
  claimId: string;
  workerId: string | null;
  queue: string;
  /** Its statement's snapshot was taken at or after this. */
  beganMs: number;
  /** Its last row was changed then, so its choice was made by then. */
  atMs: number;
  /** Its least urgent step. */
  last: { step: string; priority: number };
}

export interface ClaimOrder {
  violations: Violation[];
  /** Claims in the calm spans, those of completions among them. */
  claims: number;
  /** Those of them that had ready steps of several priorities before them, so that the order could have been wrong. */
  choices: number;
}

/**
 * Checks that claims take the most urgent steps first: no claim takes a step and leaves a more urgent one of the same queue that was
 * ready in its snapshot. The same holds for children that a completion claims. A step is excepted if its next change was made by a
 * transaction that overlaps the claim's: it was locked then, and claims skip locked rows. Only claims within `calm` count: a broken
 * connection or a stopped server rolls back locks and claims without a trace. Every worker of a run has handlers for every workflow.
 */
export function checkClaimOrder(events: readonly StepEvent[], calm: readonly Span[]): ClaimOrder {
  const claims = claimsOf(events)
    .filter(({ beganMs, atMs }) => calm.some(({ fromMs, toMs }) => beganMs >= fromMs && atMs <= toMs))
    .toSorted((a, b) => a.beganMs - b.beganMs);
  const arriving = readySpans(events).toSorted((a, b) => a.readyMs - b.readyMs);
  const ready = new Map<string, Set<ReadySpan>>();
  const violations: Violation[] = [];
  let arrived = 0;
  let choices = 0;
  for (const claim of claims) {
    for (; arrived < arriving.length; arrived += 1) {
      const span = arriving[arrived] as ReadySpan;
      if (span.readyMs >= claim.beganMs) break;
      if (!ready.has(span.queue)) ready.set(span.queue, new Set());
      ready.get(span.queue)?.add(span);
    }
    const seen = ready.get(claim.queue) ?? new Set();
    const priorities = new Set([claim.last.priority]);
    for (const span of seen) {
      // Claims are visited in the order of their beginnings, so a span that is over for this claim is over for all later ones.
      if (span.gone !== undefined && span.gone.committedMs < claim.beganMs) {
        seen.delete(span);
        continue;
      }
      priorities.add(span.priority);
      if (leftBehind(span, claim)) violations.push(violation(span, claim));
    }
    if (priorities.size > 1) choices += 1;
  }
  return { violations, claims: claims.length, choices };
}

function leftBehind(span: ReadySpan, claim: Claim): boolean {
  const seenAfterMs = span.wroteMs > LONG_TRANSACTION_MS ? FOUND_AFTER_MS : VISIBLE_AFTER_MS;
  const lockedByAnother = span.gone !== undefined && span.gone.beganMs <= claim.atMs;
  return span.priority < claim.last.priority && span.readyMs + seenAfterMs < claim.beganMs && !lockedByAnother;
}

function violation(span: ReadySpan, claim: Claim): Violation {
  const { claimId, workerId, last, queue, beganMs } = claim;
  return {
    kind: 'less urgent first',
    detail: `claim ${claimId} of worker ${workerId} took step ${last.step} (priority ${last.priority}) while step ${span.step} (priority ${span.priority}) of queue ${queue} had been ready for ${Math.round(beganMs - span.readyMs)} ms`,
  };
}

function claimsOf(events: readonly StepEvent[]): Claim[] {
  const claims = new Map<string, Claim>();
  for (const change of changesOf(events).flat()) {
    const { claimId, workerId, queue, beganMs, atMs, step, priority } = change;
    if (claimId === null) continue;
    const key = `${claimId} ${queue}`;
    const claim = claims.get(key);
    if (claim === undefined) {
      claims.set(key, { claimId, workerId, queue, beganMs, atMs, last: { step, priority } });
      continue;
    }
    claim.atMs = Math.max(claim.atMs, atMs);
    if (priority > claim.last.priority) claim.last = { step, priority };
  }
  return [...claims.values()];
}
