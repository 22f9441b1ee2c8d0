import { randomUUID } from 'node:crypto';
import { Archive } from '../../../src/archive/archive.ts';
import { archiveRemover } from '../../../src/archive/archive-remover.ts';
import type { ArchiveSettings } from '../../../src/archive/stores/open-store.ts';
import type { Database } from '../../../src/db/connections/database.ts';
import { announceKeep } from '../../../src/db/statements/retention/policies.ts';
import { countRunsOnce } from '../../../src/engine/count-runs.ts';
import { retainOnce, type TaskRemover } from '../../../src/engine/retain.ts';
import { extendHistoryAhead } from '../../../src/scheduler/chores/extend-history.ts';
import { mergeOldHistory } from '../../../src/scheduler/chores/merge-history.ts';

/** As TASKER_ARCHIVE_BATCH is by default. */
const BATCH = 4000;

/** What a scheduler does with old tasks, one chore after the other and without their pauses. */
export class Retention {
  /** Tasks so far. */
  archived = 0;
  private readonly db: Database;
  private readonly remover: TaskRemover;
  private readonly leaseId = randomUUID();

  constructor(db: Database, url: string) {
    this.db = db;
    const settings = { url } as ArchiveSettings;
    this.remover = archiveRemover({
      db,
      archive: new Archive(settings, () => undefined),
      batch: BATCH,
      onArchived: ({ tasks }) => (this.archived += tasks),
    });
  }

  /** Nothing is removed before the run statistics have counted up to its end: they begin now, behind everything. */
  async begin(): Promise<void> {
    const options = {
      sliceSeconds: 60,
      settleSeconds: 0,
      youngSeconds: 0,
      limit: 1000,
      hoursKeptDays: 100,
      daysKeptDays: 1100,
    };
    for (let rounds = 0; rounds < 3; rounds += 1) await countRunsOnce(this.db, options);
  }

  /** `keep`: of ended tasks. */
  async removeUntilIdle(keep: string): Promise<void> {
    await this.db.run(announceKeep, { keep: `complete=${keep}` });
    for (;;) {
      const { more } = await retainOnce(this.db, { leaseId: this.leaseId, remover: this.remover, youngSeconds: 0 });
      if (!more) break;
    }
    await extendHistoryAhead({ db: this.db, onMissing: (error) => Promise.reject(error) }).run();
    const merge = mergeOldHistory({ db: this.db });
    while ((await merge.run()).more) continue;
  }
}
