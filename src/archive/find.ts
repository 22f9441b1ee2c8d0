import type { Executor } from '../db/connections/database.ts';
import { type ArchiveRow, findArchiveOfTask, findArchivesOfKey } from '../db/statements/archive/records.ts';
import { probesOf } from './key-filter.ts';

/** Objects that one statement of a search returns: it reads a filter of some kB of each record that it passes. */
const PAGE = 100;

/** The record of the object that has a task; undefined: the task is in none. */
export async function archiveOf(db: Executor, taskId: string): Promise<ArchiveRow | undefined> {
  return (await db.run(findArchiveOfTask, { task_id: taskId }))[0];
}

/** Records whose objects may have this key (`identityKey`, `tagKey`), the newest first; one in a hundred does not have it. */
export async function* archivesOfKey(db: Executor, key: string): AsyncGenerator<ArchiveRow> {
  const probes = probesOf(key);
  for (let below: string | null = null; ;) {
    const page: ArchiveRow[] = await db.run(findArchivesOfKey, { ...probes, below, limit: PAGE });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    below = last.archive_id;
  }
}
