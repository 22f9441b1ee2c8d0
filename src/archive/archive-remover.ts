import type { Database } from '../db/connections/database.ts';
import type { KeptTask, Removed } from '../engine/remove-tasks.ts';
import { NOTHING, removeTasks } from '../engine/remove-tasks.ts';
import type { TaskRemover } from '../engine/retain.ts';
import type { ReportReader } from '../reads/report-reader.ts';
import type { Archive } from './archive.ts';
import { type ArchivedBatch, archiveTasks } from './archive-tasks.ts';

export interface ArchiveRemoverOptions {
  db: Database;
  archive: Archive;
  /** The most tasks of one object. */
  batch: number;
  /** Where tasks are read; undefined: from `db`. */
  reports?: ReportReader | undefined;
  onArchived(batch: { tasks: number; bytes: number; seconds: number; object: string }): void;
}

/** Objects that are written without those tasks of a batch that may not go after all, before the batch is left for a later round. */
const MOST_TRIES = 3;

/**
 * Removes what retention has chosen by moving it to the archive. If the archive fails, nothing is removed: the round of retention
 * fails with the archive's error, and begins anew later.
 */
export function archiveRemover({ db, archive, batch, reports, onArchived }: ArchiveRemoverOptions): TaskRemover {
  // What is read from a replica may be too old for what was chosen on the primary: the second try reads there.
  const from = (tries: number): ReportReader | undefined => (tries === 0 ? reports : undefined);
  return {
    batch,
    async remove(taskIds) {
      const kept = new Map<string, KeptTask>();
      let ids = [...taskIds];
      for (let tries = 0; tries < MOST_TRIES && ids.length > 0; tries += 1) {
        const started = performance.now();
        let removed: Removed | undefined;
        const outcome: ArchivedBatch = await archive.use((store) =>
          archiveTasks(
            {
              db,
              store,
              reports: from(tries),
              async remove(tx, going) {
                removed = await removeTasks(tx, going);
                return { kept: removed.kept.map(({ taskId }) => taskId) };
              },
            },
            ids,
          ),
        );
        const seconds = (performance.now() - started) / 1000;
        if (outcome.outcome === 'archived') {
          onArchived({ ...outcome, seconds });
          return withKept(removed as Removed, taskIds, ids, kept);
        }
        if (outcome.outcome !== 'refused') break;
        const reasons = new Map((removed as Removed | undefined)?.kept.map((task) => [task.taskId, task]));
        // Without a reason they only changed after they were read: the next try reads them anew, and decides by what they are now.
        for (const taskId of outcome.taskIds) {
          const reason = reasons.get(taskId);
          if (reason !== undefined) kept.set(taskId, reason);
        }
        ids = ids.filter((taskId) => !kept.has(taskId));
      }
      return withKept({ rows: NOTHING, byWorkflow: [], kept: [] }, taskIds, [], kept);
    },
  };
}

/** Every id of the batch that did not go, with its reason. */
function withKept(
  removed: Removed,
  all: readonly string[],
  went: readonly string[],
  kept: ReadonlyMap<string, KeptTask>,
): Removed {
  const gone = new Set(went);
  const stays = all.filter((taskId) => !gone.has(taskId));
  return { ...removed, kept: stays.map((taskId) => kept.get(taskId) ?? { taskId, reason: 'changed' }) };
}
