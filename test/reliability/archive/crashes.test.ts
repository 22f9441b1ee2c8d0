import { readdir } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { removeDiscarded } from '../../../src/archive/discard.ts';
import { eraseArchived } from '../../../src/archive/erase.ts';
import { showArchived } from '../../../src/archive/read-tasks.ts';
import { restoreTask } from '../../../src/archive/restore.ts';
import { verifyArchive } from '../../../src/archive/verify.ts';
import { examine } from '../../../src/db/doctor/examine.ts';
import { cancel } from '../../../src/engine/cancel.ts';
import { diamond, useEngine } from '../../engine/engine-fixture.ts';
import { archive, archiveFolder, rowsOf } from '../../archive/archive-fixture.ts';
import { Died, mortal } from '../../archive/mortal.ts';

const engine = await useEngine();
const { store, path } = await archiveFolder();
const { db } = engine;
let workflow: number;
beforeAll(async () => {
  workflow = await engine.workflow(diamond);
});

async function ended(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) {
    const taskId = await engine.submitOne(workflow, { tags: ['crash'] });
    await cancel(db, taskId);
    ids.push(taskId);
  }
  return ids;
}

/** Where a task is: in the tables, in the archive, or nowhere. */
async function placesOf(taskId: string): Promise<string[]> {
  const alive = (await engine.taskState(taskId)) !== 'missing';
  const archived = (await showArchived(db, store, taskId)) !== undefined;
  return [...(alive ? ['tables'] : []), ...(archived ? ['archive'] : [])];
}

/** Another process, after the dead one has been silent for long enough. */
async function another(): Promise<void> {
  await engine.test.query(
    `UPDATE tasker.tasker_archives SET touched_at = touched_at - interval '1 h' WHERE state = 'writing'`,
  );
  await removeDiscarded(db, store);
  expect(await verifyArchive(db, store)).toMatchObject({ problems: [], orphans: [], unfinished: [] });
}

/** Runs an action in a process that dies at its first, second, ... operation, until it no longer dies. Returns the number of operations. */
async function atEachOperation(
  moment: 'before' | 'after',
  arrange: () => Promise<string[]>,
  act: (dying: ReturnType<typeof mortal>, ids: string[]) => Promise<unknown>,
  check: (ids: string[]) => Promise<void>,
): Promise<number> {
  for (let at = 1; ; at += 1) {
    const ids = await arrange();
    const dying = mortal(db, store, at, moment);
    const died = await act(dying, ids).then(
      () => dying.died(),
      (error: unknown) => {
        if (!(error instanceof Died)) throw error;
        return true;
      },
    );
    await another();
    await check(ids);
    if (!died) return at;
  }
}

describe.each(['before', 'after'] as const)('a process that dies %s an operation', (moment) => {
  it('of an archive leaves each task in the tables or in one object', async () => {
    const operations = await atEachOperation(
      moment,
      () => ended(2),
      (dying, ids) => archive(dying.db, dying.store, ids),
      async (ids) => {
        const places = await Promise.all(ids.map(placesOf));
        expect(places[0]).toHaveLength(1);
        expect(places[1]).toEqual(places[0]);
        if (places[0]?.[0] === 'tables') await archive(db, store, ids);
        expect(await Promise.all(ids.map(placesOf))).toEqual([['archive'], ['archive']]);
      },
    );
    expect(operations).toBeGreaterThan(15);
  });

  it('of an erasure leaves the object whole, or without the task', async () => {
    const operations = await atEachOperation(
      moment,
      async () => {
        const ids = await ended(2);
        await archive(db, store, ids);
        return ids;
      },
      (dying, [gone = '']) => eraseArchived(dying.db, async () => dying.store, { taskIds: [gone] }),
      async ([gone = '', stays = '']) => {
        expect(await placesOf(stays)).toEqual(['archive']);
        await eraseArchived(db, async () => store, { taskIds: [gone] });
        expect(await placesOf(gone)).toEqual([]);
        expect(await placesOf(stays)).toEqual(['archive']);
      },
    );
    expect(operations).toBeGreaterThan(15);
  });

  it('of a restore leaves the task in the archive, or in the tables', async () => {
    const before = new Map<string, Record<string, string[]>>();
    const operations = await atEachOperation(
      moment,
      async () => {
        const ids = await ended(1);
        before.set(ids[0] as string, await rowsOf(engine.test, ids));
        await archive(db, store, ids);
        return ids;
      },
      (dying, [taskId = '']) => restoreTask(dying.db, dying.store, taskId, { keepSeconds: 60 }),
      async ([taskId = '']) => {
        expect(await placesOf(taskId)).toHaveLength(1);
        await restoreTask(db, store, taskId, { keepSeconds: 60 });
        expect(await placesOf(taskId)).toEqual(['tables']);
        expect(await rowsOf(engine.test, [taskId])).toEqual(before.get(taskId));
      },
    );
    expect(operations).toBeGreaterThan(10);
  });
});

it('a process that dies leaves nothing in the folder that is not recorded, and nothing wrong in the database', async () => {
  const left = (await readdir(path, { recursive: true })).filter(
    (name) => !/\.(ndjson\.gz|manifest\.json)$|^[^.]*$/.test(name),
  );
  expect(left).toEqual([]);
  expect(await verifyArchive(db, store, { deep: true })).toMatchObject({ problems: [] });
  expect(await examine(db)).toEqual([]);
});
