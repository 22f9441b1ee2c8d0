import { pathToFileURL } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { removeDiscarded } from '../../../src/archive/discard.ts';
import { restoreTask } from '../../../src/archive/restore.ts';
import { verifyArchive } from '../../../src/archive/verify.ts';
import { examine } from '../../../src/db/doctor/examine.ts';
import { hasTask } from '../../../src/db/statements/archive/records.ts';
import { setHold } from '../../../src/engine/holds.ts';
import { archiveFolder } from '../../archive/archive-fixture.ts';
import { diamond, useEngine } from '../../engine/engine-fixture.ts';
import { loadTasks } from '../../support/load-tasks.ts';
import { type TestProcess, useProcesses } from '../../support/processes.ts';
import { waitFor } from '../../support/wait-for.ts';

const engine = await useEngine();
const { query } = engine.test;
const { store, path } = await archiveFolder();
const processes = useProcesses();

const TASKS = 2000;
const KILLS = process.env['TASKER_TEST_LONG'] === '1' ? 40 : 4;

const scheduler = (): TestProcess =>
  processes.start('src/cli/main.ts', {
    args: ['scheduler'],
    env: {
      DATABASE_URL: engine.test.url,
      TASKER_METRICS_PORT: '0',
      TASKER_KEEP: 'complete=1h',
      TASKER_ARCHIVE_URL: pathToFileURL(path).href,
      TASKER_ARCHIVE_BATCH: '400',
    },
  });

const count = async (what: string, values: unknown[] = []): Promise<number> =>
  (await query<{ n: number }>(`SELECT count(*)::integer AS n FROM ${what}`, values))[0]?.n ?? -1;
const alive = (): Promise<number> => count('tasker.tasker_tasks');
const stored = (): Promise<number> => count(`tasker.tasker_archives WHERE state = 'stored'`);

/** What a dead scheduler holds is given up after minutes; here at once. */
async function forgetTheDead(): Promise<void> {
  await query(`UPDATE tasker.tasker_retention SET leased_by = NULL, leased_until = NULL, next_settled_at = NULL`);
  await query(`UPDATE tasker.tasker_retention_blocks SET next_at = clock_timestamp() - interval '1 day'`);
  await query(`UPDATE tasker.tasker_archives SET touched_at = touched_at - interval '1 h' WHERE state = 'writing'`);
  await removeDiscarded(engine.db, store);
}

it(`${KILLS} schedulers are killed while they archive: each task is in the tables or in one object, and what is held or restored stays`, async () => {
  const workflow = await engine.workflow(diamond);
  await loadTasks(engine.test.pool, { namedTaskId: workflow, tasks: TASKS, progress: [-1] });
  // As if they had been counted; younger tasks are not removed yet.
  await query(
    `UPDATE tasker.tasker_run_stats_progress SET counted_until = clock_timestamp() + interval '1 h', counted_from = clock_timestamp() + interval '1 day'`,
  );
  const [newest] = await query<{ id: string }>('SELECT max(task_id)::text AS id FROM tasker.tasker_tasks');
  const held = [newest?.id as string];
  await setHold(engine.db, { taskId: held[0] as string }, { reason: 'case 7', by: 'test' });
  let restored: string | undefined;

  for (let kill = 0; kill < KILLS; kill += 1) {
    const victim = scheduler();
    const before = await stored();
    // In the middle of its first export, or soon after it: in the transaction that removes the tasks, or in the next export.
    await waitFor(
      async () =>
        kill % 2 === 0
          ? (await count(`tasker.tasker_archives WHERE state = 'writing'`)) > 0
          : (await stored()) > before,
      { what: 'an object to be written', timeoutMs: 60_000, intervalMs: 2 },
    );
    await sleep(kill * 15);
    await victim.kill('SIGKILL');
    // Whichever comes first, the end of the task or the hold: one that was set keeps it.
    const [candidate] = await query<{ id: string }>(
      'SELECT min(task_id)::text AS id FROM tasker.tasker_tasks WHERE task_id <> ALL ($1::bigint[])',
      [[...held, restored ?? '0']],
    );
    const hold = await setHold(engine.db, { taskId: candidate?.id ?? '' }, { reason: 'case 8', by: 'test' });
    if (hold !== undefined) held.push(candidate?.id as string);
    if (restored === undefined && (await stored()) > 0) {
      const [object] = await query<{ id: string }>(
        `SELECT min(lowest_task_id)::text AS id FROM tasker.tasker_archives WHERE state = 'stored'`,
      );
      restored = object?.id as string;
      await restoreTask(engine.db, store, restored, { keepSeconds: 3600 });
    }
    await forgetTheDead();
  }

  const last = scheduler();
  const stay = [...held, restored as string];
  await waitFor(async () => (await alive()) === stay.length, {
    what: 'everything but what stays to be archived',
    timeoutMs: 60_000,
  });
  expect(await last.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  expect(restored).toBeDefined();
  expect(await count('tasker.tasker_tasks WHERE task_id = ANY ($1::bigint[])', [stay])).toBe(stay.length);
  // Each of the others is in one object, and none of these is in any that counts.
  const [places] = await query<{ once: number; otherwise: number }>(
    `SELECT count(*) FILTER (WHERE objects = 1)::integer AS once, count(*) FILTER (WHERE objects <> 1)::integer AS otherwise
     FROM generate_series(1::bigint, $1::bigint) AS t (id)
     CROSS JOIN LATERAL (
       SELECT count(*) AS objects FROM tasker.tasker_archives a
       WHERE ${hasTask('t.id')}
         AND NOT EXISTS (SELECT FROM tasker.tasker_archive_restores r WHERE r.archive_id = a.archive_id AND r.task_id = t.id)) o`,
    [TASKS],
  );
  expect(places).toEqual({ once: TASKS - stay.length, otherwise: stay.length });
  expect(await verifyArchive(engine.db, store, { deep: true })).toMatchObject({ problems: [], orphans: [] });
  expect(await examine(engine.db)).toEqual([]);
});
