import type { Database, Executor } from '../db/connections/database.ts';
import { sqlState } from '../db/connections/sql-errors.ts';
import { ARCHIVED_COLUMNS } from '../db/statements/archive/archived-rows.ts';
import { findRestored, lockArchive } from '../db/statements/archive/records.ts';
import {
  findGenerations,
  findStepIds,
  giveIdsAbove,
  recordRestores,
  restoreRows,
} from '../db/statements/archive/restore-tasks.ts';
import { findTaken } from '../db/statements/imports/write-tasks.ts';
import { distrustStretches } from '../db/statements/directory/enter-stretch.ts';
import { visitTasks } from '../db/statements/retention/blocks.ts';
import {
  findNamedTask,
  insertNamedSteps,
  lockRegistry,
  upsertNamedTask,
  upsertStepTemplates,
} from '../db/statements/workflows/register-workflow.ts';
import { audited } from '../engine/audit.ts';
import type { OperatorAction } from '../engine/operator-action.ts';
import { ArchiveDamagedError } from '../errors.ts';
import type { ArchivedDefinitions, ArchivedWorkflow, IndexEntry } from './object/index-entry.ts';
import { findTasks } from './find-tasks.ts';
import { findArchived, type FoundTask } from './read-tasks.ts';
import type { ArchiveStore } from './stores/store.ts';

const UNIQUE_VIOLATION = '23505';

export interface RestoreOptions extends OperatorAction {
  /** For how long retention leaves it. */
  keepSeconds: number;
}

/** A purge has written the object anew meanwhile. */
class Replaced extends Error {}

/** What became of a restore. */
export type RestoreOutcome =
  /** `taskIds`: the task, and all others of its identity that the object has. */
  | { outcome: 'restored'; taskIds: string[]; archiveId: string; keepUntil: Date }
  /** It is in the tables: it was restored before, or never archived. */
  | { outcome: 'alive' }
  | { outcome: 'not_found' }
  /** The task `by` has its identity now. Nothing was restored. */
  | { outcome: 'identity_taken'; by: string }
  /** It is a later task of an identity whose first task was purged. Nothing was restored. */
  | { outcome: 'identity_incomplete' }
  /** Another task has the id `by`: the database was restored to an earlier time, and gave the id out again. Nothing was restored. */
  | { outcome: 'id_taken'; by: string };

/**
 * Brings a task back into the tables as it was, with its ids, its history and its times, and with it the other tasks of its identity. One
 * transaction; after it, the object's copy does not count any more. A second call finds the task alive.
 */
export async function restoreTask(
  db: Database,
  store: ArchiveStore,
  taskId: string,
  options: RestoreOptions,
): Promise<RestoreOutcome> {
  const found = await findArchived(db, store, taskId);
  if (found === undefined) {
    const [alive] = await db.run(findTaken, { task_ids: [taskId], identity_hashes: [] });
    return { outcome: alive === undefined ? 'not_found' : 'alive' };
  }
  checkColumns(found);
  const first = await restoreFirst(db, store, found, options);
  if (first !== undefined) return first;
  const lines = await found.reader.tasks(found.generations);
  const definitions = await found.reader.definitions();
  try {
    const act = { act: 'task.restore', on: { kind: 'task', id: taskId }, action: options } as const;
    return await audited(db, act, async (tx) => {
      const [record] = await tx.run(lockArchive, { archive_id: found.record.archive_id });
      if (record === undefined) throw new Replaced();
      return restoreLocked(tx, found, { lines, definitions, taskId, ...options });
    });
  } catch (error) {
    // A submit of the identity committed at the same moment: the next try finds its task.
    if (!(error instanceof Replaced) && sqlState(error) !== UNIQUE_VIOLATION) throw error;
  }
  return restoreTask(db, store, taskId, options);
}

/**
 * A later task of an identity needs the first one in the tables. If another object has that one, it is restored before. Returns why that
 * cannot be.
 */
async function restoreFirst(
  db: Database,
  store: ArchiveStore,
  { entry, generations }: FoundTask,
  options: RestoreOptions,
): Promise<RestoreOutcome | undefined> {
  if ((entry.generation ?? 1) === 1 || generations.some(({ generation }) => generation === 1)) return undefined;
  const [holder] = await db.run(findTaken, { task_ids: [], identity_hashes: [entry.identity] });
  // Whether that is the first task, or one that was submitted meanwhile, is decided under locks.
  if (holder !== undefined) return undefined;
  for await (const { task_id: taskId, generation } of findTasks(db, store, { identity: entry.identity })) {
    if (generation !== 1) continue;
    const outcome = await restoreTask(db, store, taskId, options);
    return outcome.outcome === 'restored' || outcome.outcome === 'alive' ? undefined : outcome;
  }
  return { outcome: 'identity_incomplete' };
}

interface Restoring extends RestoreOptions {
  taskId: string;
  lines: ReadonlyMap<string, string[]>;
  definitions: ArchivedDefinitions;
}

async function restoreLocked(tx: Executor, found: FoundTask, restoring: Restoring): Promise<RestoreOutcome> {
  const { lines, definitions, taskId, keepSeconds, by = null, reason = null } = restoring;
  const archiveId = found.record.archive_id;
  const restored = new Set((await tx.run(findRestored, { archive_id: archiveId })).map((row) => row.task_id));
  if (restored.has(taskId)) return { outcome: 'alive' };
  const entries = found.generations.filter((entry) => !restored.has(entry.task_id));
  const refusal = await refusalOf(tx, entries, lines);
  if (refusal !== undefined) return refusal;
  const ids = entries.map((entry) => entry.task_id).toSorted((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
  const used = new Set(entries.map((entry) => entry.workflow));
  const ofTasks = definitions.workflows.filter((workflow) => used.has(workflow.named_task_id));
  await tx.run(restoreRows, {
    lines: entries.flatMap((entry) => lines.get(entry.task_id) ?? []),
    workflows: await presentWorkflows(tx, ofTasks),
    steps: await presentSteps(tx, definitions.step_names),
  });
  await tx.run(giveIdsAbove, { task_id: ids.at(-1) as string });
  await tx.run(visitTasks, { task_ids: ids });
  await tx.run(distrustStretches, { task_ids: ids });
  const [record] = await tx.run(recordRestores, {
    archive_id: archiveId,
    task_ids: ids,
    keep_seconds: keepSeconds,
    requested_by: by,
    reason,
  });
  return { outcome: 'restored', taskIds: ids, archiveId, keepUntil: (record as { keep_until: Date }).keep_until };
}

/** Why the tasks cannot be in the tables beside what is there. */
async function refusalOf(
  tx: Executor,
  entries: readonly IndexEntry[],
  lines: ReadonlyMap<string, string[]>,
): Promise<RestoreOutcome | undefined> {
  const hashes = new Map(entries.map(({ task_id: id }) => [id, hashOf(lines.get(id) ?? [])]));
  const identity = (entries[0] as IndexEntry).identity;
  const there = await tx.run(findGenerations, { identity_hash: identity });
  for (const { generation, task_id: by } of there) {
    if (entries.some((entry) => entry.generation === generation)) return { outcome: 'identity_taken', by };
  }
  const isFirst = (taskId: string): boolean =>
    there.some(({ generation, task_id: id }) => generation === 1 && id === taskId);
  const taken = await tx.run(findTaken, {
    task_ids: [...hashes.keys()],
    identity_hashes: [...hashes.values(), identity],
  });
  for (const { task_id: by, identity_hash: hash } of taken) {
    const own = hashes.get(by);
    if (own === hash) return { outcome: 'alive' };
    if (own !== undefined) return { outcome: 'id_taken', by };
    // The first task of the identity is there, and these are later ones of it.
    if (!isFirst(by)) return { outcome: 'identity_taken', by };
  }
  return undefined;
}

function hashOf(lines: readonly string[]): string {
  const task = lines.map((line) => JSON.parse(line) as Record<string, string>).find(({ row }) => row === 'task');
  return task?.['identity_hash'] ?? '';
}

/** The ids that the workflow versions have now. Those that are gone are registered again, as the object has them. */
async function presentWorkflows(tx: Executor, workflows: readonly ArchivedWorkflow[]) {
  const present: { archived: number; present: number }[] = [];
  for (const workflow of workflows) {
    const { namespace, name, version } = workflow;
    const [known] = await tx.run(findNamedTask, { namespace, name, version });
    const id = known?.named_task_id ?? (await registerAgain(tx, workflow));
    present.push({ archived: workflow.named_task_id, present: id });
  }
  return present;
}

async function registerAgain(tx: Executor, workflow: ArchivedWorkflow): Promise<number> {
  await tx.run(lockRegistry);
  const [row] = await tx.run(upsertNamedTask, {
    ...workflow,
    definition_hash: workflow.definition_hash ?? '',
    input_schema: workflow.input_schema,
  });
  const { named_task_id: id } = row as { named_task_id: number };
  const steps = JSON.parse(workflow.steps) as { name: string }[];
  await tx.run(insertNamedSteps, { names: steps.map(({ name }) => name) });
  await tx.run(upsertStepTemplates, { named_task_id: id, steps: workflow.steps });
  return id;
}

async function presentSteps(tx: Executor, names: ArchivedDefinitions['step_names']) {
  await tx.run(insertNamedSteps, { names: names.map(({ name }) => name) });
  const rows = await tx.run(findStepIds, { names: names.map(({ name }) => name) });
  const idOf = new Map(rows.map((row) => [row.name, row.named_step_id]));
  return names.map((step) => ({ archived: step.named_step_id, present: idOf.get(step.name) as number }));
}

/** What a later version wrote, and this one would lose. */
function checkColumns({ reader, record }: FoundTask): void {
  const unknown = Object.entries(reader.manifest.columns).flatMap(([kind, columns]) =>
    columns.filter((column) => ARCHIVED_COLUMNS[kind]?.includes(column) !== true).map((column) => `${kind}.${column}`),
  );
  if (unknown.length > 0) {
    throw new ArchiveDamagedError(
      `${record.object} has columns that this version does not know (${unknown.join(', ')}): restore with the version that wrote it, or a newer one`,
      { object: record.object, columns: unknown },
    );
  }
}
