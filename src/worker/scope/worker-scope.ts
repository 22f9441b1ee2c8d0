import type { Database } from '../../db/connections/database.ts';
import type { Notifier } from '../../db/connections/notifier.ts';
import type { Lease } from '../../membership/lease.ts';
import type { AttemptSpans } from '../../tracing/attempt-spans.ts';
import type { WorkerEvents } from '../telemetry/events.ts';
import type { ClaimCursors } from './claim-cursors.ts';
import type { ClaimLedger } from './claim-ledger.ts';
import type { ClaimSignal } from './claim-signal.ts';
import type { HandlerRegistry } from './handler-registry.ts';
import type { Pauses } from './pauses.ts';
import type { ResultCache } from './result-cache.ts';
import type { Slots } from './slots.ts';
import type { WorkerSettings } from './worker-options.ts';

/** What changes in the life of a worker and several stations read. */
export class WorkerState {
  /** Nothing more is claimed. */
  draining = false;
  /** The drain is over: no further statement is sent. */
  stopped = false;
  /** Notifications arrive. A connection that broke silently counts until that is noticed. */
  notificationsLive = false;
  /** The installation that the worker has joined; empty before. */
  installationId = '';
  /** An earlier version ran in that installation: steps that it began keep its form of idempotency keys. */
  hadEarlierVersions = false;
}

/** What all stations work with. Made once, in assembly.ts; objects, so that each of them always reads the present state. */
export interface WorkerScope {
  readonly db: Database;
  readonly settings: WorkerSettings;
  readonly lease: Lease;
  readonly handlers: HandlerRegistry;
  readonly pauses: Pauses;
  readonly slots: Slots;
  readonly claims: ClaimLedger;
  readonly cursors: ClaimCursors;
  readonly results: ResultCache;
  readonly signal: ClaimSignal;
  readonly notifier: Notifier;
  readonly events: WorkerEvents;
  readonly spans: AttemptSpans;
  readonly state: WorkerState;
}

/** Reports a failed statement that may have claimed, or do so later: its claim is then an orphan. */
export function statementFailed(
  { claims, events }: Pick<WorkerScope, 'claims' | 'events'>,
  what: string,
  error: unknown,
): void {
  claims.expectOrphans();
  events.failed(what, error);
}
