import type { Database } from '../db/connections/database.ts';
import { beginArchive, findElsewhere, findKnownObjects, storeArchive } from '../db/statements/archive/records.ts';
import { recordRestores } from '../db/statements/archive/restore-tasks.ts';
import { audited, byOf } from '../engine/audit.ts';
import type { OperatorAction } from '../engine/operator-action.ts';
import { ArchiveDamagedError } from '../errors.ts';
import { removeObject } from './discard.ts';
import { isObject, objectOfManifest } from './object/manifest.ts';
import { ArchiveObjectReader } from './object/object-reader.ts';
import type { ArchiveStore } from './stores/store.ts';
import { recordOf } from './write-archive.ts';

/** An object of this installation in the store that the database has no record of: it was restored to a time before it was written. */
export interface Orphan {
  object: string;
  bytes: number;
  modifiedAt: Date;
  /** Undefined: it has no manifest that can be read, so it was never finished. */
  tasks: number | undefined;
  /** Its tasks that are nowhere else: neither in the tables nor in another object. */
  onlyHere: number;
}

/** Names of one statement. */
const BATCH = 500;

export async function findOrphans(db: Database, store: ArchiveStore, installationId: string): Promise<Orphan[]> {
  const objects = new Map<string, { bytes: number; modifiedAt: Date }>();
  for await (const { name, bytes, modifiedAt } of store.list(`${installationId}/`)) {
    const object = isObject(name) ? name : objectOfManifest(name);
    if (object === undefined) continue;
    if (isObject(name) || !objects.has(object)) objects.set(object, { bytes, modifiedAt });
  }
  const orphans: Orphan[] = [];
  const names = [...objects.keys()].toSorted();
  for (let start = 0; start < names.length; start += BATCH) {
    const batch = names.slice(start, start + BATCH);
    const known = new Set((await db.run(findKnownObjects, { objects: batch })).map(({ object }) => object));
    for (const object of batch) {
      const found = objects.get(object);
      if (!known.has(object) && found !== undefined)
        orphans.push({ object, ...found, ...(await tasksOf(db, store, object)) });
    }
  }
  return orphans;
}

/** One object, if it is an orphan. */
export async function findOrphan(
  db: Database,
  store: ArchiveStore,
  installationId: string,
  object: string,
): Promise<Orphan | undefined> {
  // Of another installation that shares the store it is nobody's here.
  if (!object.startsWith(`${installationId}/`) || !isObject(object)) return undefined;
  for await (const { name, bytes, modifiedAt } of store.list(object.replace(/[^/]*$/, ''))) {
    if (name !== object && objectOfManifest(name) !== object) continue;
    if ((await db.run(findKnownObjects, { objects: [object] })).length > 0) return undefined;
    return { object, bytes, modifiedAt, ...(await tasksOf(db, store, object)) };
  }
  return undefined;
}

async function tasksOf(db: Database, store: ArchiveStore, object: string): Promise<Pick<Orphan, 'tasks' | 'onlyHere'>> {
  const index = await indexOf(store, object);
  if (index === undefined) return { tasks: undefined, onlyHere: 0 };
  const ids = index.map((entry) => entry.task_id);
  const elsewhere = await db.run(findElsewhere, { task_ids: ids });
  return { tasks: ids.length, onlyHere: ids.length - elsewhere.length };
}

async function indexOf(store: ArchiveStore, object: string) {
  try {
    return await (await ArchiveObjectReader.open(store, object)).index();
  } catch (error) {
    if (error instanceof ArchiveDamagedError) return undefined;
    throw error;
  }
}

/** What became of an orphan. */
export type MendedOrphan = { object: string; outcome: 'removed' | 'adopted' };

/**
 * Removes an orphan whose tasks are all elsewhere. One with tasks that are nowhere else gets a record again; those of its tasks that are
 * elsewhere count there, and not in it.
 */
export async function mendOrphan(
  db: Database,
  store: ArchiveStore,
  orphan: Orphan,
  action: Pick<OperatorAction, 'by' | 'reason'> = {},
): Promise<MendedOrphan> {
  const { object } = orphan;
  const act = { act: 'archive.mend', on: { kind: 'archive', id: object }, action } as const;
  if (orphan.onlyHere === 0) {
    await audited(db, act, async () => {
      await removeObject(store, object);
      return { outcome: 'removed' };
    });
    return { object, outcome: 'removed' };
  }
  const reader = await ArchiveObjectReader.open(store, object);
  const index = await reader.index();
  const ids = index.map((entry) => entry.task_id);
  await audited(db, act, async (tx) => {
    const elsewhere = (await tx.run(findElsewhere, { task_ids: ids })).map((row) => row.task_id);
    // Each has a number of its own below 0 in the place of a record that it replaces, so that it waits for no other writer.
    const [begun] = await tx.run(beginArchive, { object, replaces: `-${ids[0]}` });
    if (begun === undefined)
      throw new ArchiveDamagedError(`${object} got a record meanwhile: verify again`, { object });
    await tx.run(storeArchive, { archive_id: begun.archive_id, ...recordOf(reader.manifest, index) });
    if (elsewhere.length > 0) {
      await tx.run(recordRestores, {
        archive_id: begun.archive_id,
        task_ids: elsewhere,
        keep_seconds: 0,
        requested_by: byOf(action),
        reason: 'in the tables, or in another object, when this one got its record again',
      });
    }
    return { outcome: 'adopted' };
  });
  return { object, outcome: 'adopted' };
}
