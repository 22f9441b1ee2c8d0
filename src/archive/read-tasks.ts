import type { Executor } from '../db/connections/database.ts';
import type { ArchiveRow } from '../db/statements/archive/records.ts';
import { ArchiveDamagedError } from '../errors.ts';
import type { TaskDetails } from '../reads/task.ts';
import { archiveOf } from './find.ts';
import type { IndexEntry } from './object/index-entry.ts';
import { ArchiveObjectReader } from './object/object-reader.ts';
import type { ArchiveStore } from './stores/store.ts';
import { taskDetails } from './task-details.ts';

/** A task and the record of its object. */
export interface FoundTask {
  record: ArchiveRow;
  reader: ArchiveObjectReader;
  entry: IndexEntry;
  /** Tasks of the same identity in this object, this one among them, by generation. */
  generations: IndexEntry[];
}

/** Undefined: no object has the task. Throws ArchiveDamagedError if the object does not have what its record says. */
export async function findArchived(db: Executor, store: ArchiveStore, taskId: string): Promise<FoundTask | undefined> {
  const record = await archiveOf(db, taskId);
  if (record === undefined) return undefined;
  try {
    const reader = await ArchiveObjectReader.open(store, record.object);
    const index = await reader.index();
    const entry = index.find(({ task_id: id }) => id === taskId);
    if (entry === undefined) {
      throw new ArchiveDamagedError(`${record.object} does not have task ${taskId}, and its record says that it does`, {
        object: record.object,
      });
    }
    const generations = index
      .filter(({ identity }) => identity === entry.identity)
      .toSorted((a, b) => (a.generation ?? 1) - (b.generation ?? 1));
    return { record, reader, entry, generations };
  } catch (error) {
    // An erasure may have replaced the object meanwhile.
    const now = await archiveOf(db, taskId);
    if (now?.archive_id !== record.archive_id) return findArchived(db, store, taskId);
    throw error;
  }
}

/** A task as it was when it was archived, in the shape of a task in the tables; undefined: no object has it. */
export async function showArchived(
  db: Executor,
  store: ArchiveStore,
  taskId: string,
): Promise<{ task: TaskDetails; record: ArchiveRow } | undefined> {
  const found = await findArchived(db, store, taskId);
  if (found === undefined) return undefined;
  const { record, reader, entry, generations } = found;
  const lines = (await reader.tasks([entry])).get(taskId) ?? [];
  const at = generations.indexOf(entry);
  const task = taskDetails(lines, await reader.definitions(), {
    superseded_by: generations[at + 1]?.task_id ?? null,
    replaces: generations[at - 1]?.task_id ?? null,
  });
  return { task, record };
}
