import type { TaskDetails } from './task.ts';

export interface WaiterOptions {
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  /** The deadline has come. Without effect on the waiter itself. */
  onDeadline: (waiter: Waiter) => void;
  /** It was resolved or rejected: it waits no longer. */
  onSettled: (waiter: Waiter) => void;
}

/** The longest time that a timer takes. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** One call that waits for the end of a task: its promise, its deadline and its signal, none of which outlives it. */
export class Waiter {
  readonly promise: Promise<TaskDetails>;
  /** By performance.now(); Infinity: none. */
  readonly deadline: number;
  readonly timeoutMs: number;
  /** A check was sent since it waits: what an earlier one finds may be older than the call. */
  asked = false;
  /** It knows that its task exists. Until then it does not time out: every wait checks once. */
  seen = false;
  /** Of the task as this waiter first saw it. */
  identityHash: string | undefined;
  private readonly options: WaiterOptions;
  private readonly settle: { resolve: (task: TaskDetails) => void; reject: (error: unknown) => void };
  private timer: NodeJS.Timeout | undefined;
  private readonly onAbort = (): void => this.reject(this.options.signal?.reason);

  constructor(options: WaiterOptions) {
    this.options = options;
    this.timeoutMs = options.timeoutMs;
    this.deadline = performance.now() + options.timeoutMs;
    const { promise, resolve, reject } = Promise.withResolvers<TaskDetails>();
    this.promise = promise;
    this.settle = { resolve, reject };
    options.signal?.addEventListener('abort', this.onAbort, { once: true });
    this.startTimer();
  }

  resolve(task: TaskDetails): void {
    this.end();
    this.settle.resolve(task);
  }

  reject(error: unknown): void {
    this.end();
    this.settle.reject(error);
  }

  private startTimer(): void {
    if (this.deadline === Number.POSITIVE_INFINITY) return;
    const leftMs = Math.max(0, Math.ceil(this.deadline - performance.now()));
    this.timer = setTimeout(
      () => (leftMs > LONGEST_TIMER_MS ? this.startTimer() : this.options.onDeadline(this)),
      Math.min(leftMs, LONGEST_TIMER_MS),
    );
  }

  private end(): void {
    clearTimeout(this.timer);
    this.options.signal?.removeEventListener('abort', this.onAbort);
    this.options.onSettled(this);
  }
}
