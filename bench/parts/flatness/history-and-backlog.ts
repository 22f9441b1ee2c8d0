import pg from 'pg';
import { claimStatement } from '../../../src/db/statements/claims/claim-steps.ts';
import { rangeRow, WHOLE_QUEUE } from '../../../src/db/statements/claims/ready-ranges.ts';
import { PINNED_PLANS } from '../../../src/db/connections/session-settings.ts';
import { createClient } from '../../../src/index.ts';
import { loadTasks } from '../../../test/support/load-tasks.ts';
import { demandHealth, submitTasks, untilAllComplete } from '../../support/drive.ts';
import { BUSY, startFleet } from '../../support/fleet.ts';
import { median, percentile, round, type Table } from '../../support/report.ts';
import type { BenchDatabase, BenchServer } from '../../support/server.ts';
import { diamond, elsewhere, single } from '../../support/workflows.ts';

/** Durations in ms of claims of 64, each rolled back, on a session with the settings of a worker's. */
export async function claims(db: BenchDatabase, workflows: readonly number[], times: number): Promise<number[]> {
  const options = PINNED_PLANS.map(({ name, value }) => `-c ${name}=${value}`).join(' ');
  const client = new pg.Client({ connectionString: db.url, options });
  await client.connect();
  try {
    const { rows } = await client.query<{ worker_id: string }>(`
      INSERT INTO tasker.tasker_workers (role, name, version, lease_seconds, lease_expires_at, stopped_at)
      VALUES ('worker', 'bench', '0', 600, clock_timestamp() + interval '10 minutes', NULL) RETURNING worker_id`);
    const worker = rows[0]?.worker_id as string;
    // 64 is the largest size below 100: what a worker with 100 free slots claims first.
    const statement = claimStatement(100, 'pinned');
    const values = statement.values({
      claim_id: '00000000-0000-4000-8000-000000000001',
      worker_id: worker,
      queue: 'default',
      named_task_ids: workflows,
      closed_claims: [],
      ranges: WHOLE_QUEUE.map(rangeRow),
      lowest_task: 0,
    });
    const samples: number[] = [];
    for (let turn = 0; turn < times; turn += 1) {
      await client.query('BEGIN');
      const started = performance.now();
      const claimed = await client.query({
        name: statement.name,
        text: statement.text,
        values: [...values],
      });
      samples.push(performance.now() - started);
      if (claimed.rows.length !== 64) throw new Error(`claimed ${claimed.rows.length} steps instead of 64`);
      await client.query('ROLLBACK');
    }
    await client.query('DELETE FROM tasker.tasker_workers WHERE worker_id = $1', [worker]);
    return samples.slice(times > 20 ? 10 : 1);
  } finally {
    await client.end();
  }
}

/** Claims and throughput while the history grows, and then with a large backlog of ready steps. */
export async function historyAndBacklog(
  server: BenchServer,
  quick: boolean,
): Promise<{ table: Table; values: { steps: number; ms: number; percentile: string }[] }> {
  const rows: (string | number)[][] = [];
  const values: { steps: number; ms: number; percentile: string }[] = [];
  const db = await server.database();
  const client = createClient({ url: db.url, notify: false });
  const workflow = await client.register(diamond);
  const workflows = [workflow, await client.register(single)];
  const measure = async (what: string): Promise<[number, number]> => {
    // Vacuums everything that was loaded, so that autovacuum does not start during a measurement.
    await db.query('VACUUM ANALYZE');
    const samples = await claims(db, workflows, quick ? 8 : 210);
    rows.push([what, round(percentile(samples, 50), 2), round(percentile(samples, 99), 2)]);
    return [percentile(samples, 50), percentile(samples, 99)];
  };
  let loaded = 0;
  const beside = quick ? 500 : 10_000;
  const throughput = async (): Promise<number> => {
    const rates: number[] = [];
    for (let run = 0; run < (quick ? 1 : 3); run += 1) rates.push(await throughputBeside(db, beside));
    loaded += beside * rates.length;
    return round(median(rates));
  };
  for (const steps of quick
    ? [2000, 10_000]
    : [10_000, 200_000, 1_000_000, Number(process.env['BENCH_HISTORY_STEPS'] ?? 4_000_000)]) {
    await loadTasks(db.pool, {
      namedTaskId: workflow,
      tasks: steps / 4 - loaded,
      progress: loaded === 0 ? [0, -1, -1, -1] : [-1],
    });
    loaded = steps / 4;
    const [p50, p99] = await measure(
      `${steps.toLocaleString('en-US')} steps of history, ${(quick ? 125 : 625).toLocaleString('en-US')} ready`,
    );
    values.push({ steps, ms: p50, percentile: 'p50' }, { steps, ms: p99, percentile: 'p99' });
    rows.at(-1)?.push(await throughput());
  }
  const backlog = quick ? 2000 : 1_000_000;
  await loadTasks(db.pool, { namedTaskId: workflows[1] as number, tasks: backlog, progress: [0] });
  await measure(`the same and a backlog of ${backlog.toLocaleString('en-US')} ready steps`);
  rows.at(-1)?.push(await throughput());
  await client.close();
  if (loaded <= 300_000) await demandHealth(db);
  await db.drop();
  return {
    table: {
      title: 'Claim of 64 steps, and throughput of diamonds beside the rows that are there',
      columns: ['with', 'claim p50, ms', 'claim p99, ms', 'diamond steps/s'],
      rows,
    },
    values,
  };
}

/** Diamond steps a second by one worker, in a queue of its own. */
async function throughputBeside(db: BenchDatabase, tasks: number): Promise<number> {
  const [row] = await db.query<{ next: string }>('SELECT max(task_id) + 1 AS next FROM tasker.tasker_tasks');
  const next = row?.next as string;
  await submitTasks(db, elsewhere, tasks);
  const fleet = await startFleet({ url: db.url, workers: 1, env: { ...BUSY, TASKER_QUEUES: 'elsewhere' } });
  try {
    await untilAllComplete(db, 300, next);
  } finally {
    await fleet.stop();
  }
  const [measured] = await db.query<{ rate: number }>(
    `
    SELECT (count(*) / extract(epoch FROM max(processed_at) - min(last_attempted_at)))::float8 AS rate
    FROM tasker.tasker_workflow_steps
    WHERE task_id >= $1`,
    [next],
  );
  return measured?.rate ?? NaN;
}
