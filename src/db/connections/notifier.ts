import type { Database } from './database.ts';
import { readyChannel } from './listener.ts';
import { notifyQueues } from '../statements/queues/notify.ts';

/**
 * Notifies other processes that queues have ready steps. The first notification is sent at once, those of the next `intervalMs`
 * together. One that cannot be sent is dropped, since polling finds the work.
 */
export class Notifier {
  private readonly db: Database;
  private readonly intervalMs: number;
  private readonly pending = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private sending: Promise<void> = Promise.resolve();

  constructor(db: Database, intervalMs = 50) {
    this.db = db;
    this.intervalMs = intervalMs;
  }

  notify(queues: Iterable<string>): void {
    for (const queue of queues) this.pending.add(queue);
    if (this.pending.size === 0 || this.timer !== undefined) return;
    this.send();
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.notify([]);
    }, this.intervalMs).unref();
  }

  /** Resolves when the notifications given so far were sent, or dropped. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.pending.size > 0) this.send();
    await this.sending;
  }

  private send(): void {
    const queues = [...this.pending];
    this.pending.clear();
    this.sending = this.db.run(notifyQueues, { channel: readyChannel(this.db.schema), queues }).then(
      () => undefined,
      () => undefined,
    );
  }
}
