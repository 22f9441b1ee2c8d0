import type { Database } from '../db/connections/database.ts';
import { findTaggedTasks, type PurgedRows } from '../db/statements/tasks/purge-tasks.ts';
import { auditNothingPurged, purge } from '../engine/purge.ts';
import type { KeptTask } from '../engine/remove-tasks.ts';
import { InvalidInputError } from '../errors.ts';
import { preview } from '../workflow/preview.ts';
import type { ArchiveClient } from './archive-client.ts';
import { checkedText } from './checked.ts';
import { checkedId } from '../workflow/checked-id.ts';

/** Which tasks to purge: those with these ids, or all with a tag. */
export type PurgeSelection = { taskIds: readonly string[] } | { tag: string };

/** How to purge. */
export interface PurgeOptions {
  /** Who, for the audit. */
  by?: string | undefined;
  /** Why, for the audit. */
  reason?: string | undefined;
  /** Also tasks that have not ended or are in error: what runs of them is aborted. Default false. */
  open?: boolean;
  /** Remove nothing, and report the tasks that would be removed. Default false. */
  dryRun?: boolean;
}

/** What a purge removed, as numbers of rows, and what it left. */
export interface PurgeReport extends PurgedRows {
  /** Tasks that it left, the first 1,000 of them, and why. */
  kept: KeptTask[];
  /** How many it left in all. */
  keptTasks: number;
  /** Ids of the selection without a task, the first 1,000 of them. */
  missing: string[];
  /** What it removed from the archive. */
  archived: PurgedRows & {
    /** Objects that were written anew without the tasks, or removed with all of them. */
    objects: number;
  };
}

/** Tasks in one transaction: their locks are held for milliseconds. */
const BATCH = 100;
/** Tasks that one statement of a search for a tag reads. */
const PAGE = 10_000;
/** Ids that a report names. */
const NAMED = 1000;

/**
 * Purges what is selected, in batches, the newest tasks first: an identity's later tasks go before its first one, which cannot go while
 * one of them remains. Each batch is a transaction of its own, so an interrupted purge has removed whole tasks, and the same call goes on.
 */
export async function purgeSelected(
  db: Database,
  archive: ArchiveClient,
  selection: PurgeSelection,
  options: PurgeOptions,
): Promise<PurgeReport> {
  const report: PurgeReport = {
    tasks: 0,
    steps: 0,
    edges: 0,
    transitions: 0,
    kept: [],
    keptTasks: 0,
    missing: [],
    archived: { tasks: 0, steps: 0, edges: 0, transitions: 0, objects: 0 },
  };
  const purgeAll = async (taskIds: readonly string[], named: boolean): Promise<void> => {
    for (let start = 0; start < taskIds.length; start += BATCH) {
      const outcome = await purge(db, taskIds.slice(start, start + BATCH), options);
      for (const rows of ['tasks', 'steps', 'edges', 'transitions'] as const) report[rows] += outcome.purged[rows];
      report.keptTasks += outcome.kept.length;
      report.kept.push(...outcome.kept.slice(0, NAMED - report.kept.length));
      if (named) report.missing.push(...outcome.missing.slice(0, NAMED - report.missing.length));
    }
  };
  const checked = checkedSelection(selection);
  if ('taskIds' in checked) await purgeAll(checked.taskIds, true);
  else for await (const taskIds of taggedTasks(db, checked.tag)) await purgeAll(taskIds, false);
  // After the tables: what retention moves to the archive meanwhile is there by now.
  const keptBefore = report.keptTasks;
  await purgeArchived(db, archive, checked, options, report);
  const isNothing = keptBefore === 0 && report.tasks === 0 && report.archived.tasks === 0;
  if (isNothing && options.dryRun !== true) await auditNothingPurged(db, checked, report.kept, options);
  return report;
}

async function purgeArchived(
  db: Database,
  archive: ArchiveClient,
  selection: PurgeSelection,
  { by, reason, dryRun }: PurgeOptions,
  report: PurgeReport,
): Promise<void> {
  const { eraseArchived } = await import('../archive/erase.ts');
  const { taskIds, kept, ...archived } = await eraseArchived(db, () => archive.store(), selection, {
    by,
    reason,
    dryRun,
  });
  report.archived = archived;
  // Of a task that was restored both the row and the copy may be kept.
  const known = new Set(report.kept.map(({ taskId }) => taskId));
  const more = kept.filter(({ taskId }) => !known.has(taskId));
  report.keptTasks += more.length;
  report.kept.push(...more.slice(0, NAMED - report.kept.length));
  const there = new Set([...taskIds, ...kept.map(({ taskId }) => taskId)]);
  report.missing = report.missing.filter((taskId) => !there.has(taskId));
}

/** The tasks with a tag, the newest first, a page at a time. Those that are submitted meanwhile are not among them. */
async function* taggedTasks(db: Database, tag: string): AsyncGenerator<string[]> {
  for (let below: string | null = null; ;) {
    const [page]: { found: string[]; last: string | null }[] = await db.run(findTaggedTasks, {
      tag,
      below,
      size: PAGE,
    });
    if (page === undefined || page.last === null) return;
    yield page.found;
    below = page.last;
  }
}

function checkedSelection(selection: PurgeSelection): PurgeSelection {
  const { taskIds, tag } = selection as { taskIds?: unknown; tag?: unknown };
  if ((taskIds === undefined) === (tag === undefined)) {
    throw new InvalidInputError('a purge needs either taskIds or a tag: give one of the two', { field: 'taskIds' });
  }
  if (taskIds === undefined) {
    if (typeof tag !== 'string' || tag === '') {
      throw new InvalidInputError(`tag is ${preview(tag)}: use a tag as submits give it, such as 'tenant=acme'`, {
        field: 'tag',
      });
    }
    return { tag: checkedText('tag', tag) as string };
  }
  if (!Array.isArray(taskIds)) {
    throw new InvalidInputError(`taskIds is ${preview(taskIds)}: use an array of task ids`, { field: 'taskIds' });
  }
  const ids = [...new Set((taskIds as string[]).map((id) => checkedId(id)).map((id) => BigInt(id)))];
  return { taskIds: ids.toSorted((a, b) => (a < b ? 1 : -1)).map(String) };
}
