import { setTimeout as sleep } from 'node:timers/promises';
import type { Executor } from '../../../src/db/connections/database.ts';
import { type TaskSummary, taskSummary } from './reports.ts';
import { orderFulfillment } from '../workflow.ts';
import { aborted } from './interrupts.ts';
import type { OutageRetry } from './outage-retry.ts';
import type { Display, Progress } from './progress.ts';

export type WatchEnd = 'finished' | 'interrupted' | 'stalled';

const intervalMs = 250;
/**
 * Longer than any backoff (30 s) and than the recovery of a dead worker's steps: after this time nothing will change any
 * more.
 */
export const stalledAfterMs = 120_000;

/** Shows the progress of a run until every task has ended, nothing changes any more, or `stop` is aborted. */
export async function watch(
  db: Executor,
  outageRetry: OutageRetry,
  progress: Progress,
  display: Display,
  stop: AbortSignal,
): Promise<WatchEnd> {
  let moved = { at: performance.now(), mark: '' };
  while (!stop.aborted) {
    let summary: TaskSummary;
    try {
      summary = await outageRetry.run(() => taskSummary(db, orderFulfillment));
    } catch (error) {
      if (stop.aborted) return 'interrupted';
      throw error;
    }
    const now = performance.now();
    display.update(progress.line(summary, now));
    if (progress.isFinished(summary)) return 'finished';
    const mark = JSON.stringify([summary.tasks, summary.steps, summary.attempts, outageRetry.outages]);
    if (mark !== moved.mark) moved = { at: now, mark };
    if (now - moved.at > stalledAfterMs) return 'stalled';
    await Promise.race([sleep(intervalMs), aborted(stop)]);
  }
  return 'interrupted';
}
