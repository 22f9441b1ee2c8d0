import { setTimeout as sleep } from 'node:timers/promises';
import type { Executor } from '../db/connections/database.ts';
import { isUnavailable, mayFitSmaller } from '../db/connections/sql-errors.ts';
import { countSchedulers } from '../db/reads/schedulers.ts';
import { CHANGED_TASKS, type ChangedTaskRow, findChangedTasks, findStepsOfTasks } from '../db/reads/watched-tasks.ts';
import type { Statement } from '../db/statement.ts';
import { ClientClosedError, WaitTimeoutError } from '../errors.ts';
import { NO_SCHEDULER } from './schedulers.ts';
import { type TaskDetails, withActions } from './task.ts';
import { Waiter } from './waiter.ts';
import type { WaitStats } from './wait-stats.ts';
import { WatchedTask } from './watched-task.ts';

/**
 * Statements follow each other no faster than this when many wait: 18 a second. Of few waiters each adds a millisecond, so that one alone
 * is served without a delay.
 */
const LONGEST_SPACING_MS = 55;
const SPACING_PER_TASK_MS = 1;
/** Tasks whose steps are read with one statement. */
const STEPS_OF_TASKS = 500;
/** Whether a scheduler lives is asked no more often. */
const SCHEDULERS_KNOWN_MS = 1000;

/**
 * Waits for the ends of tasks, for all waiters of a client together: one loop checks every task that is due with one statement, which
 * returns those alone whose version is another than the known one. The database then has at most 20 statements a second from it, and one
 * connection, however many wait. What an ended task has is read for many at once too.
 */
export class TaskWatcher {
  private readonly db: Executor;
  private readonly tasks = new Map<string, WatchedTask>();
  private waiting = 0;
  private checks = 0;
  private statements = 0;
  private timer: NodeJS.Timeout | undefined;
  private timerAt = Number.POSITIVE_INFINITY;
  private running = false;
  private nextStatementAt = 0;
  private schedulers: { live: number; askedAt: number } | undefined;
  private problem: unknown;
  private closed = false;

  constructor(db: Executor) {
    this.db = db;
  }

  get stats(): WaitStats {
    const { waiting, checks, statements } = this;
    return { waiting, checks, statements, hitRatio: checks === 0 ? 0 : Math.max(0, 1 - statements / checks) };
  }

  /**
   * Waits until a task has ended (or is in error) and returns it. Checks at least once; then rejects at the deadline, and at any time at the
   * signal's abort. While the database is away, those that have seen their task go on waiting.
   */
  async wait(id: string, options: { timeoutMs: number; signal?: AbortSignal | undefined }): Promise<TaskDetails> {
    options.signal?.throwIfAborted();
    // As the database writes it: without zeros in front.
    const taskId = BigInt(id).toString();
    if (this.closed) throw closedWhileWaiting(taskId);
    const now = performance.now();
    const task = this.tasks.get(taskId) ?? new WatchedTask(taskId, now);
    this.tasks.set(taskId, task);
    this.waiting += 1;
    const waiter = new Waiter({
      ...options,
      // One that has seen nothing yet is rejected after its first check, and one whose task has ended is about to be resolved.
      onDeadline: () => {
        if (waiter.seen && task.isOpen) this.timeOut(task, waiter);
      },
      onSettled: () => {
        if (!task.waiters.delete(waiter)) return;
        this.waiting -= 1;
        if (task.waiters.size === 0 && this.tasks.get(taskId) === task) this.tasks.delete(taskId);
        if (this.tasks.size === 0) this.clearTimer();
      },
    });
    if (task.join(waiter, now)) this.checks += 1;
    this.wakeAt(task.nextCheck(now), now);
    return waiter.promise;
  }

  /** These tasks have ended, says a worker of the same program: they are checked at once. Only a hint, as checks by time find the same. */
  checkEnded(taskIds: readonly string[]): void {
    if (this.tasks.size === 0) return;
    const now = performance.now();
    for (const taskId of taskIds) {
      const task = this.tasks.get(taskId);
      if (task === undefined) continue;
      task.saysEnded(now);
      this.wakeAt(now, now);
    }
  }

  /** Rejects whoever still waits. */
  close(): void {
    this.closed = true;
    for (const { id, waiters } of this.tasks.values()) {
      for (const waiter of waiters) waiter.reject(closedWhileWaiting(id));
    }
    this.clearTimer();
  }

  private clearTimer(): void {
    clearTimeout(this.timer);
    this.timerAt = Number.POSITIVE_INFINITY;
  }

  private wakeAt(at: number, now: number): void {
    if (this.running || at >= this.timerAt) return;
    this.clearTimer();
    this.timerAt = at;
    // Calls of one turn of the event loop check together.
    if (at <= now && this.nextStatementAt <= now) queueMicrotask(() => void this.loop());
    else this.timer = setTimeout(() => void this.loop(), Math.max(at, this.nextStatementAt) - now);
  }

  private async loop(): Promise<void> {
    if (this.running) return;
    this.clearTimer();
    this.running = true;
    try {
      await this.check();
    } finally {
      this.running = false;
      const now = performance.now();
      let next = Number.POSITIVE_INFINITY;
      for (const task of this.tasks.values()) next = Math.min(next, task.nextCheck(now));
      if (next < Number.POSITIVE_INFINITY) this.wakeAt(next, now);
    }
  }

  private async check(): Promise<void> {
    await this.space();
    const now = performance.now();
    const due = [...this.tasks.values()].filter((task) => task.isNearlyDue(now));
    if (due.length === 0) return;
    for (const task of due) this.checks += task.ask();
    try {
      const known = due.map(({ id, version }) => ({ watched_id: id, task_version: version }));
      const rows = await this.read(findChangedTasks, { known });
      this.problem = undefined;
      const ended = this.take(due, rows);
      if (due.some((task) => task.hasDeadlineNear(now))) await this.askForSchedulers();
      for (const task of due) if (task.isOpen) this.timeOutOverdue(task, performance.now());
      for (let first = 0; first < ended.length; first += STEPS_OF_TASKS) {
        await this.deliver(ended.slice(first, first + STEPS_OF_TASKS));
      }
    } catch (error) {
      this.failed(due, error);
    }
  }

  /** Takes what a check found; returns the rows of tasks that have ended. */
  private take(due: readonly WatchedTask[], rows: readonly ChangedTaskRow[]): ChangedTaskRow[] {
    const now = performance.now();
    const changed = new Map(rows.map((row) => [row.watched_id, row]));
    const ended: ChangedTaskRow[] = [];
    for (const task of due) {
      const row = changed.get(task.id);
      if (row === undefined && rows.length === CHANGED_TASKS) {
        task.checkAgain(now);
      } else {
        const end = task.checked(row, now);
        if (end !== undefined) ended.push(end);
      }
    }
    return ended;
  }

  /** Reads the steps of tasks that have ended, in one statement if that can be, and resolves their waiters. */
  private async deliver(ended: readonly ChangedTaskRow[]): Promise<void> {
    const tasks = ended.filter(({ watched_id: id }) => this.tasks.has(id)).map(({ task_id }) => ({ task_id }));
    if (tasks.length === 0) return;
    let steps;
    try {
      steps = Map.groupBy(await this.read(findStepsOfTasks, { tasks }), (step) => step.task_id);
    } catch (error) {
      if (!mayFitSmaller(error)) throw error;
      if (ended.length === 1) {
        this.tasks.get(tasks[0]?.task_id ?? '')?.reject(error);
        return;
      }
      const middle = ended.length >> 1;
      await this.deliver(ended.slice(0, middle));
      await this.deliver(ended.slice(middle));
      return;
    }
    for (const { watched_id: id, task_version: _, ...row } of ended) {
      const own = (steps.get(id) ?? []).map(({ task_id: __, ...step }) => step);
      this.tasks.get(id)?.resolve(withActions(row, own));
    }
  }

  /** Who has seen its task goes on if the database is away for a moment; everybody else gets the error. */
  private failed(due: readonly WatchedTask[], error: unknown): void {
    const now = performance.now();
    const passing = isUnavailable(error) && !this.closed;
    this.problem = error;
    for (const task of due) {
      for (const waiter of task.asking) if (!passing || !waiter.seen) waiter.reject(error);
      this.timeOutOverdue(task, now);
      task.forget(now);
      task.pause(now);
    }
  }

  private timeOutOverdue(task: WatchedTask, now: number): void {
    for (const waiter of task.asking) if (waiter.seen && waiter.deadline <= now) this.timeOut(task, waiter);
  }

  private timeOut({ id: taskId, state }: WatchedTask, waiter: Waiter): void {
    const { problem } = this;
    const { timeoutMs } = waiter;
    const away = problem === undefined ? '' : '; the last attempts to read it failed';
    const alone = this.schedulers?.live === 0 ? `; ${NO_SCHEDULER}` : '';
    const message = `task ${taskId} is still ${state} after ${timeoutMs} ms${away}${alone}`;
    const cause = problem === undefined ? {} : { cause: problem };
    waiter.reject(new WaitTimeoutError(message, { taskId, state, timeoutMs }, cause));
  }

  /** Before a deadline, so that its message can say whether one lives. */
  private async askForSchedulers(): Promise<void> {
    const now = performance.now();
    if (this.schedulers !== undefined && now - this.schedulers.askedAt < SCHEDULERS_KNOWN_MS) return;
    const [row] = await this.read(countSchedulers);
    this.schedulers = { live: row?.schedulers ?? 0, askedAt: now };
  }

  /** Runs a statement when the one before is long enough ago. */
  private async read<Row extends object, Given extends readonly unknown[]>(
    statement: Statement<Row, Given>,
    ...given: Given
  ): Promise<Row[]> {
    await this.space();
    this.nextStatementAt =
      performance.now() + Math.min(LONGEST_SPACING_MS, (this.tasks.size - 1) * SPACING_PER_TASK_MS);
    this.statements += 1;
    return this.db.run(statement, ...given);
  }

  private async space(): Promise<void> {
    const waitMs = this.nextStatementAt - performance.now();
    if (waitMs > 0) await sleep(waitMs);
  }
}

function closedWhileWaiting(taskId: string): ClientClosedError {
  return new ClientClosedError(
    `the client was closed while it waited for task ${taskId}: close it when nothing waits`,
    { taskId },
  );
}
