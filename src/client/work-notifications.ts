import type { Database } from '../db/connections/database.ts';
import { Notifier } from '../db/connections/notifier.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';

/**
 * When workers are notified of a task in a caller's transaction, in milliseconds after the submit: most commit at once, and most
 * others within a second.
 */
const AFTER_SUBMIT_MS = [50, 1000] as const;

/** Notifies workers that a client has made steps ready. If notifications are turned off, it does nothing. */
export class WorkNotifications {
  private readonly notifier: Notifier;
  private readonly enabled: boolean;
  private readonly timers = new Set<NodeJS.Timeout>();

  constructor(db: Database, enabled: boolean) {
    this.notifier = new Notifier(db);
    this.enabled = enabled;
  }

  notify(queues: Iterable<string>): void {
    if (this.enabled) this.notifier.notify(queues);
  }

  /** The queues of the workflow's root steps. */
  submitted(definition: WorkflowDefinition): void {
    this.notify(definition.steps.filter((step) => step.parentOrdinals.length === 0).map((step) => step.queue));
  }

  /**
   * For a task in a transaction of the caller, which commits at an unknown time. Not in that transaction: a commit that notifies
   * takes a lock that all others wait for. A notification that comes too early finds nothing; one that comes too late finds that
   * a poll was sooner.
   */
  submittedInTransaction(definition: WorkflowDefinition): void {
    for (const delayMs of AFTER_SUBMIT_MS) {
      const timer = setTimeout(() => {
        this.timers.delete(timer);
        this.submitted(definition);
      }, delayMs).unref();
      this.timers.add(timer);
    }
  }

  /** Drops what is scheduled and resolves when everything given so far was sent, or dropped. */
  async close(): Promise<void> {
    for (const timer of this.timers) clearTimeout(timer);
    await this.notifier.flush();
  }
}
