import type { Database } from '../db/connections/database.ts';
import { installationOf } from '../db/installation.ts';
import { discardDeadWriters, forgetArchive, listDiscarded } from '../db/statements/archive/records.ts';
import { manifestName } from './object/manifest.ts';
import type { ArchiveStore } from './stores/store.ts';

/** A writer that did not show itself for this long is dead; it shows itself every TOUCH_MS. */
const SILENT_SECONDS = 90;
export const TOUCH_MS = 10_000;

/**
 * Removes what nothing needs from the store: objects of writers that died, objects that were replaced, that expired, and those whose tasks
 * changed while they were written. Never an object that a record counts. Returns how many.
 */
export async function removeDiscarded(db: Database, store: ArchiveStore): Promise<number> {
  await db.run(discardDeadWriters, { silent_seconds: SILENT_SECONDS });
  const discarded = await db.run(listDiscarded);
  if (discarded.length === 0) return 0;
  const { installationId } = await installationOf(db);
  for (const { archive_id: archiveId, object } of discarded) {
    // A copy of the fleet has records of the objects of the original, which are not its own.
    if (object.startsWith(`${installationId}/`)) await removeObject(store, object);
    // Last: as long as the object may be there, it is known.
    await db.run(forgetArchive, { archive_id: archiveId });
  }
  return discarded.length;
}

/** An object and its manifest. */
export async function removeObject(store: ArchiveStore, object: string): Promise<void> {
  await store.remove(object);
  await store.remove(manifestName(object));
}
