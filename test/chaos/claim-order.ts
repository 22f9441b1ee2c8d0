import type { Violation } from './audit.ts';
import { changesOf, type ReadySpan, readySpans, type Span, type StepEvent } from './ready-spans.ts';

/**
 * How long after its commit was stamped a step is certainly seen by new snapshots: a commit is stamped before it is
 * visible, and on a shared machine its process may wait for a processor in between.
 */
export const VISIBLE_AFTER_MS = 500;
/** A transaction that writes for longer makes steps ready at a time that claims may have left behind already. */
export const LONG_TRANSACTION_MS = 1000;
/** Such steps are found by the next scan of the whole queue: once a second, or at twenty times of what a scan costs. */
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
 * At each claim the most urgent steps go first: it takes no step while it leaves a more urgent one of that queue behind that its
 * snapshot has seen ready. A completion, too, takes no child behind one. Excused is a step whose next change was made by a
 * transaction that overlaps the claim's: it was locked then, and claims skip what is locked. Only claims that lie within `calm`
 * count: a connection that breaks or a server that stops takes locks, and claims, back without a trace. Every worker of a
 * run has handlers for every workflow.
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
      // Claims are visited in the order of their beginnings, so what is over for this one is over for all to come.
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
