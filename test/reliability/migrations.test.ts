import { afterAll, describe, expect, it } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { sql } from 'kysely';
import { migrateTo } from '../../src/db/migrate.ts';
import { withMigrationConnection } from '../../src/db/connections/migration-connection.ts';
import { migrations } from '../../migrations/index.ts';
import { addChecks, buildIndex, dropChecks, dropIndex } from '../../migrations/support/concurrent.ts';
import type { Fleet } from '../chaos/fleet.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { insertTasks, registerTypes, stepId } from '../views/rows.ts';
import { LockWatch } from './lock-watch.ts';
import { allComplete, causes, findings, joined, LONG, startFleet, SteadyLoad } from './under-load.ts';

const LATEST = migrations.at(-1)?.name as string;
const ROUNDS = LONG ? 20 : 1;
/** A statement of the migrator gives up after half a second, so no session waits longer behind it; the rest is for a busy machine. */
const LONGEST_LOCK_WAIT_MS = 1000;

describe('a fleet at work', async () => {
  const test = await useTestDatabase();
  let fleet: Fleet | undefined;
  afterAll(async () => void (await fleet?.drain(0)));

  /** Like a report: one transaction that has read the views and stays open. */
  const readFor = async (ms: number): Promise<void> => {
    const client = await test.pool.connect();
    try {
      await client.query('BEGIN');
      await client.query('SELECT count(*) FROM tasker.tasker_step_readiness_statuses');
      await sleep(ms);
      await client.query('COMMIT');
    } finally {
      client.release();
    }
  };

  it('runs through migrations down and up, and through an added and a removed column, without a failed step', async () => {
    fleet = await startFleet({ url: test.url, workers: 2, schedulers: 1 });
    await joined(test.query, 'worker', 2);
    await joined(test.query, 'scheduler', 1);
    const load = new SteadyLoad({ url: test.url, perSecond: 15, stepMs: 60, name: 'migrations' });
    const watch = new LockWatch(test.url);
    await watch.start();
    for (let round = 0; round < ROUNDS; round += 1) {
      const reading = readFor(2500);
      // Claims need view version 4: without it workers finish what they run, wait, and continue when it is back.
      await migrateTo(test.url, '0006_engine_constraints_and_lean_indexes');
      await sleep(300);
      await migrateTo(test.url, LATEST);
      // Tasks are submitted only while every migration is there.
      await sleep(700);
      await migrateTo(test.url, '0005_backfill_engine_columns');
      await sleep(300);
      await migrateTo(test.url, LATEST);
      await sleep(700);
      await reading;
      await expandMigrateContract(test.url);
    }
    await load.stop();
    await allComplete(test.query, load.acknowledged);
    await watch.stop();
    const seen = await causes(test.query);
    console.log(
      `migrations: ${ROUNDS} rounds, ${load.acknowledged.length} tasks, longest lock wait ${watch.longestMs.toFixed(0)} ms (${watch.longestQuery.replaceAll(/\s+/g, ' ')}); ${JSON.stringify(seen)}`,
    );
    expect(fleet.exits).toEqual([]);
    expect(Object.keys(seen).toSorted()).toEqual(['claim', 'complete']);
    expect(watch.longestMs).toBeLessThan(LONGEST_LOCK_WAIT_MS);
    expect(await fleet.drain(35_000)).toEqual([]);
    expect(await findings(test.url)).toEqual([]);
  });
});

/** Adds a column as a later version would (expand, fill, constrain, index), and drops it as if no process read it any more. */
async function expandMigrateContract(url: string): Promise<void> {
  await withMigrationConnection({ url, schema: 'tasker' }, async (database) => {
    const db = await database();
    const briefly = async (statement: string): Promise<void> => {
      for (;;) {
        await sql.raw('SET lock_timeout = 500').execute(db);
        const done = await sql
          .raw(statement)
          .execute(db)
          .then(
            () => true,
            (error: unknown) => {
              if ((error as { code?: string }).code === '55P03') return false;
              throw error;
            },
          );
        if (done) return;
        await sleep(300);
      }
    };
    await briefly('ALTER TABLE tasker.tasker_workflow_steps ADD COLUMN cost_center text');
    const { rows } = await sql<{
      high: string;
    }>`SELECT coalesce(max(task_id), 0) AS high FROM tasker.tasker_tasks`.execute(db);
    for (let from = 0; from <= Number(rows[0]?.high); from += 200) {
      await sql`
        UPDATE tasker.tasker_workflow_steps SET cost_center = 'none'
        WHERE task_id >= ${from} AND task_id < ${from + 200} AND state = 'complete'`.execute(db);
    }
    await addChecks(db, 'tasker_workflow_steps', {
      steps_cost_center_known: `cost_center IS NULL OR cost_center <> ''`,
    });
    await buildIndex(
      db,
      'steps_cost_center',
      'ON tasker.tasker_workflow_steps (cost_center) WHERE cost_center IS NOT NULL',
    );
    await dropIndex(db, 'steps_cost_center');
    await dropChecks(db, 'tasker_workflow_steps', ['steps_cost_center_known']);
    await briefly('ALTER TABLE tasker.tasker_workflow_steps DROP COLUMN cost_center');
  });
}

describe('processes of Tasker (Ruby)', async () => {
  const test = await useTestDatabase({ empty: true });

  it('read during every phase, up and down; they write until the write guards exist, and again when those are gone', async () => {
    await migrateTo(test.url, '0003_views_v02');
    const client = await test.pool.connect();
    await registerTypes(client);
    await insertTasks(
      client,
      Array.from({ length: 200 }, (_, index) => ({
        taskId: String(index + 1),
        history: [{ to: 'in_progress', secondsAgo: 60, cause: null }],
        steps: [
          {
            ordinal: 1,
            attempts: 1,
            processed: true,
            history: [
              { to: 'in_progress', secondsAgo: 60, cause: null },
              { to: 'complete', secondsAgo: 50, cause: null },
            ],
          },
          { ordinal: 2, parents: [1] },
          { ordinal: 3, parents: [1, 2] },
        ],
      })),
    );
    client.release();
    const watch = new LockWatch(test.url);
    await watch.start();
    let working = true;
    const outcomes = { read: 0, wrote: 0, refused: 0 };
    const reader = (async () => {
      while (working) {
        await test.query(
          `SELECT r.task_id, r.workflow_step_id, r.ready_for_execution, c.execution_status
           FROM tasker.tasker_step_readiness_statuses r
           JOIN tasker.tasker_task_execution_contexts c ON c.task_id = r.task_id
           WHERE r.task_id BETWEEN 1 AND 20`,
        );
        outcomes.read += 1;
      }
    })();
    const writer = (async () => {
      for (let taskId = 1; working; taskId = (taskId % 200) + 1) {
        const rubyTasker = await test.pool.connect();
        try {
          await rubyTasker.query('BEGIN');
          await moveStep(rubyTasker, String(taskId));
          await rubyTasker.query('COMMIT');
          outcomes.wrote += 1;
        } catch (error) {
          await rubyTasker.query('ROLLBACK');
          // Refused by a named constraint, and nothing else may go wrong.
          expect(error).toMatchObject({ code: '23514', constraint: expect.stringMatching(/_known$/) as string });
          outcomes.refused += 1;
        } finally {
          rubyTasker.release();
        }
        await sleep(5);
      }
    })();
    const wroteAt: number[] = [];
    for (let round = 0; round < (LONG ? 10 : 1); round += 1) {
      await migrateTo(test.url, '0007_views_v03');
      await sleep(200);
      await migrateTo(test.url, '0003_views_v02');
      const before = outcomes.wrote;
      await sleep(500);
      wroteAt.push(outcomes.wrote - before);
    }
    working = false;
    await Promise.all([reader, writer]);
    await watch.stop();
    console.log(`Tasker (Ruby): ${JSON.stringify(outcomes)}, longest lock wait ${watch.longestMs.toFixed(0)} ms`);
    expect(outcomes.read).toBeGreaterThan(0);
    expect(outcomes.refused).toBeGreaterThan(0);
    expect(wroteAt.every((count) => count > 0)).toBe(true);
    expect(watch.longestMs).toBeLessThan(LONGEST_LOCK_WAIT_MS);
  });
});

/** As Tasker (Ruby) moves a step: the old transition loses most_recent, and a new one has it. */
async function moveStep(client: pg.ClientBase, taskId: string): Promise<void> {
  const key = [taskId, stepId(taskId, 2)];
  const { rows } = await client.query<{ to_state: string; sort_key: number }>(
    `UPDATE tasker.tasker_workflow_step_transitions SET most_recent = false
     WHERE task_id = $1 AND workflow_step_id = $2 AND most_recent RETURNING to_state, sort_key`,
    key,
  );
  const from = rows[0]?.to_state ?? 'pending';
  const to = from === 'in_progress' ? 'error' : 'in_progress';
  await client.query(
    `INSERT INTO tasker.tasker_workflow_step_transitions (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent)
     VALUES ($1, $2, $3, $4, $5, true)`,
    [...key, (rows[0]?.sort_key ?? 0) + 1, from, to],
  );
}
