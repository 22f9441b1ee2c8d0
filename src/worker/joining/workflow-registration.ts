import type { Database } from '../../db/connections/database.ts';
import { registerWorkflows, type Registration } from '../../engine/register-workflows.ts';
import { WorkflowDefinitionError } from '../../errors.ts';
import type { WorkflowDefinition } from '../../workflow/definition.ts';
import type { ClaimSignal } from '../scope/claim-signal.ts';
import type { HandlerRegistry } from '../scope/handler-registry.ts';
import type { WorkerEvents } from '../telemetry/events.ts';

interface Parts {
  readonly db: Database;
  readonly handlers: HandlerRegistry;
  readonly signal: ClaimSignal;
  readonly events: WorkerEvents;
}

/** Whether one workflow of this process is served. */
export interface WorkflowStatus {
  readonly definition: WorkflowDefinition;
  /** Undefined if it is refused. */
  readonly namedTaskId: number | undefined;
  /** Why it is refused. */
  readonly problem: string | undefined;
}

/** Registers the workflows of this process. One that the database refuses keeps no other from running. */
export class WorkflowRegistration {
  private readonly parts: Parts;
  private readonly workflows: readonly WorkflowDefinition[];
  private readonly refused = new Map<WorkflowDefinition, string>();
  private readonly served = new Map<WorkflowDefinition, number>();
  private lastTryAt = 0;
  private changes = 0;

  constructor(parts: Parts, workflows: readonly WorkflowDefinition[]) {
    this.parts = parts;
    this.workflows = workflows;
  }

  /** Grows with each change of what is served or refused. */
  get version(): number {
    return this.changes;
  }

  status(): WorkflowStatus[] {
    return this.workflows.map((definition) => ({
      definition,
      namedTaskId: this.served.get(definition),
      problem: this.refused.get(definition),
    }));
  }

  /**
   * Registers every workflow that is not served yet. May be called again at any time, for all of them with `again`: their ids
   * in the database may have changed. Rejects if not one is served, and for errors that are not about a workflow.
   */
  async register({ again = false } = {}): Promise<void> {
    const { db, handlers } = this.parts;
    const wanted = this.workflows.filter((definition) => again || !this.served.has(definition));
    this.lastTryAt = performance.now();
    const registrations = await registerWorkflows(db, wanted);
    if (again) handlers.clear();
    for (const registration of registrations) this.apply(registration);
    if (this.served.size > 0 || this.workflows.length === 0) return;
    throw new WorkflowDefinitionError(`none of the workflows can be served: ${[...this.refused.values()].join('; ')}`, {
      problems: [...this.refused.values()],
    });
  }

  /** Tries the refused workflows again, `retryMs` after the last try, so that one that was corrected is served without a restart. */
  async retryRefused(retryMs: number): Promise<void> {
    if (this.refused.size === 0 || performance.now() - this.lastTryAt < retryMs) return;
    await this.register().catch((error: unknown) => {
      if (!(error instanceof WorkflowDefinitionError)) this.parts.events.failed('register workflows', error);
    });
  }

  private apply(registration: Registration): void {
    const { handlers, events, signal } = this.parts;
    const { definition } = registration;
    const before = this.refused.get(definition);
    if (registration.outcome === 'refused') {
      const { problem } = registration;
      this.served.delete(definition);
      this.refused.set(definition, problem);
      if (before === problem) return;
      this.changes += 1;
      events.workflowRefused(definition, problem);
      return;
    }
    this.refused.delete(definition);
    this.served.set(definition, registration.namedTaskId);
    this.changes += 1;
    handlers.add(registration.namedTaskId, definition);
    for (const { version, taskIds } of registration.setAside) events.tasksSetAside(definition, version, taskIds);
    events.workflowServed(definition, before !== undefined, registration.namedTaskId);
    signal.wake();
  }
}
