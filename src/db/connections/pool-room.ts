import type pg from 'pg';

/**
 * As long as it takes to open a connection: PostgreSQL starts a process, both compute the keys of the password, and the first statements are
 * planned with empty caches.
 */
const PATIENCE_MS = 20;

/**
 * Whether a statement should wait for a busy connection instead of opening another one. pg opens one at once, so a program that begins has
 * twice as many as it ever uses again, and waits for each longer than the statement before would have taken. Statements that take long are
 * waited for in vain, once: the connection that is opened then stays.
 */
export class PoolRoom {
  private readonly pool: Pick<pg.Pool, 'totalCount' | 'idleCount' | 'waitingCount' | 'on'>;
  private readonly max: number;
  private readonly waiting: (() => void)[] = [];

  constructor(pool: PoolRoom['pool'], max: number) {
    this.pool = pool;
    this.max = max;
    // The connection is idle right after this event.
    pool.on('release', () => process.nextTick(() => this.serve()));
  }

  /** Undefined: a connection is free, or none can be waited for. */
  wait(): Promise<void> | undefined {
    const { totalCount } = this.pool;
    // Of a full pool the next free connection is the pool's own to give.
    if (totalCount === 0 || totalCount >= this.max || this.free > 0) return undefined;
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.splice(this.waiting.indexOf(end), 1);
        resolve();
      }, PATIENCE_MS);
      this.waiting.push(end);
    });
  }

  /** Whoever asked for a connection in this turn of the loop has it, but still counts as waiting. */
  private get free(): number {
    return this.pool.idleCount - this.pool.waitingCount;
  }

  private serve(): void {
    if (this.free > 0) this.waiting.shift()?.();
  }
}
