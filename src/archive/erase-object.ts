import type { Database, Executor } from '../db/connections/database.ts';
import { type ArchiveRow, discardArchive, lockArchive, moveRestores } from '../db/statements/archive/records.ts';
import { writeAudit } from '../engine/audit.ts';
import type { OperatorAction } from '../engine/operator-action.ts';
import type { KeptTask } from '../engine/remove-tasks.ts';
import { ArchiveBusyError } from '../errors.ts';
import { removeDiscarded } from './discard.ts';
import { heldEntries, heldEntriesLocked } from './held.ts';
import type { IndexEntry } from './object/index-entry.ts';
import type { RowCounts } from './object/manifest.ts';
import { ArchiveObjectReader } from './object/object-reader.ts';
import { type ArchiveObjectWriter, countsOf } from './object/object-writer.ts';
import type { ArchiveStore } from './stores/store.ts';
import { NotArchived, writeArchive } from './write-archive.ts';

/** How long an erasure waits for another one of the same object, whose writer may have died. */
const MOST_TRIES = 150;
const WAIT_MS = 1000;

export interface ErasedFromObject {
  counts: RowCounts;
  taskIds: string[];
  kept: KeptTask[];
}

/** Undefined: the object has none of the tasks. `changed`: nothing was erased, because it is no record any more, or a hold was set. */
export async function eraseFromObject(
  db: Database,
  store: ArchiveStore,
  record: ArchiveRow,
  wanted: (entry: IndexEntry) => boolean,
  action: OperatorAction,
): Promise<ErasedFromObject | 'changed' | undefined> {
  const opened = await openUnlessReplaced(db, store, record);
  if (opened === undefined) return 'changed';
  const { reader, index } = opened;
  const found = index.filter(wanted);
  if (found.length === 0) return undefined;
  const kept = await heldEntries(db, found);
  const stays = new Set(kept.map(({ taskId }) => taskId));
  const going = found.filter((entry) => !stays.has(entry.task_id));
  const result = { counts: countsOf(going), taskIds: going.map((entry) => entry.task_id), kept };
  if (going.length === 0 || action.dryRun === true) return result;
  const erased =
    going.length === index.length
      ? await db.transaction((tx) => giveUpRecord(tx, record, going, action))
      : await replaceWithout(db, store, { record, reader, index, going, action });
  return erased ? result : 'changed';
}

/** Undefined: it is no record any more. */
async function openUnlessReplaced(db: Database, store: ArchiveStore, record: ArchiveRow) {
  try {
    const reader = await ArchiveObjectReader.open(store, record.object);
    return { reader, index: await reader.index() };
  } catch (error) {
    const [still] = await db.run(lockArchive, { archive_id: record.archive_id });
    if (still === undefined) return undefined;
    throw error;
  }
}

/** In the transaction of the change: false if the record is none any more, or a hold was set on one of these tasks. */
async function giveUpRecord(
  tx: Executor,
  record: ArchiveRow,
  going: readonly IndexEntry[],
  action: OperatorAction,
): Promise<boolean> {
  if ((await heldEntriesLocked(tx, going)).length > 0) return false;
  const gone = await tx.run(discardArchive, { archive_id: record.archive_id, state: 'stored' });
  if (gone.length === 0) return false;
  const ids = going.map((entry) => entry.task_id);
  const on = { kind: 'task', id: ids.length === 1 ? (ids[0] as string) : `${ids.length} tasks` } as const;
  const outcome = { outcome: 'purged', ...countsOf(going), task_ids: ids, object: record.object };
  await writeAudit(tx, { act: 'task.purge', on, action }, outcome);
  return true;
}

interface Replacing {
  record: ArchiveRow;
  reader: ArchiveObjectReader;
  index: readonly IndexEntry[];
  going: readonly IndexEntry[];
  action: OperatorAction;
}

async function replaceWithout(db: Database, store: ArchiveStore, replacing: Replacing): Promise<boolean> {
  const { record, reader, index, going, action } = replacing;
  const erased = new Set(going.map((entry) => entry.task_id));
  const left = index.filter((entry) => !erased.has(entry.task_id));
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const written = await writeArchive<boolean>(db, store, {
      taskIds: left.map((entry) => entry.task_id),
      replaces: record.archive_id,
      async write(writer, origin) {
        await copyWithout(reader, writer, erased);
        const { columns, schema, erased_tasks: before } = reader.manifest;
        return writer.finish({ ...origin, columns, schema }, await reader.definitions(), before + erased.size);
      },
      async commit(tx, archiveId) {
        // Before the record is given up, and its restores with it.
        await tx.run(lockArchive, { archive_id: record.archive_id });
        await tx.run(moveRestores, { archive_id: archiveId, replaced: record.archive_id, erased: [...erased] });
        if (!(await giveUpRecord(tx, record, going, action))) throw new NotArchived(false);
        return true;
      },
    });
    if (written?.result !== undefined) return written.result;
    await removeDiscarded(db, store);
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  }
  throw new ArchiveBusyError(
    `${record.object} of the archive is being written anew by another purge: run this one again when that has ended`,
    { object: record.object },
  );
}

/** Blocks without a task that goes are taken as they are. */
async function copyWithout(
  reader: ArchiveObjectReader,
  writer: ArchiveObjectWriter,
  erased: ReadonlySet<string>,
): Promise<void> {
  const byBlock = Map.groupBy(await reader.index(), ({ block }) => block);
  for (const [place, block] of reader.manifest.blocks.entries()) {
    const entries = byBlock.get(place) ?? [];
    const left = entries.filter((entry) => !erased.has(entry.task_id));
    if (left.length === entries.length) await writer.addBlock(entries, await reader.packed(block));
    else {
      const lines = await reader.tasks(left);
      for (const entry of left) await writer.addTask(entry, (lines.get(entry.task_id) ?? []).join('\n'));
    }
  }
}
