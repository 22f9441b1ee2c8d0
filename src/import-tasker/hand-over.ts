import type { Executor } from '../db/connections/database.ts';
import {
  cancelInSource,
  cancelStatusInSource,
  flipSourceNewest,
  lockSourceNewest,
  lockSourceTask,
} from '../db/statements/imports/hand-over.ts';
import { inSource } from '../db/statements/imports/in-source.ts';
import { readClock } from './clock.ts';
import { importedPages, type ImportRun, mapAll, pages, workflowOf } from './import-run.ts';
import type { Mapping } from './mapped-task.ts';
import { phaseOf } from './phase.ts';
import { readTasks } from './read-tasks.ts';
import { hasTransitions, read } from './source.ts';
import { writeTasks } from './write-tasks.ts';

type Left = Exclude<Mapping, { task: unknown }>;

/** Takes open tasks from Tasker (Ruby), each in a transaction of its own: it is cancelled there and exists here, or neither. */
export async function handOver(run: ImportRun): Promise<void> {
  if (!run.source.same) await endUnfinished(run);
  for await (const page of pages(run, run.options.batch)) {
    const now = await readClock(run.db);
    const open = page.filter((task) => phaseOf(task) === 'open');
    // Most of what is left out is found without a lock on a row of Tasker.
    const mappings = mapAll(run, open, now);
    const left = mappings.filter((mapping): mapping is Left => 'left' in mapping);
    if (left.length > 0) await run.db.transaction((tx) => writeTasks(tx, run.books, run.registry.workflows, left));
    for (const one of left) run.tally.addLeft(one);
    for (const mapping of mappings) if ('task' in mapping) await handOverTask(run, mapping.task.sourceId);
    run.options.onProgress?.(open.length);
  }
}

export async function handOverTask(run: ImportRun, taskId: string): Promise<void> {
  const { written, left } = await run.db.transaction(async (tx) => {
    const on = run.source.same ? tx : run.source.db;
    if (run.source.same) await lockInSource(run, tx, taskId);
    const tasks = await readTasks(run.source, [taskId], on);
    // It was open before it was locked: meanwhile it may have ended, or begun.
    const mappings = mapAll(run, tasks, await readClock(tx)).map(
      (mapping): Mapping =>
        'task' in mapping && mapping.task.phase === 'ended'
          ? { sourceId: taskId, phase: 'ended', left: 'changed' }
          : mapping,
    );
    const made = await writeTasks(tx, run.books, run.registry.workflows, mappings);
    if (run.source.same) for (const one of made.written) await endInSource(run, tx, taskId, one.taskId);
    return made;
  });
  // In another database no transaction does both. Its processes are stopped, and the next run ends what this one could not.
  if (!run.source.same) for (const one of written) await endInSource(run, run.source.db, taskId, one.taskId);
  for (const { task, version } of written) run.tally.addTask(task, workflowOf(run, task.namedTaskId, version));
  for (const one of left) run.tally.addLeft(one);
}

/** First the most recent transition and then the task, in the order in which Tasker (Ruby) gets to them; the other order deadlocks. */
export async function lockInSource(run: ImportRun, tx: Executor, taskId: string): Promise<void> {
  if (hasTransitions(run.source)) await read(run.source, lockSourceNewest, [{ task_id: taskId }], tx);
  await read(run.source, lockSourceTask, [{ task_id: taskId }], tx);
}

/** Tasks that an interrupted run wrote here and did not end in the other database. */
async function endUnfinished(run: ImportRun): Promise<void> {
  for await (const page of importedPages(run)) {
    const open = page.filter((row) => row.phase === 'open');
    const tasks = await readTasks(run.source, open.map((row) => row.source_task_id));
    const idOf = new Map(open.map((row) => [row.source_task_id, row.task_id]));
    for (const task of tasks)
      if (phaseOf(task) === 'open') await endInSource(run, run.source.db, task.id, idOf.get(task.id) as string);
  }
}

async function endInSource({ source }: ImportRun, on: Executor, sourceId: string, taskId: string): Promise<void> {
  if (!hasTransitions(source)) {
    await on.run(inSource(cancelStatusInSource, source.schema), { task_id: sourceId });
    return;
  }
  await on.run(inSource(flipSourceNewest, source.schema), { task_id: sourceId });
  await on.run(inSource(cancelInSource, source.schema), {
    task_id: sourceId,
    metadata: JSON.stringify({ adopted_by: 'tasker-fleet', task_id: taskId }),
    time_zone: source.timeZone,
  });
}
