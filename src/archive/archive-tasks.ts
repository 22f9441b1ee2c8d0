import type { Database, Executor } from '../db/connections/database.ts';
import { exportStepNames, exportWorkflows, rowVersions } from '../db/statements/archive/export-tasks.ts';
import { lockForRemoval } from '../engine/remove-tasks.ts';
import type { ReportReader } from '../reads/report-reader.ts';
import { checkedId } from '../workflow/checked-id.ts';
import { type ExportedTask, exportPage } from './export-page.ts';
import type { ArchivedDefinitions } from './object/index-entry.ts';
import type { ArchiveObjectWriter } from './object/object-writer.ts';
import type { ArchiveStore } from './stores/store.ts';
import { NotArchived, writeArchive } from './write-archive.ts';

/** Tasks that the export reads at once: at first, and at most. Fewer if they are large. */
const FIRST_PAGE = 20;
const MOST_IN_PAGE = 250;
/** What a page should have, in characters. */
const PAGE_CHARACTERS = 2 * 1024 * 1024;

export interface ArchiveTasksOptions {
  db: Database;
  store: ArchiveStore;
  /** Where to read the tasks; undefined: from `db`. */
  reports?: ReportReader | undefined;
  /**
   * Removes the tasks, which are locked, from the tables, in the transaction that makes the object count. Returns those that must stay: then
   * nothing is removed.
   */
  remove(tx: Executor, taskIds: readonly string[]): Promise<{ kept: readonly string[] }>;
}

export type ArchivedBatch =
  | { outcome: 'archived'; archiveId: string; object: string; tasks: number; bytes: number }
  /** Nothing was removed: these tasks changed after they were read, or must stay. */
  | { outcome: 'refused'; taskIds: string[] }
  /** Nothing was done: another process writes, or none of the tasks is there. */
  | { outcome: 'busy' | 'nothing' };

/**
 * Moves tasks from the tables into one new object of the archive. The tasks are read without locks, and removed only if each row of them is
 * still the one that was read. Throws ArchiveUnavailableError, and removes nothing, if the store does not take the object.
 */
export async function archiveTasks(options: ArchiveTasksOptions, taskIds: readonly string[]): Promise<ArchivedBatch> {
  const { db, store, remove } = options;
  if (taskIds.length === 0) return { outcome: 'nothing' };
  const wanted = sortedIds(taskIds);
  const versions = new Map<string, string>();
  const written = await writeArchive<{ refused: string[] }>(db, store, {
    taskIds: wanted,
    async write(writer, origin) {
      const read: Read = async (work) =>
        options.reports === undefined ? work(db) : (await options.reports.read(work)).value;
      const definitions = await exportAll(read, writer, wanted, versions);
      return writer.index.length === 0 ? undefined : writer.finish(origin, definitions);
    },
    async commit(tx, _, index) {
      const ids = index.map((entry) => entry.task_id);
      await lockForRemoval(tx, ids);
      // After the locks, so in a snapshot that has whatever was committed before them.
      const now = new Map((await tx.run(rowVersions, { task_ids: ids })).map((row) => [row.task_id, row.version]));
      const changed = ids.filter((id) => now.get(id) !== versions.get(id));
      if (changed.length > 0) throw new NotArchived({ refused: changed });
      const { kept } = await remove(tx, ids);
      if (kept.length > 0) throw new NotArchived({ refused: [...kept] });
      return { refused: [] };
    },
  });
  if (written === undefined) return { outcome: 'busy' };
  if (written.result === undefined) return { outcome: 'nothing' };
  if (!('manifest' in written)) return { outcome: 'refused', taskIds: written.result.refused };
  const { object, tasks, bytes } = written.manifest;
  return { outcome: 'archived', archiveId: written.archiveId, object, tasks, bytes };
}

type Read = <T>(work: (db: Database) => Promise<T>) => Promise<T>;

/** While a page is packed and stored, the next one is read: two are in memory. */
async function exportAll(
  read: Read,
  writer: ArchiveObjectWriter,
  taskIds: readonly string[],
  versions: Map<string, string>,
): Promise<ArchivedDefinitions> {
  const workflows = new Set<number>();
  const steps = new Set<number>();
  for await (const page of pages(read, taskIds)) {
    for (const { entry, lines, namedStepIds, version } of page) {
      versions.set(entry.task_id, version);
      workflows.add(entry.workflow);
      for (const id of namedStepIds) steps.add(id);
      await writer.addTask(entry, lines);
    }
  }
  return read(async (from) => ({
    workflows: await from.run(exportWorkflows, { named_task_ids: [...workflows] }),
    step_names: await from.run(exportStepNames, { named_step_ids: [...steps] }),
  }));
}

async function* pages(read: Read, taskIds: readonly string[]): AsyncGenerator<ExportedTask[]> {
  let start = 0;
  const next = (size: number): Promise<ExportedTask[]> | undefined => {
    const ids = taskIds.slice(start, (start += size));
    if (ids.length === 0) return undefined;
    const page = read((from) => exportPage(from, ids));
    // If packing fails meanwhile, nobody waits for it.
    page.catch(() => undefined);
    return page;
  };
  for (let reading = next(FIRST_PAGE); reading !== undefined;) {
    const page = await reading;
    const characters = page.reduce((sum, { lines }) => sum + lines.length, 0);
    const perTask = Math.max(1, characters / Math.max(1, page.length));
    reading = next(Math.max(1, Math.min(MOST_IN_PAGE, Math.floor(PAGE_CHARACTERS / perTask))));
    yield page;
  }
}

/** Ascending, without duplicates. */
function sortedIds(taskIds: readonly string[]): string[] {
  return [...new Set(taskIds.map((id) => checkedId(id)))]
    .map(BigInt)
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map(String);
}
