import { setTimeout as sleep } from 'node:timers/promises';

const WOKEN_WITHIN_MS = 200;

/**
 * Somebody who acts on the fleet, in one loop or several, for as long as a run goes on. A loop ends soon after `running` is false; the database may be
 * away at any moment of it.
 */
export abstract class Actor {
  private isRunning = true;
  private loops: Promise<unknown> = Promise.resolve();

  /** Starts its loops, once. */
  start(): void {
    this.loops = Promise.all(this.act());
    // Whoever stops it gets the error.
    this.loops.catch(() => undefined);
  }

  /** Everything that it began is done afterwards. Rejects if one of its loops did. */
  async stop(): Promise<void> {
    this.isRunning = false;
    await this.loops;
  }

  protected get running(): boolean {
    return this.isRunning;
  }

  /** The loops, each until `running` is false. */
  protected abstract act(): readonly Promise<unknown>[];

  /** Sleeps, but not for long beyond the end of the run. */
  protected async rest(ms: number): Promise<void> {
    const until = Date.now() + ms;
    for (let left = ms; this.isRunning && left > 0; left = until - Date.now())
      await sleep(Math.min(left, WOKEN_WITHIN_MS));
  }
}
