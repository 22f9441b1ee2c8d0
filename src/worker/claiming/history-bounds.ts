import type { ClaimedStep } from '../../engine/claim.ts';

/** About the tasks of one or two partitions of the history. */
const RECENT_TASKS = 1_000_000;
/** How long a step with a history whose task is older may wait for a claim that opens all of the history. */
const WHOLE_HISTORY_EVERY_MS = 1000;

/**
 * From which task on a claim opens the history. A claim of a step that was never attempted writes history and reads none, and nearly
 * every step with a history (a retry) is of a recent task. To open the history of all tasks costs a claim some microseconds for each
 * partition: with twenty of them two fifths of a claim of one step. So claims open that of recent tasks, and once a second, if
 * they scan the whole queue, all of it; in between they leave steps with a history of older tasks.
 */
export class HistoryBounds {
  private highest = 0;
  /** Queue -> when a claim that began there last opened the whole history, by the clock of `lowestTask`. */
  private readonly wholeAtMs = new Map<string, number>();

  /** For a claim that is sent now; 0: all of the history. `whole`: it scans the whole queue. */
  lowestTask(queue: string, whole: boolean, nowMs: number): number {
    const recent = this.highest - RECENT_TASKS;
    if (recent <= 0) return 0;
    if (!whole || nowMs - (this.wholeAtMs.get(queue) ?? -Infinity) < WHOLE_HISTORY_EVERY_MS) return recent;
    this.wholeAtMs.set(queue, nowMs);
    return 0;
  }

  /** Ids of tasks are below 2^47. */
  claimed(steps: readonly ClaimedStep[]): void {
    for (const { taskId } of steps) this.highest = Math.max(this.highest, Number(taskId));
  }
}
