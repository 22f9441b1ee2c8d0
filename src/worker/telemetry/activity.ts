import type { Database } from '../../db/connections/database.ts';
import { reportActivity } from '../../db/statements/workers/worker-activity.ts';
import type { Lease } from '../../membership/lease.ts';
import type { WorkerEvents } from './events.ts';
import { noActivity, type QueueActivity } from './queue-activity.ts';

const REPORT_MS = 2000;

export interface ActivityParts {
  readonly db: Database;
  readonly lease: Pick<Lease, 'current'>;
  readonly settings: { readonly queues: readonly string[] };
  readonly events: Pick<WorkerEvents, 'failed'>;
}

/**
 * What this worker does, by queue, reported to the database every few seconds: the scheduler computes from it how many workers a
 * queue should have. A report that fails is added to the next; one whose response got lost may count twice, which is rare.
 */
export class Activity {
  private readonly queues = new Map<string, QueueActivity>();
  private readonly parts: ActivityParts;
  private timer: NodeJS.Timeout | undefined;
  private reporting: Promise<void> | undefined;
  private stopped = false;

  constructor(parts: ActivityParts) {
    this.parts = parts;
    for (const queue of parts.settings.queues) this.queues.set(queue, noActivity());
  }

  start(intervalMs = REPORT_MS): void {
    if (!this.stopped) this.timer ??= setInterval(() => void this.tryReport(), intervalMs).unref();
  }

  /** Reports what was done since the last report. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.reporting;
    await this.tryReport();
  }

  /** `startedAt`: milliseconds of performance.now(), the same as for `ended`. */
  started(queue: string, startedAt: number): void {
    const activity = this.of(queue);
    activity.started += 1;
    activity.running += 1;
    activity.startsMs += startedAt;
    activity.changed = true;
  }

  /** `released`: neither done nor failed; it will run again elsewhere. */
  ended(queue: string, startedAt: number, seconds: number, outcome: 'completed' | 'failed' | 'released'): void {
    const activity = this.of(queue);
    activity.changed = true;
    activity.running -= 1;
    activity.startsMs = activity.running === 0 ? 0 : activity.startsMs - startedAt;
    if (outcome === 'failed') activity.failed += 1;
    if (outcome !== 'completed') return;
    activity.completed += 1;
    activity.completedSeconds += seconds;
  }

  /**
   * Reports what happened since the last report, and nothing if nothing did: ages of running steps grow without a report. Rejects
   * if the database did not take it.
   */
  async report(): Promise<void> {
    const workerId = this.parts.lease.current;
    if (workerId === undefined) return;
    const now = performance.now();
    const changed = [...this.queues].filter(([, activity]) => activity.changed);
    if (changed.length === 0) return;
    const taken = changed.map(([queue, activity]) => {
      const { started, completed, failed, completedSeconds, running, startsMs } = activity;
      Object.assign(activity, { started: 0, completed: 0, failed: 0, completedSeconds: 0, changed: false });
      const runningSeconds = Math.max(0, (running * now - startsMs) / 1000);
      return { activity, queue, started, completed, failed, completedSeconds, running, runningSeconds };
    });
    try {
      await this.parts.db.run(reportActivity, {
        worker_id: workerId,
        queues: taken.map((row) => ({
          queue: row.queue,
          started: row.started,
          completed: row.completed,
          failed: row.failed,
          completed_seconds: row.completedSeconds,
          running: row.running,
          running_seconds: row.runningSeconds,
        })),
      });
    } catch (error) {
      for (const { activity, started, completed, failed, completedSeconds } of taken) {
        activity.changed = true;
        activity.started += started;
        activity.completed += completed;
        activity.failed += failed;
        activity.completedSeconds += completedSeconds;
      }
      throw error;
    }
  }

  /** One report at a time. */
  private tryReport(): Promise<void> {
    this.reporting ??= this.report()
      .catch((error: unknown) => this.parts.events.failed('report activity', error))
      .finally(() => {
        this.reporting = undefined;
      });
    return this.reporting;
  }

  private of(queue: string): QueueActivity {
    let activity = this.queues.get(queue);
    if (activity === undefined) this.queues.set(queue, (activity = noActivity()));
    return activity;
  }
}
