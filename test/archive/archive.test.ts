import { beforeAll, describe, expect, it } from 'vitest';
import { STRETCH } from '../../src/db/statements/rules/directory.ts';
import { enterDirectoryOnce } from '../../src/engine/enter-directory.ts';
import { openTaskList } from '../../src/reads/task-list.ts';
import { readTaskPage } from '../../src/reads/task-page.ts';
import { showArchived } from '../../src/archive/read-tasks.ts';
import { restoreTask } from '../../src/archive/restore.ts';
import { verifyArchive } from '../../src/archive/verify.ts';
import { ARCHIVED, ARCHIVED_KINDS } from '../../src/db/statements/archive/archived-rows.ts';
import { examine } from '../../src/db/doctor/examine.ts';
import { cancel } from '../../src/engine/cancel.ts';
import { submit } from '../../src/engine/submit.ts';
import { readTask } from '../../src/reads/task.ts';
import { diamond, useEngine } from '../engine/engine-fixture.ts';
import { first } from '../support/first.ts';
import { archive, archiveFolder, rowsOf } from './archive-fixture.ts';

/** As a task in the archive is shown: nothing can be done with it or its steps as long as it is there. */
const withoutActions = (task: Awaited<ReturnType<typeof readTask>>) =>
  task && {
    ...task,
    allowed_actions: [],
    steps: task.steps.map((step) => ({ ...step, allowed_actions: [] })),
  };

const engine = await useEngine();
const { store } = await archiveFolder();
const id = await engine.workflow(diamond);
let worker: Awaited<ReturnType<typeof engine.worker>>;
beforeAll(async () => {
  worker = await engine.worker();
});

/** JSON whose numbers no JavaScript program can hold, and a null that is not SQL's. */
const CONTEXT = '{"big": 123456789012345678901234567890.10, "tiny": 1E-30, "text": "\\"{}\\n\\u00fc", "null": null}';

async function completed(options: Parameters<typeof engine.submitOne>[1] = {}, result?: string): Promise<string> {
  const taskId = await engine.submitOne(id, { context: CONTEXT, ...options });
  for (let steps = await worker.claim(); steps.length > 0; steps = await worker.claim())
    await worker.complete(steps, result === undefined ? {} : { result });
  return taskId;
}

describe('the archive', () => {
  it('knows every column of the tables', async () => {
    for (const kind of ARCHIVED_KINDS) {
      const columns = await engine.test.query<{ name: string; type: string }>(
        `SELECT attname AS name, atttypid::regtype::text AS type FROM pg_attribute
         WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`,
        [`tasker.${ARCHIVED[kind].table}`],
      );
      const types = Object.entries(ARCHIVED[kind].columns).map(([name, type]) => ({
        name,
        type: type === 'bigints' ? 'bigint[]' : type.replace('timestamptz', 'timestamp with time zone'),
      }));
      expect(
        types.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
        kind,
      ).toEqual(columns.toSorted((a, b) => (a.name < b.name ? -1 : 1)));
    }
  });

  it('takes tasks out of the tables, shows them as they were, and brings them back byte for byte', async () => {
    const plain = await completed({ tags: ['tenant=acme', 'ü'], priority: -3, initiator: 'test "x"', reason: 'a\nb' });
    const nothing = await completed({}, 'null');
    const failed = await engine.submitOne(id);
    await worker.fail(first(await worker.claim()), { permanent: true });
    const cancelled = await engine.submitOne(id);
    await cancel(engine.db, cancelled);
    const ids = [plain, nothing, failed, cancelled];
    const before = await rowsOf(engine.test, ids);
    const shown = await Promise.all(ids.map((taskId) => readTask(engine.db, taskId)));

    expect(await archive(engine.db, store, ids)).toMatchObject({ outcome: 'archived', tasks: 4 });
    expect(Object.values(await rowsOf(engine.test, ids)).flat()).toEqual([]);
    for (const [at, taskId] of ids.entries()) {
      expect((await showArchived(engine.db, store, taskId))?.task).toEqual(withoutActions(shown[at]));
    }
    expect(await verifyArchive(engine.db, store, { deep: true })).toMatchObject({
      objects: 1,
      tasks: 4,
      problems: [],
      orphans: [],
      unfinished: [],
    });
    expect(await examine(engine.db)).toEqual([]);

    for (const taskId of ids) {
      expect(await restoreTask(engine.db, store, taskId, { keepSeconds: 60 })).toMatchObject({
        outcome: 'restored',
        taskIds: [taskId],
      });
      expect(await restoreTask(engine.db, store, taskId, { keepSeconds: 60 })).toEqual({ outcome: 'alive' });
    }
    expect(await rowsOf(engine.test, ids)).toEqual(before);
    expect(await examine(engine.db)).toEqual([]);
    expect(await showArchived(engine.db, store, plain)).toBeUndefined();
    // A second time: another object has it now.
    expect(await archive(engine.db, store, [plain])).toMatchObject({ outcome: 'archived', tasks: 1 });
    expect((await showArchived(engine.db, store, plain))?.task).toEqual(withoutActions(shown[0]));
    expect((await verifyArchive(engine.db, store, { deep: true })).problems).toEqual([]);
    await restoreTask(engine.db, store, plain, { keepSeconds: 60 });
    expect(await rowsOf(engine.test, ids)).toEqual(before);
  });

  it('restores the tasks of an identity together, and refuses if a new task has it', async () => {
    const request = { namedTaskId: id, identityHash: 'again', context: '{}' };
    const { taskId: firstOne } = first(await submit(engine.db, [request]));
    await cancel(engine.db, firstOne);
    const { taskId: second } = first(await submit(engine.db, [{ ...request, reuse: 'afterEnd' }]));
    await cancel(engine.db, second);
    const before = await rowsOf(engine.test, [firstOne, second]);
    const shown = await readTask(engine.db, firstOne);
    expect(shown?.superseded_by).toBe(second);
    await archive(engine.db, store, [firstOne, second]);
    expect((await showArchived(engine.db, store, firstOne))?.task).toEqual(withoutActions(shown));

    const { taskId: taker } = first(await submit(engine.db, [request]));
    expect(await restoreTask(engine.db, store, second, { keepSeconds: 60 })).toEqual({
      outcome: 'identity_taken',
      by: taker,
    });
    await cancel(engine.db, taker);
    await archive(engine.db, store, [taker]);
    expect(await restoreTask(engine.db, store, second, { keepSeconds: 60 })).toMatchObject({
      outcome: 'restored',
      taskIds: [firstOne, second],
    });
    expect(await rowsOf(engine.test, [firstOne, second])).toEqual(before);
    expect(await examine(engine.db)).toEqual([]);
  });

  it('registers a workflow again that the database does not have any more', async () => {
    const taskId = await completed();
    const shown = await readTask(engine.db, taskId);
    await archive(engine.db, store, [taskId]);
    await engine.test.query(`UPDATE tasker.tasker_named_tasks SET version = 'other' WHERE named_task_id = $1`, [id]);
    try {
      expect(await restoreTask(engine.db, store, taskId, { keepSeconds: 60 })).toMatchObject({ outcome: 'restored' });
      const task = await readTask(engine.db, taskId);
      expect(task).toEqual(shown);
      const definitions = await engine.test.query(
        `SELECT configuration, definition_hash, sinks FROM tasker.tasker_named_tasks WHERE name = 'diamond'`,
      );
      expect(definitions).toHaveLength(2);
      expect(definitions[0]).toEqual(definitions[1]);
      expect(await examine(engine.db)).toEqual([]);
    } finally {
      await engine.test.query(`DELETE FROM tasker.tasker_named_tasks_named_steps WHERE named_task_id <> $1`, [id]);
      await engine.test.query(`UPDATE tasker.tasker_workflow_steps SET named_task_id = $1 WHERE named_task_id <> $1`, [
        id,
      ]);
      await engine.test.query(`UPDATE tasker.tasker_tasks SET named_task_id = $1 WHERE named_task_id <> $1`, [id]);
      await engine.test.query(`DELETE FROM tasker.tasker_named_tasks WHERE named_task_id <> $1`, [id]);
      await engine.test.query(`UPDATE tasker.tasker_named_tasks SET version = '0.1.0' WHERE named_task_id = $1`, [id]);
    }
  });
});

it('a restored task is found by lists of its tag and its workflow although they are read from the directory', async () => {
  const taskId = await completed({ tags: ['in-the-directory'] });
  expect(await archive(engine.db, store, [taskId])).toMatchObject({ outcome: 'archived' });
  // As if its stretch had been entered meanwhile.
  await engine.test.query(`UPDATE tasker.tasker_directory SET entered_up_to = ${STRETCH}`);
  const list = async () => {
    const opened = await openTaskList(engine.db, { tags: ['in-the-directory'] });
    const page = await readTaskPage(engine.db, opened, { below: opened.ceiling, limit: 5 });
    return page.tasks.map((task) => task.task_id);
  };
  expect(await list()).toEqual([]);
  await restoreTask(engine.db, store, taskId, { keepSeconds: 60 });
  expect(await list()).toEqual([taskId]);
  await enterDirectoryOnce(engine.db, { youngSeconds: 600 });
  expect(await engine.test.query(`SELECT stretch, trusted FROM tasker.tasker_directory_stretches`)).toEqual([
    { stretch: '0', trusted: true },
  ]);
  expect(await list()).toEqual([taskId]);
});
