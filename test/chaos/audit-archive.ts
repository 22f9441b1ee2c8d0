import { verifyArchive } from '../../src/archive/verify.ts';
import { folderStore } from '../../src/archive/stores/folder-store.ts';
import type { Database } from '../../src/db/connections/database.ts';
import type { Violation } from './audit.ts';
import { rows } from './rows.ts';

/**
 * Checks that each task which retention removed is in exactly one object of the archive that counts, whole; that every object is what its
 * record says; and that the store has no object of which no row knows. `gone`: tasks that were acknowledged and are not in the tables.
 */
export async function archiveViolations(
  db: Database,
  folder: string,
  { gone, removed }: { gone: readonly string[]; removed: number },
): Promise<Violation[]> {
  const report = await verifyArchive(db, folderStore(folder), { deep: true });
  const copies = await rows<{ task: string; copies: number }>(
    db,
    `SELECT i.task_id AS task, (
       SELECT count(*)::integer FROM tasker.tasker_archives a
       WHERE a.state = 'stored' AND a.lowest_task_id <= i.task_id AND a.highest_task_id >= i.task_id
         AND CASE WHEN a.member_ids IS NOT NULL THEN i.task_id = ANY (a.member_ids)
           WHEN a.lowest_task_id <= i.task_id AND a.highest_task_id >= i.task_id
             THEN get_bit(a.members, (i.task_id - a.lowest_task_id)::integer) = 1 END) AS copies
     FROM unnest($1::bigint[]) AS i (task_id)`,
    [gone],
  );
  return [
    ...report.problems.map(({ object, problem }) => ({ kind: 'archive', detail: `${object}: ${problem}` })),
    ...report.orphans.map(({ object, tasks }) => ({
      kind: 'archive',
      detail: `${object} with ${tasks ?? 'unknown'} tasks has no record`,
    })),
    ...copies
      .filter((task) => task.copies !== 1)
      .map(({ task, copies: found }) => ({ kind: 'archive', detail: `task ${task} is gone, and in ${found} objects` })),
    ...(report.tasks === removed
      ? []
      : [{ kind: 'archive', detail: `${removed} tasks were removed, and ${report.tasks} are in the archive` }]),
  ];
}
