import { setTimeout as sleep } from 'node:timers/promises';
import type { Executor } from '../../../src/db/database.ts';
import { type TaskSummary, taskSummary } from '../../../src/db/reports.ts';
import { orderFulfillment } from '../workflow.ts';
import type { RunDatabase } from './database.ts';
import { aborted } from './interrupts.ts';
import type { Display, Progress } from './progress.ts';

export type WatchEnd = 'finished' | 'interrupted' | 'stalled';

const intervalMs = 250;
/** Longer than any backoff (30 s) and than the recovery of a dead worker's steps: past this nothing will move any more. */
export const stalledAfterMs = 120_000;
/** A database that is away for longer is not coming back. */
const databaseAwayMs = 60_000;

/**
 * Shows the progress of a run until every task has ended, nothing moves any more, or `stop` is aborted. A database that goes
 * away is waited for, and an embedded one is started again.
 */
export async function watch(
  db: Executor,
  database: RunDatabase,
  progress: Progress,
  display: Display,
  stop: AbortSignal,
): Promise<WatchEnd> {
  let moved = { at: performance.now(), mark: '' };
  let seenAt = performance.now();
  while (!stop.aborted) {
    const now = performance.now();
    try {
      const summary = await taskSummary(db, orderFulfillment);
      seenAt = now;
      display.update(progress.line(summary, now));
      if (progress.isFinished(summary)) return 'finished';
      const mark = markOf(summary);
      if (mark !== moved.mark) moved = { at: now, mark };
      if (now - moved.at > stalledAfterMs) return 'stalled';
    } catch (error) {
      if (now - seenAt > databaseAwayMs) throw error;
      display.note(`the database does not answer (${(error as Error).message}): waiting for it`);
      await database.revive();
      moved = { ...moved, at: now };
      await sleep(1000);
    }
    await Promise.race([sleep(intervalMs), aborted(stop)]);
  }
  return 'interrupted';
}

/** Changes whenever anything happens to a step. */
function markOf(summary: TaskSummary): string {
  return JSON.stringify([summary.tasks, summary.steps, summary.attempts]);
}
