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
  for await (const page of pages(run, run.options.phase === 'open')) {
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

/** It was open before it was locked: meanwhile it may have ended, or begun. */
export async function handOverTask(run: ImportRun, taskId: string): Promise<void> {
  const { source, db } = run;
  const write = (tx: Executor, mappings: readonly Mapping[]) =>
    writeTasks(tx, run.books, run.registry.workflows, mappings);
  const made = await db
    .transaction(async (tx) => {
      if (source.same) await lockInSource(run, tx, taskId);
      const tasks = await readTasks(source, [taskId], source.same ? tx : source.db);
      const mappings = mapAll(run, tasks, await readClock(tx)).map((mapping): Mapping =>
        'task' in mapping && mapping.task.phase === 'ended'
          ? { sourceId: taskId, phase: 'ended', left: 'changed' }
          : mapping,
      );
      // If Tasker adds a row at this moment, this waits for it, and one of the two fails: before anything here is locked.
      if (source.same && mappings.some((mapping) => 'task' in mapping)) await endInSource(run, tx, taskId);
      const { written, left } = await write(tx, mappings);
      if (mappings.some((mapping) => 'task' in mapping) && written.length === 0) throw new LeftAfterAll(left);
      return { written, left };
    })
    .catch(async (error: unknown) => {
      if (!(error instanceof LeftAfterAll)) throw error;
      return db.transaction((tx) => write(tx, error.left));
    });
  // In another database no transaction does both. Its processes are stopped, and the next run ends what this one could not.
  if (!source.same && made.written.length > 0) await endInSource(run, source.db, taskId);
  for (const { task, version } of made.written) run.tally.addTask(task, workflowOf(run, task.namedTaskId, version));
  for (const one of made.left) run.tally.addLeft(one);
}

/** Rolls back what was done in the source for a task that cannot be written here. */
class LeftAfterAll extends Error {
  readonly left: readonly Left[];

  constructor(left: readonly Left[]) {
    super('left out');
    this.left = left;
  }
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
    const tasks = await readTasks(
      run.source,
      open.map((row) => row.source_task_id),
    );
    for (const task of tasks) if (phaseOf(task) === 'open') await endInSource(run, run.source.db, task.id);
  }
}

async function endInSource({ source }: ImportRun, on: Executor, sourceId: string): Promise<void> {
  if (!hasTransitions(source)) {
    await on.run(inSource(cancelStatusInSource, source.schema), { task_id: sourceId });
    return;
  }
  await on.run(inSource(flipSourceNewest, source.schema), { task_id: sourceId });
  await on.run(inSource(cancelInSource, source.schema), {
    task_id: sourceId,
    metadata: JSON.stringify({ adopted_by: 'tasker-fleet' }),
    time_zone: source.timeZone,
  });
}
