import { copyOf } from '../exact-time.ts';
import { type ChangedTaskRow, WAIT_ENDS } from '../db/reads/watched-tasks.ts';
import { InvalidInputError } from '../errors.ts';
import type { State } from '../workflow/states.ts';
import type { TaskDetails } from './task.ts';
import type { Waiter } from './waiter.ts';

/** The first pause between two checks of a task; each further one is half as long again, up to the longest. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;
/** A check this long before the deadline of a waiter, so that what it reports then is not older. */
const LAST_CHECK_MS = 25;
/** Timers fire up to this much too early. */
const TIMER_ERROR_MS = 2;

/** One task that is waited for, and what is known of it. */
export class WatchedTask {
  readonly id: string;
  readonly waiters = new Set<Waiter>();
  /** Null: nothing is known yet. */
  version: string | null = null;
  state: State | undefined;
  private identityHash: string | undefined;
  private checkedAt = Number.NEGATIVE_INFINITY;
  /** When it is checked next. */
  private dueAt: number;
  private pauseMs = FIRST_PAUSE_MS;
  /** It was said to have ended, and no check was sent since. */
  private saidToHaveEnded = false;

  constructor(id: string, now: number) {
    this.id = id;
    this.dueAt = now;
  }

  /** A further waiter. Returns whether what is known is young enough to be its first check. */
  join(waiter: Waiter, now: number): boolean {
    this.waiters.add(waiter);
    waiter.seen = this.isOpen && now - this.checkedAt < FIRST_PAUSE_MS;
    this.pauseMs = FIRST_PAUSE_MS;
    this.dueAt = Math.min(this.dueAt, waiter.seen ? this.checkedAt + FIRST_PAUSE_MS : now);
    return waiter.seen;
  }

  /** A check is sent. Returns for how many waiters. */
  ask(): number {
    this.saidToHaveEnded = false;
    for (const waiter of this.waiters) waiter.asked = true;
    return this.waiters.size;
  }

  /** Those that the last check was sent for. */
  get asking(): Waiter[] {
    return [...this.waiters].filter(({ asked }) => asked);
  }

  /** When to check next: after the pause, or shortly before a deadline. */
  nextCheck(now: number): number {
    let at = this.dueAt;
    for (const { deadline } of this.waiters) {
      const last = deadline - LAST_CHECK_MS;
      if (last < at && last > now + TIMER_ERROR_MS) at = last;
    }
    return at;
  }

  /** A check that is nearly due comes along with those that are due: so one statement serves many waiters. */
  isNearlyDue(now: number): boolean {
    return this.nextCheck(now) - now <= this.pauseMs / 2;
  }

  /** It goes on, and there may be no further check before a deadline. */
  hasDeadlineNear(now: number): boolean {
    return this.isOpen && [...this.waiters].some(({ deadline }) => deadline - LAST_CHECK_MS <= now + TIMER_ERROR_MS);
  }

  /** What a check found; no row: the task is as it was. Returns the row if the wait for it is over. */
  checked(row: ChangedTaskRow | undefined, now: number): ChangedTaskRow | undefined {
    if (row?.task_version === null) {
      this.reject(new InvalidInputError(`there is no task ${this.id}`, { field: 'taskId' }));
      return undefined;
    }
    if (row !== undefined) {
      this.version = row.task_version;
      this.state = row.state;
      this.identityHash = row.identity_hash;
    }
    for (const waiter of this.asking) {
      waiter.identityHash ??= this.identityHash;
      if (waiter.identityHash !== this.identityHash) waiter.reject(anotherTask(this.id));
      waiter.seen = true;
    }
    this.checkedAt = now;
    this.pause(now);
    return this.isOpen ? undefined : row;
  }

  /** It ended: resolves those that the check was sent for. Another check is due for others. */
  resolve(task: TaskDetails): void {
    for (const [index, waiter] of this.asking.entries()) {
      // Each waiter has its own, since it may change what it gets.
      waiter.resolve(index === 0 ? task : copyOf(task));
    }
    this.forget(performance.now());
  }

  /** What is known is not to be relied on: the next check is to bring the whole task. */
  forget(dueAt: number): void {
    this.version = null;
    this.dueAt = dueAt;
  }

  /** The next check is due after a pause, longer than the one before. */
  pause(now: number): void {
    this.dueAt = this.saidToHaveEnded ? now : now + this.pauseMs;
    this.pauseMs = Math.min(this.pauseMs * 1.5, LONGEST_PAUSE_MS);
  }

  /** It is said to have ended: a check that is under way may have read it before. */
  saysEnded(now: number): void {
    this.saidToHaveEnded = true;
    this.dueAt = now;
  }

  /** The response had no room for it. */
  checkAgain(now: number): void {
    this.dueAt = now;
  }

  /** Rejects those that the last check was sent for. */
  reject(error: unknown): void {
    for (const waiter of this.asking) waiter.reject(error);
  }

  /** Known, and not ended. */
  get isOpen(): boolean {
    return this.state !== undefined && !WAIT_ENDS.includes(this.state);
  }
}

function anotherTask(taskId: string): InvalidInputError {
  return new InvalidInputError(
    `task ${taskId} is another one than it was: the database was replaced or taken back to an earlier state, and its ids came back; submit again and wait for the id that submit returns`,
    { field: 'taskId' },
  );
}
