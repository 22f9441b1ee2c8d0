import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '../../../src/index.ts';
import { demandHealth, submitTasks, untilAllComplete } from '../../support/drive.ts';
import { BUSY, startFleet } from '../../support/fleet.ts';
import { round, type Table } from '../../support/report.ts';
import type { BenchServer } from '../../support/server.ts';
import { single } from '../../support/workflows.ts';

/** Steps that failed at one moment and whose retries fall due at one moment. */
export async function dueRetries(server: BenchServer, count: number): Promise<Table> {
  const db = await server.database();
  const client = createClient({ url: db.url, notify: false });
  await client.register(single);
  await submitTasks(db, single, count);
  // The rows as one failed attempt of each step would leave them, due at one moment.
  await db.query(`
    UPDATE tasker.tasker_workflow_steps
    SET state = 'error', attempts = 1, ready_at = NULL, sort_key = 2, next_retry_at = clock_timestamp(), last_attempted_at = clock_timestamp()`);
  await db.query(`
    INSERT INTO tasker.tasker_workflow_step_transitions
      (task_id, workflow_step_id, sort_key, from_state, to_state, most_recent, cause, claim_id, worker_id, metadata, created_at)
    SELECT s.task_id, s.workflow_step_id, h.sort_key, h.from_state, h.to_state, h.sort_key = 2, h.cause,
      md5(s.workflow_step_id::text)::uuid, 1,
      CASE h.sort_key WHEN 2 THEN '{"error": {"name": "Error", "message": "the first attempt"}}'::jsonb END, statement_timestamp()
    FROM tasker.tasker_workflow_steps s
    CROSS JOIN (VALUES (1, 'pending', 'in_progress', 'claim'), (2, 'in_progress', 'error', 'fail')) AS h (sort_key, from_state, to_state, cause)`);
  await db.query(`UPDATE tasker.tasker_tasks SET state = 'in_progress', sort_key = 1`);
  await db.query(`
    INSERT INTO tasker.tasker_task_transitions (task_id, sort_key, from_state, to_state, most_recent, cause)
    SELECT task_id, 1, 'pending', 'in_progress', true, 'claim' FROM tasker.tasker_tasks`);
  await client.close();
  const started = performance.now();
  const fleet = await startFleet({ url: db.url, workers: 1, schedulers: 1, env: BUSY });
  let readyMs = NaN;
  try {
    for (;;) {
      const [row] = await db.query<{ due: boolean }>(
        'SELECT EXISTS (SELECT FROM tasker.tasker_workflow_steps WHERE next_retry_at IS NOT NULL) AS due /* bench: */',
      );
      if (row?.due === false) break;
      await sleep(50);
    }
    readyMs = performance.now() - started;
    await untilAllComplete(db, 300);
  } finally {
    await fleet.stop();
  }
  const all = performance.now() - started;
  await demandHealth(db);
  await db.drop();
  return {
    title: 'Retries that fall due at one moment (process start included)',
    columns: ['steps', 'all ready again after, s', 'all complete after, s'],
    rows: [[count, round(readyMs / 1000, 1), round(all / 1000, 1)]],
  };
}
