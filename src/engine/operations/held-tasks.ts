import type { Executor, Transactions } from '../../db/connections/database.ts';
import { type AuditedAct, insertAudit, insertAudits } from '../../db/statements/acts/audit.ts';
import { lockOpenSteps } from '../../db/statements/tasks/cancel-tasks.ts';
import { type LockedTaskRow, lockTasks } from '../../db/statements/tasks/finalize-tasks.ts';

/**
 * The transaction of a chunk, in which verbs for one task take part: its tasks are locked already, and their rows of the audit are written together at its end.
 * That is three statements less for each task.
 */
export class HeldTasks implements Transactions {
  private readonly tx: Executor;
  private readonly held: ReadonlyMap<string, LockedTaskRow>;
  private readonly acts: AuditedAct[] = [];
  private readonly executor: Executor;

  private constructor(tx: Executor, held: ReadonlyMap<string, LockedTaskRow>) {
    this.tx = tx;
    this.held = held;
    const run = async (statement: object, params: unknown): Promise<unknown[]> => {
      if (statement === insertAudit) {
        this.acts.push(params as AuditedAct);
        return [];
      }
      if (statement === lockOpenSteps || statement === lockTasks) {
        const tasks = (params as { task_ids: readonly string[] }).task_ids.map((taskId) => this.held.get(taskId));
        // Another task: a new one, or one that was not there when the chunk began.
        if (tasks.every((task) => task !== undefined)) return statement === lockTasks ? tasks : [];
      }
      return this.tx.run(statement as never, ...([params] as never));
    };
    this.executor = { schema: tx.schema, plans: tx.plans, run: run as Executor['run'] };
  }

  /** Locks the tasks in the order of the engine: the open steps of all of them, then their rows. */
  static async lock(tx: Executor, task_ids: readonly string[]): Promise<HeldTasks> {
    await tx.run(lockOpenSteps, { task_ids });
    const rows = await tx.run(lockTasks, { task_ids });
    return new HeldTasks(tx, new Map(rows.map((row) => [row.task_id, row])));
  }

  /** A verb begins a transaction of its own: here it takes part in the one that is open. */
  transaction<T>(work: (tx: Executor) => Promise<T>): Promise<T> {
    return work(this.executor);
  }

  /** Writes the audit of what was done. */
  async end(): Promise<void> {
    if (this.acts.length > 0) await this.tx.run(insertAudits, { acts: this.acts });
  }
}
