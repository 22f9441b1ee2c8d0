import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archiveTasks } from '../../src/archive/archive-tasks.ts';
import { removeDiscarded } from '../../src/archive/discard.ts';
import { expireArchives } from '../../src/archive/expire.ts';
import { manifestName } from '../../src/archive/object/manifest.ts';
import { verifyArchive } from '../../src/archive/verify.ts';
import type { ArchiveStore } from '../../src/archive/stores/store.ts';
import { createClient } from '../../src/client/client.ts';
import type { Database } from '../../src/db/connections/database.ts';
import { examine } from '../../src/db/doctor/examine.ts';
import { endHold, setHold } from '../../src/engine/holds.ts';
import { cancel } from '../../src/engine/cancel.ts';
import { retry } from '../../src/engine/retry.ts';
import { ArchiveDamagedError, ArchiveUnavailableError, ConfigError } from '../../src/errors.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { z } from 'zod';
import { diamond, useEngine } from '../engine/engine-fixture.ts';
import { first } from '../support/first.ts';
import { archive, archiveFolder, removeAll, rowsOf } from './archive-fixture.ts';

const engine = await useEngine();
const { store, path } = await archiveFolder();
const { db } = engine;
const client = createClient({ url: engine.test.url, notify: false, archive: { url: `file://${path}` } });
const without = createClient({ url: engine.test.url, notify: false });
afterAll(() => Promise.all([client.close(), without.close()]));
let workflow: number;
beforeAll(async () => {
  workflow = await engine.workflow(diamond);
});

async function ended(tags: string[] = []): Promise<string> {
  const taskId = await engine.submitOne(workflow, { tags });
  await cancel(db, taskId);
  return taskId;
}

const files = async (): Promise<string[]> =>
  (await readdir(path, { recursive: true })).filter((name) => name.includes('.')).toSorted();

const objectOf = async (taskId: string): Promise<string> => {
  const row = await client.archive.where(taskId);
  if (row === undefined) throw new Error(`task ${taskId} is not in the archive`);
  return row.object;
};

/** Does something when a method of the store is called. */
function storeThat(during: Partial<Record<'create' | 'finish', () => Promise<void>>>): ArchiveStore {
  return {
    ...store,
    async create(name) {
      await during.create?.();
      const writer = await store.create(name);
      return {
        write: (chunk) => writer.write(chunk),
        async finish() {
          await during.finish?.();
          await writer.finish();
        },
        abort: () => writer.abort(),
      };
    },
  };
}

describe('an archive of tasks', () => {
  it.each(['create', 'finish'] as const)(
    'removes nothing if the store fails at %s, and leaves nothing there',
    async (method) => {
      const taskId = await ended();
      const before = await files();
      const failing = storeThat({
        [method]: async () => {
          throw new ArchiveUnavailableError('no space left');
        },
      });
      await expect(archive(db, failing, [taskId])).rejects.toThrow(ArchiveUnavailableError);
      expect(await engine.taskState(taskId)).toBe('cancelled');
      expect(await files()).toEqual(before);
      expect((await verifyArchive(db, store)).unfinished).toEqual([]);
    },
  );

  it('removes nothing if a task changed after it was read', async () => {
    const worker = await engine.worker();
    const [failed, other] = [await engine.submitOne(workflow), await ended()];
    await worker.fail(first(await worker.claim()), { permanent: true });
    const before = await files();
    const meanwhile = storeThat({
      finish: async () => {
        if (first(await engine.steps(failed)).state === 'error') await retry(db, failed);
      },
    });
    expect(await archive(db, meanwhile, [failed, other])).toEqual({ outcome: 'refused', taskIds: [failed] });
    expect(await engine.taskState(failed)).toBe('in_progress');
    expect(await engine.taskState(other)).toBe('cancelled');
    expect(await files()).toEqual(before);
    await cancel(db, failed);
  });

  it.each(['export_task_rows', 'export_step_rows', 'export_task_transition_rows'])(
    'removes nothing if a task changes right behind %s of its export',
    async (statement) => {
      const worker = await engine.worker();
      const [failed, other] = [await engine.submitOne(workflow), await ended()];
      await worker.fail(first(await worker.claim()), { permanent: true });
      let changed = false;
      const changing: Database = {
        ...db,
        transaction: (work) =>
          db.transaction((tx) =>
            work({
              ...tx,
              async run(given, ...parameters) {
                const rows = await tx.run(given, ...parameters);
                if (given.name === statement && !changed) {
                  changed = true;
                  await retry(db, failed);
                }
                return rows;
              },
            }),
          ),
      };
      expect(await archive(changing, store, [failed, other])).toEqual({ outcome: 'refused', taskIds: [failed] });
      expect(changed).toBe(true);
      expect(await engine.taskState(failed)).toBe('in_progress');
      await cancel(db, failed);
    },
  );

  it.each(['one', '12345678901234567890', '-1'])('of %s is refused in the words of every other verb', async (id) => {
    const wanted = new RegExp(`^task id "${id}" is no id: it has up to 18 digits$`);
    await expect(archive(engine.db, store, [id])).rejects.toThrow(wanted);
    await expect(client.getTask(id)).rejects.toThrow(wanted);
  });

  it('removes nothing that retention keeps in the last moment', async () => {
    const [one, two] = [await ended(), await ended()];
    const outcome = await archiveTasks(
      { db, store, remove: async (tx, ids) => ({ kept: ids.slice(1), ...(await removeAll(tx, ids.slice(0, 1)), {}) }) },
      [one, two],
    );
    expect(outcome).toEqual({ outcome: 'refused', taskIds: [two] });
    expect(await engine.taskState(one)).toBe('cancelled');
    expect(await archive(db, store, [one, '999999999999'])).toMatchObject({ outcome: 'archived', tasks: 1 });
    expect(await archive(db, store, [one])).toEqual({ outcome: 'nothing' });
    expect(await archive(db, store, [])).toEqual({ outcome: 'nothing' });
  });

  it('is done by one process at a time, and by another one if that died', async () => {
    const [one, two] = [await ended(), await ended()];
    let inside: unknown;
    const slow = storeThat({ finish: async () => void (inside ??= await archive(db, store, [two])) });
    expect(await archive(db, slow, [one])).toMatchObject({ outcome: 'archived' });
    expect(inside).toEqual({ outcome: 'busy' });

    // A writer that is held for dead, and lives: it may not make its object count.
    let created = 0;
    const takenOver = storeThat({
      create: async () => {
        created += 1;
        if (created !== 2) return;
        await engine.test.query(
          `UPDATE tasker.tasker_archives SET touched_at = now() - interval '1 h' WHERE state = 'writing'`,
        );
        await removeDiscarded(db, store);
      },
    });
    const before = await files();
    await expect(archive(db, takenOver, [two])).rejects.toThrow(/was taken from its writer/);
    expect(await engine.taskState(two)).toBe('cancelled');
    expect(await files()).toEqual(before);
    expect(await archive(db, store, [two])).toMatchObject({ outcome: 'archived' });
    expect(await verifyArchive(db, store, { deep: true })).toMatchObject({ problems: [], orphans: [] });
  });

  it('is not begun while the tables have a column that it does not know', async () => {
    const taskId = await ended();
    await engine.test.query('ALTER TABLE tasker.tasker_workflow_step_edges ADD COLUMN later text');
    try {
      await expect(archive(db, store, [taskId])).rejects.toThrow(ConfigError);
      await expect(archive(db, store, [taskId])).rejects.toThrow(/tasker_workflow_step_edges\.later/);
    } finally {
      await engine.test.query('ALTER TABLE tasker.tasker_workflow_step_edges DROP COLUMN later');
    }
    expect(await engine.taskState(taskId)).toBe('cancelled');
  });
});

describe('an archived task', () => {
  it('is found by its tag and by its key, and not once it was restored', async () => {
    const keyed = defineWorkflow({ name: 'keyed', input: z.unknown(), identity: 'caller_key' }).step('a', () => 1);
    const { taskId } = await client.submit(keyed, {}, { key: 'K 1', tags: ['tenant=found', 'x'] });
    await client.cancel(taskId);
    const other = await ended(['tenant=found2']);
    await archive(db, store, [taskId, other]);
    const search = async (options: Parameters<typeof client.archive.find>[0]): Promise<string[]> => {
      const found: string[] = [];
      for await (const task of client.archive.find(options)) found.push(task.task_id);
      return found;
    };
    expect(await search({ tag: 'tenant=found' })).toEqual([taskId]);
    expect(await search({ namespace: 'default', workflow: 'keyed', key: 'K 1' })).toEqual([taskId]);
    expect(await search({ namespace: 'default', workflow: 'keyed', key: 'K 2' })).toEqual([]);
    expect(await search({ tag: 'tenant=foun' })).toEqual([]);
    expect(await client.archive.restore(taskId, { by: 'me' })).toMatchObject({ outcome: 'restored' });
    expect(await search({ tag: 'tenant=found' })).toEqual([]);
    expect((await client.archive.list()).find(({ restored_tasks: restored }) => restored === 1)).toBeDefined();
    // Its copy is erased with it, though it does not count.
    expect(await client.purge({ tag: 'tenant=found' })).toMatchObject({ tasks: 1, archived: { tasks: 1, objects: 1 } });
    for (const object of await client.archive.list()) {
      for (const name of [object.object, manifestName(object.object)]) {
        expect((await readFile(join(path, name))).includes('tenant=found"')).toBe(false);
      }
    }
  });

  it('is purged by its id and by its tag; the others of its object stay byte for byte', async () => {
    const gone = await ended(['tenant=gone']);
    const stays = await ended(['tenant=stays']);
    const before = await rowsOf(engine.test, [stays]);
    await archive(db, store, [gone, stays]);
    const object = await objectOf(stays);
    expect(await client.purge({ tag: 'tenant=gone' }, { dryRun: true })).toMatchObject({
      tasks: 0,
      archived: { tasks: 1, steps: 4, objects: 1 },
    });
    expect(await objectOf(stays)).toBe(object);
    await expect(without.purge({ taskIds: [gone] })).rejects.toThrow(/TASKER_ARCHIVE_URL/);
    expect(await client.purge({ taskIds: [gone, '999999999'] })).toMatchObject({
      tasks: 0,
      missing: ['999999999'],
      archived: { tasks: 1, steps: 4, edges: 4, objects: 1 },
    });
    expect(await files()).not.toContain(object);
    expect(await client.archive.where(gone)).toBeUndefined();
    expect((await client.archive.list({ limit: 1 }))[0]).toMatchObject({ tasks: 1, erased_tasks: 1 });
    expect((await verifyArchive(db, store, { deep: true })).problems).toEqual([]);
    await client.archive.restore(stays);
    expect(await rowsOf(engine.test, [stays])).toEqual(before);
    // The last one: nothing is left to write.
    expect(await client.purge({ taskIds: [stays] })).toMatchObject({ tasks: 1, archived: { tasks: 1, objects: 1 } });
    expect((await files()).filter((name) => name.includes(`/${stays}-`))).toEqual([]);
  });

  it('stays under a legal hold, on it or on its tag, whoever purges', async () => {
    const [one, tagged, free] = [await ended(['case=1']), await ended(['case=1', 'case=2']), await ended(['case=1'])];
    await archive(db, store, [one, tagged, free]);
    const holds = [
      await setHold(db, { taskId: one }, { reason: 'a suit', by: 'me' }),
      await setHold(db, { tag: 'case=2' }, { reason: 'another', by: 'me' }),
    ];
    const purged = await client.purge({ tag: 'case=1' });
    expect(purged).toMatchObject({ archived: { tasks: 1, objects: 1 }, keptTasks: 2, missing: [] });
    expect(purged.kept).toMatchObject([
      { taskId: one, reason: 'hold', hold: { reason: 'a suit' } },
      { taskId: tagged, reason: 'hold', hold: { tag: 'case=2' } },
    ]);
    for (const hold of holds) await endHold(db, hold?.holdId ?? '');
    expect(await client.purge({ tag: 'case=1' })).toMatchObject({ archived: { tasks: 2 }, keptTasks: 0 });
    expect(await setHold(db, { taskId: one }, { reason: 'gone', by: 'me' })).toBeUndefined();
  });

  it('expires with its object', async () => {
    const taskId = await ended();
    await archive(db, store, [taskId]);
    const object = await objectOf(taskId);
    expect(await expireArchives(db, async () => store, 3600)).toEqual({ objects: 0, tasks: 0, held: 0 });
    await engine.test.query(
      `UPDATE tasker.tasker_archives SET ended_until = ended_until - interval '2 h' WHERE object = $1`,
      [object],
    );
    const hold = await setHold(db, { taskId }, { reason: 'a suit', by: 'me' });
    expect(await expireArchives(db, async () => store, 3600)).toMatchObject({ objects: 0, held: 1 });
    await endHold(db, hold?.holdId ?? '');
    expect(await expireArchives(db, async () => store, 3600)).toMatchObject({ objects: 1, tasks: 1 });
    await removeDiscarded(db, store);
    expect(await files()).not.toContain(object);
  });

  it('is missed by a verification if its object is damaged or missing, and shown as such', async () => {
    const taskId = await ended();
    await archive(db, store, [taskId]);
    const object = await objectOf(taskId);
    const whole = await readFile(join(path, object));
    const flipped = Buffer.from(whole);
    flipped[40] = (flipped[40] as number) ^ 1;
    await writeFile(join(path, object), flipped);
    expect((await verifyArchive(db, store)).problems).toEqual([]);
    expect((await verifyArchive(db, store, { deep: true })).problems).toMatchObject([{ kind: 'damaged', object }]);
    await writeFile(join(path, object), whole.subarray(0, 60));
    expect((await verifyArchive(db, store)).problems).toMatchObject([{ kind: 'damaged', object }]);
    await rm(join(path, object));
    expect((await verifyArchive(db, store)).problems).toMatchObject([{ kind: 'missing', object }]);
    await expect(client.archive.show(taskId)).rejects.toThrow(ArchiveDamagedError);
    await writeFile(join(path, object), whole);
    expect((await verifyArchive(db, store, { deep: true })).problems).toEqual([]);
  });
});

describe('a database that was restored to an earlier time', () => {
  it('has its tasks again: the object is an orphan, removed if all of them are alive, and recorded again if not', async () => {
    const [alive, lost] = [await ended(), await ended()];
    const before = await rowsOf(engine.test, [lost]);
    await archive(db, store, [alive]);
    const redundant = await objectOf(alive);
    await client.archive.restore(alive);
    await archive(db, store, [alive, lost]);
    const needed = await objectOf(lost);
    await client.archive.restore(alive);
    await engine.test.query('DELETE FROM tasker.tasker_archives WHERE object = ANY ($1)', [[redundant, needed]]);
    await engine.test.query('DELETE FROM tasker.tasker_archive_restores WHERE task_id = $1', [alive]);

    const { orphans } = await verifyArchive(db, store);
    expect(orphans).toMatchObject([
      { object: redundant, tasks: 1, onlyHere: 0 },
      { object: needed, tasks: 2, onlyHere: 1 },
    ]);
    expect((await client.archive.verify({ mend: true })).mended).toEqual([
      { object: redundant, outcome: 'removed' },
      { object: needed, outcome: 'adopted' },
    ]);
    expect(await verifyArchive(db, store, { deep: true })).toMatchObject({ problems: [], orphans: [] });
    expect(await client.archive.where(alive)).toBeUndefined();
    await client.archive.restore(lost);
    expect(await rowsOf(engine.test, [lost])).toEqual(before);
    expect(await examine(db)).toEqual([]);
  });
});
