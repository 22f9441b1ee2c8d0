import type { Database, Executor } from '../db/connections/database.ts';
import { type ArchiveRow, findCopiesOfTask } from '../db/statements/archive/records.ts';
import type { OperatorAction } from '../engine/operator-action.ts';
import type { KeptTask } from '../engine/remove-tasks.ts';
import { removeDiscarded } from './discard.ts';
import { eraseFromObject } from './erase-object.ts';
import { archivesOfKey } from './find.ts';
import { tagKey } from './key-filter.ts';
import type { IndexEntry } from './object/index-entry.ts';
import type { RowCounts } from './object/manifest.ts';
import type { ArchiveStore } from './stores/store.ts';

export type ErasedSelection = { taskIds: readonly string[] } | { tag: string };

export interface Erased extends RowCounts {
  taskIds: string[];
  /** Objects that were written anew without the tasks, or removed because none was left. */
  objects: number;
  /** Tasks that stay, because a legal hold keeps them. */
  kept: KeptTask[];
}

/**
 * Removes tasks from the archive: each object that has some is written anew without them, and the record changes over in one transaction. Copies
 * of tasks that were restored go, too. An interrupted erasure has changed whole objects; the same call goes on.
 */
export async function eraseArchived(
  db: Database,
  store: () => Promise<ArchiveStore>,
  selection: ErasedSelection,
  action: OperatorAction = {},
): Promise<Erased> {
  const erased: Erased = { tasks: 0, steps: 0, edges: 0, transitions: 0, taskIds: [], objects: 0, kept: [] };
  const kept = new Map<string, KeptTask>();
  const wanted = wantedBy(selection);
  for (let again = true; again;) {
    again = false;
    for await (const record of recordsOf(db, selection)) {
      const done = await eraseFromObject(db, await store(), record, wanted, action);
      // Another purge has written the object anew, under a record that this search has passed, or a hold was set.
      if (done === 'changed') again = true;
      if (done === undefined || done === 'changed') continue;
      for (const rows of ['tasks', 'steps', 'edges', 'transitions'] as const) erased[rows] += done.counts[rows];
      erased.taskIds.push(...done.taskIds);
      for (const task of done.kept) kept.set(task.taskId, task);
      if (done.taskIds.length > 0) erased.objects += 1;
    }
  }
  if (erased.objects > 0 && action.dryRun !== true) await removeDiscarded(db, await store());
  return { ...erased, kept: [...kept.values()] };
}

async function* recordsOf(db: Executor, selection: ErasedSelection): AsyncGenerator<ArchiveRow> {
  if ('tag' in selection) {
    yield* archivesOfKey(db, tagKey(selection.tag));
    return;
  }
  const seen = new Set<string>();
  for (const taskId of selection.taskIds) {
    for (const record of await db.run(findCopiesOfTask, { task_id: taskId })) {
      if (!seen.has(record.archive_id)) yield record;
      seen.add(record.archive_id);
    }
  }
}

function wantedBy(selection: ErasedSelection): (entry: IndexEntry) => boolean {
  if ('tag' in selection) return ({ tags }) => tags?.includes(selection.tag) === true;
  const ids = new Set(selection.taskIds);
  return ({ task_id: id }) => ids.has(id);
}
