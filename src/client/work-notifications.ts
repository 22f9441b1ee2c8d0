import type { Database } from '../db/connections/database.ts';
import { readyChannel } from '../db/connections/listener.ts';
import { Notifier } from '../db/connections/notifier.ts';
import { notifyReadyTasks } from '../db/statements/queues/notify.ts';
import type { Submitted } from '../engine/submit.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import type { InTransaction } from './client-options.ts';

/**
 * When it is checked whether a task of a caller's transaction is committed, in milliseconds after the check before: most commit at once,
 * and most others within a second. After the last check, polls of the workers find the task.
 */
const CHECKS_AFTER_MS = [50, 200, 1000, 5000] as const;
/** No more tasks wait for one check: at such a rate workers hardly sleep. */
const MAX_TASKS = 1000;

/** Notifies workers that a client has made steps ready. If notifications are turned off, it does nothing. */
export class WorkNotifications {
  private readonly db: Database;
  private readonly notifier: Notifier;
  private readonly enabled: boolean;
  /** For each check, the tasks that wait for it. */
  private readonly waiting = CHECKS_AFTER_MS.map(() => new Set<string>());
  private readonly timers = new Set<NodeJS.Timeout>();
  private closed = false;
  /** Wakes a worker of the same program. */
  wakeHere: (queues: readonly string[]) => void = () => undefined;

  constructor(db: Database, enabled: boolean) {
    this.db = db;
    this.notifier = new Notifier(db);
    this.enabled = enabled;
  }

  /** Tasks of a workflow: their root steps are ready, as soon as a transaction of the caller commits, if there is one. */
  created(
    definition: Pick<WorkflowDefinition, 'steps'>,
    tasks: readonly Submitted[],
    { transaction }: InTransaction = {},
  ): void {
    if (transaction === undefined) {
      const roots = definition.steps.filter((step) => step.parentOrdinals.length === 0);
      this.notify(roots.map((step) => step.queue));
      return;
    }
    // They all commit together, and have the same queues.
    const last = tasks.findLast(({ outcome }) => outcome === 'created');
    if (last !== undefined) this.afterCommitOf(last.taskId);
  }

  /** Steps of a task that an operator's action made ready, in these queues. */
  readied(taskId: string, queues: readonly string[], { transaction }: InTransaction): void {
    if (transaction === undefined) this.notify(queues);
    else this.afterCommitOf(taskId);
  }

  /**
   * For a task that a transaction of the caller made or changed: it commits at an unknown time, or not at all. Not in that transaction: a
   * commit that notifies takes a lock that all others wait for.
   */
  private afterCommitOf(taskId: string): void {
    if (this.enabled) this.await(taskId, 0);
  }

  /** Checks once more what was not yet committed. Resolves when everything given so far was sent, or dropped. */
  async close(): Promise<void> {
    this.closed = true;
    for (const timer of this.timers) clearTimeout(timer);
    await this.notifyCommitted(this.waiting.flatMap((tasks) => [...tasks]));
    await this.notifier.flush();
  }

  private notify(queues: readonly string[]): void {
    this.wakeHere(queues);
    if (this.enabled) this.notifier.notify(queues);
  }

  private await(taskId: string, check: number): void {
    const tasks = this.waiting[check];
    if (this.closed || tasks === undefined || tasks.size >= MAX_TASKS) return;
    tasks.add(taskId);
    if (tasks.size > 1) return;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      const due = [...tasks];
      tasks.clear();
      void this.check(due, check);
    }, CHECKS_AFTER_MS[check]).unref();
    this.timers.add(timer);
  }

  private async check(due: readonly string[], check: number): Promise<void> {
    const notified = await this.notifyCommitted(due);
    for (const taskId of due) if (!notified.has(taskId)) this.await(taskId, check + 1);
  }

  /** Notifies workers of those that are committed and ready, and returns these. */
  private async notifyCommitted(taskIds: readonly string[]): Promise<ReadonlySet<string>> {
    if (taskIds.length === 0) return new Set();
    const statement = { channel: readyChannel(this.db.schema), task_ids: taskIds };
    const rows = await this.db.run(notifyReadyTasks, statement).catch(() => []);
    return new Set(rows.map((row) => row.task_id));
  }
}
