import { exactTime } from '../exact-time.ts';
import type { Executor } from '../db/connections/database.ts';
import type { ArchiveRow } from '../db/statements/archive/records.ts';
import { findRestored } from '../db/statements/archive/records.ts';
import { archiveOf, archivesOfKey } from './find.ts';
import { identityKey, tagKey } from './key-filter.ts';
import type { IndexEntry } from './object/index-entry.ts';
import { ArchiveObjectReader } from './object/object-reader.ts';
import type { ArchiveStore } from './stores/store.ts';

/** A task in the archive, without its steps. */
export interface ArchivedTaskRow {
  task_id: string;
  namespace: string;
  workflow: string;
  version: string;
  state: string;
  /** Its place among the tasks of its identity; null: that was never used again. */
  generation: number | null;
  tags: string[] | null;
  requested_at: Date;
  ended_at: Date;
  /** Where it is. */
  archive_id: string;
  object: string;
}

/** What to look for: one of the three. */
export type ArchivedSearch = { taskId: string } | { identity: string } | { tag: string };

/** Tasks in the archive, those of the newest objects first. Reads the index of each object that may have one. */
export async function* findTasks(
  db: Executor,
  store: ArchiveStore,
  search: ArchivedSearch,
): AsyncGenerator<ArchivedTaskRow> {
  for await (const record of recordsOf(db, search)) {
    const reader = await ArchiveObjectReader.open(store, record.object);
    const entries = (await reader.index()).filter(matching(search));
    if (entries.length === 0) continue;
    const restored = new Set((await db.run(findRestored, { archive_id: record.archive_id })).map((row) => row.task_id));
    const { workflows } = await reader.definitions();
    for (const entry of entries) {
      const workflow = workflows.find(({ named_task_id: id }) => id === entry.workflow);
      if (restored.has(entry.task_id)) continue;
      yield {
        task_id: entry.task_id,
        namespace: workflow?.namespace ?? '',
        workflow: workflow?.name ?? '',
        version: workflow?.version ?? '',
        state: entry.state,
        generation: entry.generation ?? null,
        tags: entry.tags ?? null,
        requested_at: exactTime(entry.requested_at),
        ended_at: exactTime(entry.ended_at),
        archive_id: record.archive_id,
        object: record.object,
      };
    }
  }
}

async function* recordsOf(db: Executor, search: ArchivedSearch): AsyncGenerator<ArchiveRow> {
  if ('taskId' in search) {
    const record = await archiveOf(db, search.taskId);
    if (record !== undefined) yield record;
  } else yield* archivesOfKey(db, 'tag' in search ? tagKey(search.tag) : identityKey(search.identity));
}

function matching(search: ArchivedSearch): (entry: IndexEntry) => boolean {
  if ('taskId' in search) return (entry) => entry.task_id === search.taskId;
  if ('tag' in search) return (entry) => entry.tags?.includes(search.tag) === true;
  return (entry) => entry.identity === search.identity;
}
