import type { Database } from '../../db/connections/database.ts';
import { countLiveSchedulers } from '../../reads/schedulers.ts';

/** A fleet that is started as a whole has its schedulers after this time. */
const FIRST_MS = 20_000;
const INTERVAL_MS = 30_000;

/**
 * Notices that no scheduler lives: a worker needs one for every retry, though not for the first attempts of its steps. Reports a
 * change once; a check that fails changes nothing.
 */
export class SchedulerWatch {
  private readonly db: Database;
  private readonly onChange: (anyLives: boolean) => void;
  private readonly firstMs: number;
  private readonly intervalMs: number;
  private timer: NodeJS.Timeout | undefined;
  private anyLives = true;
  private stopped = false;
  private checking: Promise<void> | undefined;

  constructor(
    db: Database,
    onChange: (anyLives: boolean) => void,
    { firstMs = FIRST_MS, intervalMs = INTERVAL_MS }: { firstMs?: number; intervalMs?: number } = {},
  ) {
    this.db = db;
    this.onChange = onChange;
    this.firstMs = firstMs;
    this.intervalMs = intervalMs;
  }

  start(): void {
    if (this.timer === undefined) this.schedule(this.firstMs);
  }

  /** Resolves when the check under way, if there is one, has ended. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.checking;
  }

  private schedule(ms: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.checking = this.check();
    }, ms).unref();
  }

  private async check(): Promise<void> {
    const anyLives = await countLiveSchedulers(this.db).then(
      (count) => count > 0,
      () => this.anyLives,
    );
    if (this.stopped) return;
    if (anyLives !== this.anyLives) this.onChange((this.anyLives = anyLives));
    this.schedule(this.intervalMs);
  }
}
