import { expect } from 'vitest';
import { z } from 'zod';
import type { Database } from '../../src/db/connections/database.ts';
import { Notifier } from '../../src/db/connections/notifier.ts';
import { AttemptSpans } from '../../src/tracing/attempt-spans.ts';
import { ClaimCursors } from '../../src/worker/scope/claim-cursors.ts';
import { ClaimLedger } from '../../src/worker/scope/claim-ledger.ts';
import { ClaimSignal } from '../../src/worker/scope/claim-signal.ts';
import { HandlerRegistry } from '../../src/worker/scope/handler-registry.ts';
import { Pauses } from '../../src/worker/scope/pauses.ts';
import { ResultCache } from '../../src/worker/scope/result-cache.ts';
import { Slots } from '../../src/worker/scope/slots.ts';
import type { WorkerSettings } from '../../src/worker/scope/worker-options.ts';
import { type WorkerScope, WorkerState } from '../../src/worker/scope/worker-scope.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import type { WorkerEvents } from '../../src/worker/telemetry/events.ts';
import { noEvents } from './no-events.ts';

/** Settings of workers in tests: short intervals, no notifications, retries at once. */
export const testSettings: WorkerSettings = {
  databaseUrl: '',
  databaseUrlDirect: undefined,
  databasePasswordFile: undefined,
  queues: ['default'],
  slots: 10,
  notify: false,
  pollIntervalMs: 10,
  maxPollIntervalMs: 50,
  hintedPollIntervalMs: 50,
  claimBatch: 64,
  fusedClaims: true,
  leaseSeconds: 5,
  heartbeatIntervalMs: 200,
  maxStallMs: 1000,
  drainGraceSeconds: 5,
  abortGraceMs: 200,
  stepTimeoutSeconds: 30,
  maxResultBytes: 100_000,
  maxBackoffRequestSeconds: 60,
  backoffCapSeconds: 30,
  retryBackoffDisabled: true,
  resultCacheBytes: 1_000_000,
};

/** Events that nothing records, without any error. */
export const strictEvents: WorkerEvents = { ...noEvents, failed: (_, error) => expect.fail(String(error)) };

const workflow = defineWorkflow({ name: 'any', input: z.unknown() }).step('only', () => 'done');

/** A handler registry with one workflow under these ids. */
export function registryOf(...namedTaskIds: number[]): HandlerRegistry {
  const registry = new HandlerRegistry(testSettings);
  for (const id of namedTaskIds) registry.add(id, workflow);
  return registry;
}

/** The scope of a station that a test runs alone: with a lease, no notifications, and what a test does not set at its default. */
export function scopeOf({
  settings: changed,
  ...parts
}: Partial<Omit<WorkerScope, 'settings'>> & { settings?: Partial<WorkerSettings> } = {}): WorkerScope {
  const settings = { ...testSettings, ...changed };
  const { db = { plans: 'pinned' } as unknown as Database, signal = new ClaimSignal() } = parts;
  const { handlers = registryOf(1) } = parts;
  return {
    db,
    settings,
    lease: { current: '1', last: '1' },
    handlers,
    pauses: new Pauses(handlers, () => undefined),
    slots: new Slots(settings.slots, signal),
    claims: new ClaimLedger(),
    cursors: new ClaimCursors(settings.queues, settings.maxPollIntervalMs),
    results: new ResultCache(settings.resultCacheBytes),
    signal,
    notifier: new Notifier(db),
    events: strictEvents,
    spans: new AttemptSpans(),
    state: new WorkerState(),
    ...parts,
  };
}
