import { afterAll, describe, expect, it } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '../../src/db/connections/database.ts';
import { migrateTo } from '../../src/db/migrate.ts';
import { migrations } from '../../migrations/index.ts';
import type { Fleet } from '../chaos/fleet.ts';
import { mergeOldHistory } from '../../src/scheduler/chores/merge-history.ts';
import { loadTasks } from '../support/load-tasks.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';
import { LockWatch } from './lock-watch.ts';
import { allComplete, causes, findings, joined, LONG, startFleet, SteadyLoad } from './under-load.ts';

const LATEST = migrations.at(-1)?.name as string;
const AT = migrations.findIndex(({ name }) => name.endsWith('_history_partitions'));
const BEFORE = migrations[AT - 1]?.name as string;
const ROUNDS = LONG ? 20 : 1;
/** A statement of the migrator gives up after half a second, so no session waits longer behind it; the rest is for a busy machine. */
const LONGEST_LOCK_WAIT_MS = 2000;

describe('a fleet at work, with history', async () => {
  const test = await useTestDatabase();
  let fleet: Fleet | undefined;
  afterAll(async () => void (await fleet?.drain(0)));

  it('goes on while its history is partitioned, put together again, extended and merged, and loses no transition', async () => {
    fleet = await startFleet({ url: test.url, workers: 2, schedulers: 2 });
    await joined(test.query, 'worker', 2);
    await joined(test.query, 'scheduler', 2);
    const [workflow] = await test.query<{ id: number }>(
      `SELECT named_task_id AS id FROM tasker.tasker_named_tasks WHERE name = 'reliability_steady'`,
    );
    await loadTasks(test.pool, { namedTaskId: workflow?.id as number, tasks: 30_000, progress: [-1] });
    const load = new SteadyLoad({ url: test.url, perSecond: 15, stepMs: 60, name: 'partitions' });
    const watch = new LockWatch(test.url);
    await watch.start();
    for (let round = 0; round < ROUNDS; round += 1) {
      await migrateTo(test.url, BEFORE);
      await sleep(700);
      await migrateTo(test.url, LATEST);
      await sleep(700);
    }
    // Tasks come to the last partition before its bound, and then far behind it.
    for (const skip of [2_000_000, 5_000_000]) {
      const partitions = await partitionsOf();
      await test.query(
        `SELECT setval(pg_get_serial_sequence('tasker.tasker_tasks', 'task_id'), nextval(pg_get_serial_sequence('tasker.tasker_tasks', 'task_id')) + $1)`,
        [skip],
      );
      await waitFor(async () => (await partitionsOf()) > partitions, { timeoutMs: 30_000, what: 'another partition' });
    }
    await sleep(500);
    // What was loaded is removed, and the old partitions are merged beside the work on the newest.
    const db = openDatabase({ url: test.url, applicationName: 'merge', poolSize: 1 });
    try {
      await removeLoaded(load.acknowledged);
      await waitFor(async () => !(await mergeOldHistory({ db }).run()).more && (await partitionsOf()) <= 3, {
        timeoutMs: 30_000,
        what: 'old partitions to be merged',
      });
    } finally {
      await db.close();
    }
    await sleep(500);
    await load.stop();
    await allComplete(test.query, load.acknowledged);
    await watch.stop();
    console.log(
      `partitions: ${load.acknowledged.length} tasks, longest lock wait ${watch.longestMs.toFixed(0)} ms (${watch.longestQuery.replaceAll(/\s+/g, ' ')})`,
    );
    expect(fleet.exits).toEqual([]);
    expect(Object.keys(await causes(test.query)).toSorted()).toEqual(['claim', 'complete']);
    expect(await fleet.drain(35_000)).toEqual([]);
    const found = await findings(test.url);
    expect(found).toEqual([]);
    expect(watch.longestMs).toBeLessThan(LONGEST_LOCK_WAIT_MS);
  });

  const removeLoaded = (kept: readonly string[]) =>
    test.query(
      `WITH gone AS (DELETE FROM tasker.tasker_tasks WHERE task_id < 2000000 AND complete AND task_id <> ALL ($1) RETURNING task_id),
         s AS (DELETE FROM tasker.tasker_workflow_steps x USING gone g WHERE x.task_id = g.task_id),
         e AS (DELETE FROM tasker.tasker_workflow_step_edges x USING gone g WHERE x.task_id = g.task_id),
         h AS (DELETE FROM tasker.tasker_task_transitions x USING gone g WHERE x.task_id = g.task_id)
       DELETE FROM tasker.tasker_workflow_step_transitions x USING gone g WHERE x.task_id = g.task_id`,
      [kept],
    );

  const partitionsOf = async (): Promise<number> =>
    (await test.query(`SELECT FROM pg_inherits WHERE inhparent = 'tasker.tasker_workflow_step_transitions'::regclass`))
      .length;
});
