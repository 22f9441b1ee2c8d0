import { randomUUID } from 'node:crypto';
import type { Database, Executor } from '../db/connections/database.ts';
import { installationOf } from '../db/installation.ts';
import { ARCHIVED, ARCHIVED_COLUMNS, type ArchivedKind } from '../db/statements/archive/archived-rows.ts';
import { archivedSchema } from '../db/statements/archive/export-tasks.ts';
import { beginArchive, discardArchive, storeArchive, touchArchive } from '../db/statements/archive/records.ts';
import { ConfigError } from '../errors.ts';
import { removeDiscarded, removeObject, TOUCH_MS } from './discard.ts';
import { identityKey, keyFilter, membersOf, tagKey } from './key-filter.ts';
import type { IndexEntry } from './object/index-entry.ts';
import { type Manifest, objectName } from './object/manifest.ts';
import { ArchiveObjectWriter, type ObjectOrigin } from './object/object-writer.ts';
import type { ArchiveStore } from './stores/store.ts';

/** Rolls the transaction of a record back, and with it the archive. `result`: what became of it. */
export class NotArchived<Result> extends Error {
  readonly result: Result;

  constructor(result: Result) {
    super('not archived');
    this.result = result;
  }
}

/** The record does not become one: another process held its writer for dead. */
class TakenOver extends Error {
  constructor(archiveId: string) {
    super(`record ${archiveId} of the archive was taken from its writer, which was silent for too long`);
  }
}

export interface NewArchive<Result> {
  /** Of the tasks that the object may have. */
  taskIds: readonly string[];
  /** The record whose object this one replaces. */
  replaces?: string | undefined;
  /** Writes the object. Undefined: there was nothing to write. */
  write(writer: ArchiveObjectWriter, origin: ObjectOrigin): Promise<Manifest | undefined>;
  /** In the transaction that makes the object count, before its record: throws NotArchived if it must not. */
  commit(tx: Executor, archiveId: string, index: readonly IndexEntry[]): Promise<Result>;
}

/**
 * The protocol of every object. 1. A row says that it will be written. 2. The object is written, then its manifest. 3. One transaction checks
 * that what it has still holds, removes the tasks from the tables, and makes the row a record. Whatever dies in between leaves a row by which the
 * object is found and removed, and the tasks where they were. Returns undefined if another process writes.
 */
export async function writeArchive<Result>(
  db: Database,
  store: ArchiveStore,
  archive: NewArchive<Result>,
): Promise<{ archiveId: string; manifest: Manifest; result: Result } | { result: Result | undefined } | undefined> {
  const origin = await originOf(db);
  const object = objectName(origin.installation_id, archive.taskIds, randomUUID(), new Date());
  const [begun] = await db.run(beginArchive, { object, replaces: archive.replaces ?? null });
  if (begun === undefined) return undefined;
  const archiveId = begun.archive_id;
  const writer = new ArchiveObjectWriter(store, object);
  const beat = setInterval(() => {
    db.run(touchArchive, { archive_id: archiveId }).catch(() => undefined);
  }, TOUCH_MS);
  beat.unref();
  try {
    const manifest = await archive.write(writer, origin);
    if (manifest === undefined) {
      await giveUp(db, store, writer, archiveId);
      return { result: undefined };
    }
    const result = await db.transaction(async (tx) => {
      const outcome = await archive.commit(tx, archiveId, writer.index);
      const [stored] = await tx.run(storeArchive, { archive_id: archiveId, ...recordOf(manifest, writer.index) });
      if (stored === undefined) throw new TakenOver(archiveId);
      return outcome;
    });
    return { archiveId, manifest, result };
  } catch (error) {
    await giveUp(db, store, writer, archiveId);
    // Its row is gone, and nobody else knows of an object that came after that.
    if (error instanceof TakenOver) await removeObject(store, object);
    if (error instanceof NotArchived) return { result: error.result as Result };
    throw error;
  } finally {
    clearInterval(beat);
  }
}

/** What it cannot remove now is found by its row. */
async function giveUp(
  db: Database,
  store: ArchiveStore,
  writer: ArchiveObjectWriter,
  archiveId: string,
): Promise<void> {
  await writer.abort();
  try {
    await db.run(discardArchive, { archive_id: archiveId, state: 'writing' });
    await removeDiscarded(db, store);
  } catch {
    // The error that led here says what is wrong; a later round removes the object.
  }
}

async function originOf(db: Database): Promise<ObjectOrigin> {
  const { installationId } = await installationOf(db);
  const tables = await db.run(archivedSchema);
  const unknown = tables.flatMap(({ kind, columns }) => {
    const known: readonly string[] = ARCHIVED_COLUMNS[kind] ?? [];
    return columns
      .filter((column) => !known.includes(column))
      .map((column) => `${ARCHIVED[kind as ArchivedKind].table}.${column}`);
  });
  if (unknown.length > 0) {
    throw new ConfigError(
      `the database has columns that this version would not archive (${unknown.join(', ')}): nothing is archived until this process has the version that the database was migrated to`,
      { columns: unknown },
    );
  }
  return { installation_id: installationId, schema: tables[0]?.schema ?? '', columns: ARCHIVED_COLUMNS };
}

/** The columns of a record. */
export function recordOf(manifest: Manifest, index: readonly IndexEntry[]) {
  const keys = new Set(index.flatMap(({ identity, tags = [] }) => [identityKey(identity), ...tags.map(tagKey)]));
  return {
    format: manifest.format,
    tasks: manifest.tasks,
    steps: manifest.steps,
    edges: manifest.edges,
    transitions: manifest.transitions,
    erased_tasks: manifest.erased_tasks,
    lowest_task_id: manifest.lowest_task_id,
    highest_task_id: manifest.highest_task_id,
    requested_since: manifest.requested_since,
    requested_until: manifest.requested_until,
    ended_until: manifest.ended_until,
    bytes: manifest.bytes,
    sha256: manifest.sha256,
    ...membersOf(index.map((entry) => entry.task_id)),
    keys: keyFilter(keys).toString('base64'),
  };
}
