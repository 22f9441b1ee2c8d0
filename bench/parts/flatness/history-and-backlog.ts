import { createClient } from '../../../src/index.ts';
import { loadTasks } from '../../../test/support/load-tasks.ts';
import { ClaimSession, warmUp } from '../../support/claim-session.ts';
import { demandHealth, submitTasks, untilAllComplete } from '../../support/drive.ts';
import { BUSY, startFleet } from '../../support/fleet.ts';
import { median, percentile, round, type Table } from '../../support/report.ts';
import type { BenchDatabase, BenchServer } from '../../support/server.ts';
import { diamond, elsewhere, single } from '../../support/workflows.ts';

/** Durations in ms of claims of 64, each rolled back. */
async function claims(db: BenchDatabase, workflows: readonly number[], times: number): Promise<number[]> {
  const session = await ClaimSession.open(db, workflows);
  try {
    const samples: number[] = [];
    for (let turn = 0; turn < times; turn += 1) samples.push((await session.claim()).ms);
    return samples.slice(warmUp(times));
  } finally {
    await session.close();
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
