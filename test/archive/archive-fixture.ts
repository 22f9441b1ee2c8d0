import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { type ArchivedBatch, archiveTasks } from '../../src/archive/archive-tasks.ts';
import { folderStore } from '../../src/archive/stores/folder-store.ts';
import type { ArchiveStore } from '../../src/archive/stores/store.ts';
import type { Database, Executor } from '../../src/db/connections/database.ts';
import { ARCHIVED, ARCHIVED_KINDS } from '../../src/db/statements/archive/archived-rows.ts';
import { purgeTasks } from '../../src/db/statements/tasks/purge-tasks.ts';
import type { TestDatabase } from '../support/test-database.ts';

/** A folder that is removed after the tests of the file. */
export async function archiveFolder(): Promise<{ path: string; store: ArchiveStore }> {
  const path = await mkdtemp(join(tmpdir(), 'tasker-archive-'));
  afterAll(() => rm(path, { recursive: true, force: true }));
  return { path, store: folderStore(path) };
}

export const removeAll = async (tx: Executor, taskIds: readonly string[]): Promise<{ kept: string[] }> => {
  await tx.run(purgeTasks, { task_ids: taskIds });
  return { kept: [] };
};

export const archive = (db: Database, store: ArchiveStore, taskIds: readonly string[]): Promise<ArchivedBatch> =>
  archiveTasks({ db, store, remove: removeAll }, taskIds);

/** Every row of these tasks in each table of the archive, as text: JSON and times exactly as PostgreSQL prints them. */
export async function rowsOf(test: TestDatabase, taskIds: readonly string[]): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const kind of ARCHIVED_KINDS) {
    const rows = await test.query<{ row: string }>(
      `SELECT r::text AS row FROM tasker.${ARCHIVED[kind].table} r WHERE task_id = ANY ($1::bigint[]) ORDER BY 1`,
      [taskIds],
    );
    found[kind] = rows.map(({ row }) => row);
  }
  return found;
}
