import type { Executor } from '../db/connections/database.ts';
import {
  type DuePageRow,
  readDuePage,
  readRemoved,
  readRetentionProgress,
  type RemovedRow,
} from '../db/reads/retention.ts';
import { type KeepRow, readKeeps } from '../db/statements/retention/policies.ts';
import { resolvePolicies, type WorkflowRetention } from './retention-policy.ts';

/** What of a workflow would be removed now. */
export interface DueTasks {
  namespace: string;
  workflow: string;
  state: string;
  tasks: number;
  /** Due as well, but a legal hold keeps them. */
  held: number;
  /** When the oldest of them became due. */
  oldestDueAt: Date;
}

/** How long tasks are kept, and what retention does. */
export interface RetentionReport {
  /** How long the tasks of each workflow are kept, by state, and what says so. */
  workflows: WorkflowRetention[];
  /** TASKER_KEEP of the scheduler that started last: all go by it. */
  keep: string;
  /** When that one started; null: none of this version has, so nothing is removed. */
  keepSetAt: Date | null;
  /** For how long the oldest task that may go has been due, in seconds. */
  lagSeconds: number;
  holds: number;
  /** What retention removed in the last 30 days. */
  removed: RemovedRow[];
  /** With `preview`: what would go now. */
  due?: DueTasks[];
}

const DAYS = 30;
/** Tasks that one statement of a preview reads. */
const PAGE = 10_000;

/** `preview`: reads every task, 10,000 in one statement: seconds for each million. */
export async function readRetentionReport(db: Executor, options: { preview: boolean }): Promise<RetentionReport> {
  const [progress] = await db.run(readRetentionProgress);
  const rows = await db.run(readKeeps);
  const keep = progress?.keep ?? '';
  const policies = resolvePolicies(rows, keep);
  const report: RetentionReport = {
    workflows: policies.workflows,
    keep,
    keepSetAt: progress?.keep_set_at ?? null,
    lagSeconds: progress?.late_seconds ?? 0,
    holds: progress?.holds ?? 0,
    removed: await db.run(readRemoved, { days: DAYS }),
  };
  if (!options.preview) return report;
  const due = policies.finite.length === 0 ? [] : await preview(db, rows, policies.finite);
  return { ...report, due };
}

async function preview(
  db: Executor,
  workflows: readonly KeepRow[],
  policies: Parameters<typeof readDuePage.values>[0]['policies'],
): Promise<DueTasks[]> {
  const names = new Map(workflows.map((row) => [row.named_task_id, row]));
  const found = new Map<string, DueTasks>();
  for (let below: string | null = null; ;) {
    const page: DuePageRow[] = await db.run(readDuePage, { below, size: PAGE, policies });
    for (const row of page) add(found, names, row);
    below = page[0]?.last ?? null;
    if (below === null) break;
  }
  return [...found.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, tasks]) => tasks);
}

function add(found: Map<string, DueTasks>, names: ReadonlyMap<number, KeepRow>, row: DuePageRow): void {
  if (row.named_task_id === null || row.state === null || row.oldest_due_at === null) return;
  const { namespace = '', name = '' } = names.get(row.named_task_id) ?? {};
  const key = `${namespace}/${name} ${row.state}`;
  const tasks = found.get(key) ?? {
    namespace,
    workflow: name,
    state: row.state,
    tasks: 0,
    held: 0,
    oldestDueAt: row.oldest_due_at,
  };
  tasks.tasks += row.due;
  tasks.held += row.held;
  if (row.oldest_due_at < tasks.oldestDueAt) tasks.oldestDueAt = row.oldest_due_at;
  found.set(key, tasks);
}
