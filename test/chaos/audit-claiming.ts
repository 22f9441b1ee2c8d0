import { hostname } from 'node:os';
import type { Database } from '../../src/db/connections/database.ts';
import type { Violation } from './audit.ts';
import { HANDLER_FAULTS } from './handler-faults.ts';
import { checkClaimOrder } from './claim-order.ts';
import { checkIdleWorkers } from './idle-workers.ts';
import { type LedgerLine, monotonicMs, type Stall } from './ledger.ts';
import { PAUSED_QUEUE } from './queues.ts';
import { READINESS_EVENTS, WORKER_LIVES, type WorkerLife } from './readiness-log.ts';
import type { Span, StepEvent } from './ready-spans.ts';
import { rows } from './rows.ts';

/** The amount of work that the checks of claiming covered. */
export interface Claiming {
  /** Seconds without faults. */
  calmSeconds: number;
  claims: number;
  /** Claims that had steps of several priorities to choose from. */
  choices: number;
  readySpans: number;
  longestWaitSeconds: number;
}

/** Checks what the workers claimed, and what they left in the queues, during the time without faults. */
export async function claimingOf(
  db: Database,
  ledger: readonly LedgerLine[],
  stalls: readonly Stall[],
  calm: readonly Span[],
): Promise<Claiming & { violations: Violation[] }> {
  // What is paused is left behind, and waits beside free slots.
  const events = (await rows<StepEvent>(db, READINESS_EVENTS)).filter(({ queue }) => queue !== PAUSED_QUEUE);
  const lives = await rows<WorkerLife>(db, WORKER_LIVES);
  const disturbed = disturbances(ledger, stalls);
  const firstClaims = new Map<string, number>();
  for (const { workerId, atMs } of events) {
    if (workerId !== null && !firstClaims.has(workerId)) firstClaims.set(workerId, atMs);
  }
  const workers = lives.map(({ name, fromMs, stoppedMs, ...life }) => ({
    ...life,
    fromMs: Math.min(fromMs + STARTS_WITHIN_MS, firstClaims.get(life.workerId) ?? Infinity),
    toMs: stoppedMs ?? Infinity,
    disturbed: disturbed.get(name) ?? [],
  }));
  const order = checkClaimOrder(events, calm);
  const idle = checkIdleWorkers(events, workers, calm);
  return {
    violations: [...order.violations, ...idle.violations],
    calmSeconds: calm.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0) / 1000,
    claims: order.claims,
    choices: order.choices,
    readySpans: idle.spans,
    longestWaitSeconds: idle.longestMs / 1000,
  };
}

/** Between its registration and its first poll a worker opens a connection and starts its probes. */
const STARTS_WITHIN_MS = 15_000;
/** A process ends within this time after a handler that ends it. */
const DISTURBED_MS = 10_000;

/** By the name of a worker's process: the times during which it could not poll. */
function disturbances(ledger: readonly LedgerLine[], stalls: readonly Stall[]): Map<string, Span[]> {
  const spans = new Map<string, Span[]>();
  const epochMs = Date.now() - monotonicMs();
  const add = (pid: number, span: Span): void => {
    const name = `${hostname()}:${pid}`;
    spans.set(name, [...(spans.get(name) ?? []), span]);
  };
  for (const { pid, from, to } of stalls) add(pid, { fromMs: epochMs + from, toMs: epochMs + to });
  for (const { pid, fault, at } of ledger) {
    if (fault === undefined) continue;
    const kind = HANDLER_FAULTS[fault as keyof typeof HANDLER_FAULTS];
    if ('lethal' in kind) add(pid, { fromMs: epochMs + at, toMs: epochMs + at + DISTURBED_MS });
  }
  return spans;
}
