import { readClock } from './clock.ts';
import { type ImportRun, mapAll, pages, workflowOf } from './import-run.ts';
import { newestChange } from './map-task.ts';
import type { Mapping } from './mapped-task.ts';
import { phaseOf } from './phase.ts';
import type { SourceTask } from './source-task.ts';
import { writeTasks } from './write-tasks.ts';

/** Tasker (Ruby) lets complete tasks be cancelled; that happens soon or not at all. */
const ENDED_FOR_MICROSECONDS = 3_600_000_000;

/** Copies tasks that have ended in Tasker (Ruby), a page in each transaction. A run that was interrupted goes on with the next page. */
export async function importEnded(run: ImportRun): Promise<void> {
  for await (const page of pages(run)) {
    const tasks = page.filter((task) => phaseOf(task) === 'ended');
    if (tasks.length === 0) continue;
    const now = await readClock(run.db);
    const mappings = run.options.stopped ? mapAll(run, tasks, now) : waitForThoseThatEndedNow(run, tasks, now);
    const { written, left } = await run.db.transaction((tx) =>
      writeTasks(tx, run.books, run.registry.workflows, mappings),
    );
    for (const { task, version } of written) run.tally.addTask(task, workflowOf(run, task.namedTaskId, version));
    for (const one of left) run.tally.addLeft(one);
    run.options.onProgress?.(tasks.length);
  }
}

export function waitForThoseThatEndedNow(run: ImportRun, tasks: readonly SourceTask[], now: number): Mapping[] {
  return mapAll(run, tasks, now).map((mapping, index) => {
    const task = tasks[index] as SourceTask;
    const waits =
      'task' in mapping && mapping.task.phase === 'ended' && newestChange(task) > now - ENDED_FOR_MICROSECONDS;
    return waits ? { sourceId: task.id, phase: 'ended', left: 'ended_just_now' } : mapping;
  });
}
