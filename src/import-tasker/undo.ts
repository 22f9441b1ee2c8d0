import type { Executor } from '../db/connections/database.ts';
import {
  deleteImportedTasks,
  type ImportedTaskRow,
  lockImportedSteps,
  readSortKeys,
} from '../db/statements/imports/books.ts';
import { findHeldTasks, lockHolds } from '../db/statements/retention/holds.ts';
import { deleteHandOver, restoreSourceNewest, restoreSourceStatus } from '../db/statements/imports/hand-over.ts';
import { inSource } from '../db/statements/imports/in-source.ts';
import { lockInSource } from './hand-over.ts';
import { importedPages, type ImportRun } from './import-run.ts';
import { hasTransitions } from './source.ts';

/**
 * Removes imported tasks here, and gives those that were handed over back to Tasker (Ruby). A task of which something has begun, ended or
 * been changed here since stays: Tasker would do it again.
 */
export async function undo(run: ImportRun): Promise<void> {
  const { phase } = run.options;
  for await (const page of importedPages(run)) {
    const rows = page.filter((row) => phase === 'all' || row.phase === phase);
    const ended = rows.filter((row) => row.phase === 'ended');
    await run.db.transaction((tx) => remove(run, tx, ended));
    for (const row of rows) if (row.phase === 'open') await giveBack(run, row);
    run.options.onProgress?.(rows.length);
  }
}

/** Deletes those that nothing has happened to since they were imported, and returns their ids here. */
async function remove(run: ImportRun, tx: Executor, rows: readonly ImportedTaskRow[]): Promise<string[]> {
  const ids = rows.map((row) => row.task_id);
  if (ids.length === 0) return [];
  await tx.run(lockHolds);
  await tx.run(lockImportedSteps, { task_ids: ids });
  const sortKeys = new Map((await tx.run(readSortKeys, { task_ids: ids })).map((row) => [row.task_id, row.sort_keys]));
  const held = new Map((await tx.run(findHeldTasks, { task_ids: ids })).map((hold) => [hold.task_id, hold]));
  const same: string[] = [];
  for (const row of rows) {
    const now = sortKeys.get(row.task_id);
    const hold = held.get(row.task_id);
    if (hold !== undefined) {
      run.tally.differences.push({
        source_task_id: row.source_task_id,
        task_id: row.task_id,
        difference: `hold ${hold.hold_id} keeps it (${hold.reason}): it stays`,
      });
    } else if (now === undefined || now === row.details.sort_keys) same.push(row.task_id);
    else
      run.tally.differences.push({
        source_task_id: row.source_task_id,
        task_id: row.task_id,
        difference: 'something has happened to it here since it was imported: it stays',
      });
  }
  await tx.run(deleteImportedTasks, { source: run.source.label, task_ids: same });
  run.tally.imported += same.length;
  return same;
}

async function giveBack(run: ImportRun, row: ImportedTaskRow): Promise<void> {
  const { source } = run;
  const restore = async (on: Executor): Promise<void> => {
    if (!hasTransitions(source)) {
      await on.run(inSource(restoreSourceStatus, source.schema), {
        task_id: row.source_task_id,
        status: row.details.status ?? 'pending',
      });
      return;
    }
    const deleted = await on.run(inSource(deleteHandOver, source.schema), { task_id: row.source_task_id });
    if (deleted.length > 0) await on.run(inSource(restoreSourceNewest, source.schema), { task_id: row.source_task_id });
  };
  const removed = await run.db.transaction(async (tx) => {
    if (source.same) await lockInSource(run, tx, row.source_task_id);
    const ids = await remove(run, tx, [row]);
    if (source.same && ids.length > 0) await restore(tx);
    return ids;
  });
  if (!source.same && removed.length > 0) await restore(source.db);
}
