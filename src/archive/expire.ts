import type { Database } from '../db/connections/database.ts';
import { discardArchive, findExpiredArchives } from '../db/statements/archive/records.ts';
import { listHolds } from '../db/statements/retention/holds.ts';
import { heldEntriesLocked } from './held.ts';
import { ArchiveObjectReader } from './object/object-reader.ts';
import type { ArchiveStore } from './stores/store.ts';

/**
 * Gives up the objects all of whose tasks ended before that time, but for those with a task that a legal hold keeps. They are removed with
 * the other discarded ones.
 */
export async function expireArchives(
  db: Database,
  store: () => Promise<ArchiveStore>,
  keepSeconds: number,
): Promise<{ objects: number; tasks: number; held: number }> {
  const expired = { objects: 0, tasks: 0, held: 0 };
  for (const record of await db.run(findExpiredArchives, { keep_seconds: keepSeconds })) {
    const { archive_id: archiveId, object, tasks } = record;
    // Without any hold, which is the rule, nothing of the object is read.
    const holds = await db.run(listHolds, { below: null, limit: 1 });
    const index = holds.length === 0 ? [] : await (await ArchiveObjectReader.open(await store(), object)).index();
    const outcome = await db.transaction(async (tx) => {
      const held = await heldEntriesLocked(tx, index);
      if (held.length > 0) return 'held';
      // A hold was set meanwhile.
      if (index.length === 0 && (await tx.run(listHolds, { below: null, limit: 1 })).length > 0) return 'later';
      return (await tx.run(discardArchive, { archive_id: archiveId, state: 'stored' })).length > 0 ? 'gone' : 'later';
    });
    if (outcome === 'held') expired.held += 1;
    if (outcome !== 'gone') continue;
    expired.objects += 1;
    expired.tasks += tasks;
  }
  return expired;
}
