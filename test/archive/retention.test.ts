import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { Archive } from '../../src/archive/archive.ts';
import { archiveRemover } from '../../src/archive/archive-remover.ts';
import { createClient } from '../../src/client/client.ts';
import { examine } from '../../src/db/doctor/examine.ts';
import { cancel } from '../../src/engine/cancel.ts';
import { setHold } from '../../src/engine/holds.ts';
import { retainOnce } from '../../src/engine/retain.ts';
import { submit } from '../../src/engine/submit.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from '../engine/engine-fixture.ts';
import { first } from '../support/first.ts';
import { archiveFolder, rowsOf } from './archive-fixture.ts';

const engine = await useEngine();
const { db, test } = engine;
const { path } = await archiveFolder();
const url = `file://${path}`;
const client = createClient({ url: engine.test.url, notify: false, archive: { url } });
afterAll(() => client.close());
const kept = defineWorkflow({ name: 'kept', input: z.unknown(), keep: { cancelled: '7d' } }).step('only', () => 1);
const id = await engine.workflow(kept);
beforeAll(async () => {
  await test.query(`UPDATE tasker.tasker_run_stats_progress SET counted_until = clock_timestamp() + interval '1 day'`);
});

const states: boolean[] = [];
const archived: number[] = [];
const leaseId = randomUUID();
const remover = (batch: number, at = url) =>
  archiveRemover({
    db,
    archive: new Archive({ url: at }, (failing) => states.push(failing)),
    batch,
    onArchived: ({ tasks }) => archived.push(tasks),
  });

async function retain(batch = 100): Promise<number> {
  let tasks = 0;
  for (let rounds = 0; rounds < 20; rounds += 1) {
    const round = await retainOnce(db, { leaseId, remover: remover(batch), youngSeconds: 600 });
    tasks += round.tasks;
    if (!round.more) return tasks;
  }
  throw new Error('retention does not come to an end');
}

/** Tasks that were cancelled 8 days ago. */
async function old(count: number, tags: string[] = []): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) {
    const taskId = await engine.submitOne(id, { tags });
    await cancel(db, taskId);
    ids.push(taskId);
  }
  await age(ids);
  return ids;
}

async function age(ids: readonly string[]): Promise<void> {
  for (const [table, columns] of [
    ['tasks', ['completed_at', 'requested_at']],
    ['task_transitions', ['created_at']],
    ['workflow_step_transitions', ['created_at']],
  ] as const)
    await test.query(
      `UPDATE tasker.tasker_${table} SET ${columns.map((column) => `${column} = ${column} - interval '8 days'`).join(', ')}
       WHERE task_id = ANY ($1::bigint[])`,
      [ids],
    );
  await test.query(`UPDATE tasker.tasker_retention_blocks SET next_at = now() - interval '1 s'`);
}

const alive = async (ids: readonly string[]): Promise<string[]> =>
  (
    await test.query<{ id: string }>(
      'SELECT task_id::text AS id FROM tasker.tasker_tasks WHERE task_id = ANY ($1::bigint[]) ORDER BY 1',
      [ids],
    )
  ).map((row) => row.id);

it('moves what is due to the archive, whole batches at a time, and leaves what is held', async () => {
  const ids = await old(7);
  const [held = ''] = await old(1, ['case=1']);
  await setHold(db, { tag: 'case=1' }, { reason: 'a suit', by: 'me' });
  const before = await rowsOf(test, ids);
  expect(await retain(4)).toBe(7);
  expect(archived.splice(0)).toEqual([4, 3]);
  expect(await alive([...ids, held])).toEqual([held]);
  expect(await client.archive.verify({ deep: true })).toMatchObject({
    objects: 2,
    tasks: 7,
    problems: [],
    orphans: [],
  });
  for (const taskId of ids) await client.archive.restore(taskId, { keepSeconds: 3600 });
  expect(await rowsOf(test, ids)).toEqual(before);
  expect(await examine(db)).toEqual([]);
  // Until the time that whoever restored them said.
  await test.query(`UPDATE tasker.tasker_retention_blocks SET next_at = now() - interval '1 s'`);
  expect(await retain()).toBe(0);
  await test.query(`UPDATE tasker.tasker_archive_restores SET keep_until = now() - interval '1 s'`);
  await test.query(`UPDATE tasker.tasker_retention_blocks SET next_at = now() - interval '1 s'`);
  expect(await retain()).toBe(7);
  expect((await client.archive.verify({ deep: true })).problems).toEqual([]);
});

it('archives the rest of a batch if a task of it is held in the last moment', async () => {
  const ids = await old(4);
  const round = remover(10);
  await setHold(db, { taskId: ids[2] as string }, { reason: 'a suit', by: 'me' });
  expect(await round.remove(ids)).toMatchObject({
    rows: { tasks: 3 },
    kept: [{ taskId: ids[2], reason: 'hold' }],
  });
  expect(await alive(ids)).toEqual([ids[2]]);
  expect(archived.splice(0)).toContain(3);
});

it('keeps the tasks of an identity together, and restores them together', async () => {
  const request = { namedTaskId: id, identityHash: 'again', context: '{}' };
  const generations: string[] = [];
  for (let n = 0; n < 3; n += 1) {
    const { taskId } = first(await submit(db, [{ ...request, reuse: 'afterEnd' }]));
    await cancel(db, taskId);
    generations.push(taskId);
  }
  // The middle one goes alone, to an object of its own.
  const [, middle = ''] = generations;
  const before = await rowsOf(test, generations);
  await age([middle]);
  const aged = await rowsOf(test, [middle]);
  expect(await retain()).toBe(1);
  await age(generations.filter((taskId) => taskId !== middle));
  expect(await retain()).toBe(2);
  expect(await alive(generations)).toEqual([]);
  expect(await client.archive.restore(middle)).toMatchObject({ outcome: 'restored', taskIds: [middle] });
  expect(await alive(generations)).toEqual(generations);
  expect(await rowsOf(test, [middle])).toEqual(aged);
  expect((await rowsOf(test, generations)).identity).toEqual(before['identity']);
  expect(await examine(db)).toEqual([]);
});

it('removes nothing while the store is away, says so, and goes on when it is back', async () => {
  const ids = await old(2);
  states.length = 0;
  await expect(
    retainOnce(db, { leaseId, remover: remover(10, 'file:///proc/nowhere'), youngSeconds: 600 }),
  ).rejects.toThrow(/the archive in folder \/proc\/nowhere cannot write/);
  expect(states).toEqual([true]);
  expect(await alive(ids)).toEqual(ids);
  expect(await retain()).toBe(2);
  expect(states.at(-1)).toBe(false);
  expect((await client.archive.verify()).unfinished).toEqual([]);
});
