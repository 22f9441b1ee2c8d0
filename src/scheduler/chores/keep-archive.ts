import type { Archive } from '../../archive/archive.ts';
import { removeDiscarded } from '../../archive/discard.ts';
import { expireArchives } from '../../archive/expire.ts';
import { probeStore } from '../../archive/probe.ts';
import type { Database } from '../../db/connections/database.ts';
import { archiveTotals } from '../../db/statements/archive/records.ts';
import type { Logger } from '../../logger.ts';
import type { Metrics } from '../../metrics/registry.ts';
import type { Chore } from '../chore.ts';

const INTERVAL_MS = 60_000;

export interface KeepArchiveOptions {
  db: Database;
  archive: Archive;
  metrics: Metrics;
  log: Logger;
  /** TASKER_ARCHIVE_KEEP in seconds; null: for ever. */
  keepSeconds: number | null;
}

/** Gives up objects that are old enough, removes what nothing needs from the store, tries the store, and measures the archive. */
export function keepArchive({ db, archive, metrics, log, keepSeconds }: KeepArchiveOptions): Chore {
  return {
    name: 'keep_archive',
    intervalMs: INTERVAL_MS,
    async run() {
      const expired =
        keepSeconds === null
          ? undefined
          : await archive.use((store) => expireArchives(db, async () => store, keepSeconds));
      if (expired !== undefined && expired.objects > 0) log.info(expired, 'objects of the archive expired');
      const [totals] = await db.run(archiveTotals);
      if (totals !== undefined) {
        metrics.set('archiveObjects', { state: 'stored' }, Number(totals.objects));
        metrics.set('archiveObjects', { state: 'discarded' }, Number(totals.discarded));
        metrics.set('archiveTasks', {}, Number(totals.tasks));
        metrics.set('archiveBytes', {}, Number(totals.bytes));
        if (totals.last_stored_at !== null) metrics.set('archiveStored', {}, totals.last_stored_at.getTime() / 1000);
      }
      const removed = await archive.use(async (store) => {
        await probeStore(store);
        return removeDiscarded(db, store);
      });
      return { done: removed + (expired?.objects ?? 0), more: false };
    },
  };
}
