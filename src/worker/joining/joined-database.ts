import type { Database } from '../../db/connections/database.ts';
import { joinedInstallation } from '../../db/installation.ts';
import type { KnownState } from '../../engine/workers.ts';
import type { RunningAttempts } from '../running/running-attempts.ts';
import type { ClaimCursors } from '../scope/claim-cursors.ts';
import type { ClaimLedger } from '../scope/claim-ledger.ts';
import type { HandlerRegistry } from '../scope/handler-registry.ts';
import type { ResultCache } from '../scope/result-cache.ts';
import type { WorkerState } from '../scope/worker-scope.ts';
import type { WorkerEvents } from '../telemetry/events.ts';
import type { WorkflowRegistration } from './workflow-registration.ts';

interface Parts {
  readonly db: Database;
  readonly events: WorkerEvents;
  readonly state: WorkerState;
  readonly handlers: HandlerRegistry;
  readonly claims: ClaimLedger;
  readonly cursors: ClaimCursors;
  readonly results: ResultCache;
  readonly running: RunningAttempts;
}

/** What a worker has in memory of its database, and what it drops when that may be another database, or the same in an earlier state. */
export class JoinedDatabase {
  private readonly parts: Parts;
  private readonly registration: WorkflowRegistration;

  constructor(parts: Parts, registration: WorkflowRegistration) {
    this.parts = parts;
    this.registration = registration;
  }

  /** Registers the workflows before each registration of the worker; their ids take effect with its new id. */
  async prepare(): Promise<{ known: KnownState; joined: () => void }> {
    const { db, events, state, handlers, results } = this.parts;
    const { installationId, hadEarlierVersions, encoding } = await joinedInstallation(db);
    // Nothing is claimed before the new id takes effect.
    await this.registration.register({ again: true });
    return {
      known: { installationId, workflows: handlers.named },
      joined: () => {
        const former = state.installationId;
        state.installationId = installationId;
        state.hadEarlierVersions = hadEarlierVersions;
        // jsonb orders members by the bytes of their names: in another encoding than UTF-8 only the database has that order.
        if (encoding !== 'UTF8' && encoding !== 'SQL_ASCII') results.turnOff();
        if (former !== installationId) events.joined(installationId, former);
      },
    };
  }

  leaseLost(formerId: string): void {
    const { events, running, claims } = this.parts;
    events.leaseLost(formerId);
    running.abortAll('claim_lost');
    this.distrust();
    claims.leaseLost();
  }

  /**
   * A new connection may lead to a database that was restored, failed over or restarted without its last commits. So positions,
   * cached results and ended claims are dropped; all of them can be read again.
   */
  readonly distrust = (): void => {
    const { cursors, results, claims } = this.parts;
    cursors.reset();
    results.clear();
    claims.distrustClosed();
  };
}
