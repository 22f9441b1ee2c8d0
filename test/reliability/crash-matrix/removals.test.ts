import { randomUUID } from 'node:crypto';
import { afterAll, expect, it } from 'vitest';
import { examine } from '../../../src/db/doctor/examine.ts';
import { announceKeep } from '../../../src/db/statements/retention/policies.ts';
import { cancel } from '../../../src/engine/cancel.ts';
import { endHold, readHolds, setHold } from '../../../src/engine/holds.ts';
import { removeOnly, retainOnce } from '../../../src/engine/retain.ts';
import type { Database } from '../../../src/db/connections/database.ts';
import { diamond, useEngine } from '../../engine/engine-fixture.ts';
import type { CutMoment } from '../../support/tcp-proxy.ts';
import { matches, useCutDatabase } from './cut-database.ts';

/** Connections that break while retention chooses, removes and reschedules, and while holds are set. Another scheduler goes on. */
const long = process.env['TASKER_TEST_LONG'] === '1';
const engine = await useEngine();
const id = await engine.workflow(diamond);
const cut = useCutDatabase(engine.test.url);
const figures = { cells: 0, cuts: 0, removedBefore: 0, removedAfter: 0 };
afterAll(() => console.log(`crash matrix, connections of removals cut: ${JSON.stringify(figures)}`));

const MOMENTS: readonly CutMoment[] = ['before', 'executed', 'committed', 'silent_before', 'silent_committed'];
const STATEMENTS = [
  'announce_keep',
  'lease_retention',
  'take_retention_policies',
  'enter_retention_blocks',
  'move_retention',
  'scan_retention_block',
  'lock_holds',
  'lock_open_steps',
  'find_due_tasks',
  'purge_tasks',
  'count_removed',
  'COMMIT',
  'reschedule_retention_block',
] as const;
const SHORT: Partial<Record<(typeof STATEMENTS)[number], readonly CutMoment[]>> = {
  lease_retention: ['committed'],
  enter_retention_blocks: ['committed'],
  purge_tasks: ['executed'],
  count_removed: ['executed', 'silent_before'],
  COMMIT: ['before', 'committed', 'silent_committed'],
  reschedule_retention_block: ['before', 'committed'],
};
const cells = STATEMENTS.flatMap((statement) =>
  MOMENTS.filter((moment) => long || SHORT[statement]?.includes(moment) === true).map(
    (moment) => [statement, moment] as const,
  ),
);

const TASKS = 6;
const DUE = 4;

async function rounds(db: Database, leaseId: string): Promise<number> {
  let tasks = 0;
  for (let round = 0; round < 30; round += 1) {
    const { tasks: removed, more } = await retainOnce(db, { leaseId, remover: removeOnly(db, 3), youngSeconds: 600 });
    tasks += removed;
    if (!more) break;
  }
  return tasks;
}

const removedInAll = async (): Promise<number> =>
  (
    await engine.test.query<{ n: number }>(
      'SELECT coalesce(sum(tasks), 0)::integer AS n FROM tasker.tasker_retention_removed',
    )
  )[0]?.n ?? -1;

it.each(cells)('removing, %s, %s', async (statement, moment) => {
  await engine.test.query(
    `UPDATE tasker.tasker_run_stats_progress SET counted_until = clock_timestamp() + interval '1 h'`,
  );
  await engine.test.query(
    `UPDATE tasker.tasker_retention SET leased_by = NULL, policies = '{}', next_settled_at = NULL`,
  );
  const before = await removedInAll();
  const taskIds: string[] = [];
  for (let task = 0; task < TASKS; task += 1) {
    const taskId = await engine.submitOne(id);
    if (task < DUE) await cancel(engine.db, taskId);
    taskIds.push(taskId);
  }
  await engine.test.query(
    `UPDATE tasker.tasker_tasks SET completed_at = completed_at - interval '2 h' WHERE completed_at IS NOT NULL`,
  );
  await engine.test.query(`UPDATE tasker.tasker_retention_blocks SET next_at = clock_timestamp() - interval '1 day'`);
  const broken = cut.open();
  const doomed = cut.proxy.cutOn(matches(statement), { moment, times: 2 });
  const died = (async () => {
    await broken.run(announceKeep, { keep: 'cancelled=1h' });
    return rounds(broken, randomUUID());
  })();
  const first = await died.catch((error: unknown) => error as Error);
  doomed.cancel();
  const between = await removedInAll();

  // Its lease is over, and another scheduler goes on.
  await engine.db.run(announceKeep, { keep: 'cancelled=1h' });
  await engine.test.query(`UPDATE tasker.tasker_retention SET leased_until = clock_timestamp()`);
  await expect
    .poll(
      async () => {
        await engine.test.query(`UPDATE tasker.tasker_retention_blocks SET next_at = next_at - interval '1 day'`);
        await rounds(engine.db, randomUUID());
        await engine.test.query(`UPDATE tasker.tasker_retention SET leased_until = clock_timestamp()`);
        const left = await engine.test.query<{ task_id: string }>(
          'SELECT task_id FROM tasker.tasker_tasks WHERE task_id = ANY ($1::bigint[]) ORDER BY 1',
          [taskIds],
        );
        return left.map((row) => row.task_id);
      },
      { timeout: 15_000 },
    )
    .toEqual(taskIds.slice(DUE));
  // Counted once, whole, and nothing else went.
  expect((await removedInAll()) - before).toBe(DUE);
  expect(await examine(engine.db)).toEqual([]);
  expect(doomed.count, String(first)).toBeGreaterThan(0);
  figures.cells += 1;
  figures.cuts += doomed.count;
  figures.removedBefore += between - before;
  figures.removedAfter += DUE - (between - before);
});

const HOLD_CELLS = (long ? MOMENTS : (['executed', 'committed'] as const)).flatMap((moment) =>
  (['add_hold', 'remove_hold', 'COMMIT'] as const).map((statement) => [statement, moment] as const),
);

it.each(HOLD_CELLS)('a hold, %s, %s: it is set, or it is not, and can be set again', async (statement, moment) => {
  const taskId = await engine.submitOne(id);
  const broken = cut.open();
  const existing = await setHold(engine.db, { taskId }, { reason: 'first', by: 'test' });
  const doomed = cut.proxy.cutOn(matches(statement), { moment, times: 2 });
  const act = (db: Database) =>
    statement === 'remove_hold'
      ? endHold(db, existing?.holdId as string)
      : setHold(db, { taskId }, { reason: 'second', by: 'test' });
  await act(broken).catch(() => undefined);
  doomed.cancel();
  cut.proxy.cutAll();
  await act(engine.db);
  const holds = (await readHolds(engine.db)).filter((hold) => hold.taskId === taskId).map(({ reason }) => reason);
  if (statement === 'remove_hold') expect(holds).toEqual([]);
  else expect(new Set(holds)).toEqual(new Set(['first', 'second']));
  expect(doomed.count).toBeGreaterThan(0);
  figures.cells += 1;
  figures.cuts += doomed.count;
});
