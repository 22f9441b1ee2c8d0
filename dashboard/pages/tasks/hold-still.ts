import type { Page, Task } from '../../api/types.ts';

export interface Held {
  readonly page: Page<Task>;
  /** Tasks that would be above the first one. */
  readonly newer: number;
}

/**
 * The page that somebody reads, as it is now: what is shown stays in its place with the state that it has now, what no longer matches goes, and
 * newer tasks are counted instead of shown. `shown`: what was there when they began to read. Undefined: nothing of it is left.
 */
export function holdStill(shown: Page<Task>, now: Page<Task>): Held | undefined {
  const first = shown.items[0];
  if (first === undefined) return undefined;
  const latest = new Map(now.items.map((task) => [task.task_id, task]));
  const last = now.items.at(-1);
  // Below the last row of the page is what newer tasks have pushed off it.
  const isBelow = (task: Task): boolean => now.next_cursor !== null && (last === undefined || isOlder(task, last));
  const items = shown.items.flatMap((task) => latest.get(task.task_id) ?? (isBelow(task) ? [task] : []));
  if (items.length === 0) return undefined;
  return { page: { ...shown, items }, newer: now.items.filter((task) => isOlder(first, task)).length };
}

const isOlder = (task: Task, other: Task): boolean => BigInt(task.task_id) < BigInt(other.task_id);
