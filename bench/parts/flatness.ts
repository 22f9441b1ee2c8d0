import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { claimStatement } from '../../src/db/statements/claims/claim-steps.ts';
import { rangeColumns, WHOLE_QUEUE } from '../../src/db/statements/claims/ready-ranges.ts';
import { HOT_PATH } from '../../src/db/connections/session-settings.ts';
import { createClient } from '../../src/index.ts';
import { loadTasks } from '../../test/support/load-tasks.ts';
import { demandHealth, submitTasks, untilAllComplete } from '../support/drive.ts';
import { BUSY, startFleet } from '../support/fleet.ts';
import { median, percentile, type PartResult, round, type Table } from '../support/report.ts';
import type { BenchDatabase, BenchServer } from '../support/server.ts';
import { type Buckets, quantileBetween, readHistogram } from '../support/histogram.ts';
import { residentMb } from '../support/usage.ts';
import { diamond, elsewhere, single } from '../support/workflows.ts';

/** What should not change: with the history, with the backlog, under a held snapshot, with retries that fall due together, over time. */
export async function flatness(server: BenchServer, quick: boolean): Promise<PartResult> {
  const { table: history, values } = await historyAndBacklog(server, quick);
  const held = await heldSnapshot(server, quick);
  const retries = await dueRetries(server, quick ? 2000 : 100_000);
  const memory = await memoryOverTime(server, quick ? 4000 : 250_000);
  return {
    tables: [history, held, retries, memory],
    charts: quick
      ? []
      : [
          {
            name: 'flatness-claim',
            title: 'Claim of 64 steps by steps of history',
            x: { field: 'steps', title: 'steps in the tables', log: true },
            y: { field: 'ms', title: 'ms' },
            series: 'percentile',
            values,
          },
        ],
    data: { history, held, retries, memory },
  };
}

/** Durations in ms of claims of 64, each rolled back, on a worker's kind of session. */
async function claims(db: BenchDatabase, workflows: readonly number[], times: number): Promise<number[]> {
  const options = HOT_PATH.map(({ name, value }) => `-c ${name}=${value}`).join(' ');
  const client = new pg.Client({ connectionString: db.url, options });
  await client.connect();
  try {
    const { rows } = await client.query<{ worker_id: string }>(`
      INSERT INTO tasker.tasker_workers (role, name, version, lease_seconds, lease_expires_at, stopped_at)
      VALUES ('worker', 'bench', '0', 600, clock_timestamp() + interval '10 minutes', NULL) RETURNING worker_id`);
    const worker = rows[0]?.worker_id;
    // 64 is the largest size below 100: what a worker with 100 free slots claims first.
    const statement = claimStatement(100, true);
    const samples: number[] = [];
    for (let turn = 0; turn < times; turn += 1) {
      await client.query('BEGIN');
      const started = performance.now();
      const claimed = await client.query({
        name: statement.name,
        text: statement.text,
        values: [
          '00000000-0000-4000-8000-000000000001',
          worker,
          'default',
          workflows,
          [],
          ...rangeColumns(WHOLE_QUEUE),
        ],
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

async function historyAndBacklog(
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
    // All that was loaded, so that autovacuum does not come to it in the middle of a measurement.
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
      title: 'Claim of 64 steps, and throughput of diamonds beside what is there',
      columns: ['with', 'claim p50, ms', 'claim p99, ms', 'diamond steps/s'],
      rows,
    },
    values,
  };
}

/** Diamond steps a second in a queue of its own, one worker. */
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

/** Completions a second while single-step tasks keep coming, without and with a transaction that holds its snapshot open. */
async function heldSnapshot(server: BenchServer, quick: boolean): Promise<Table> {
  // Both take as long: the tables grow the same way, which alone costs something.
  const seconds = quick ? 6 : Number(process.env['BENCH_HELD_SECONDS'] ?? 60);
  const rows: (string | number)[][] = [];
  for (const held of [false, true]) {
    const db = await server.database();
    const holder = await db.pool.connect();
    if (held) {
      await holder.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ');
      await holder.query('SELECT count(*) FROM tasker.tasker_tasks');
    }
    const fleet = await startFleet({ url: db.url, workers: 1, env: BUSY });
    const read = (): Promise<Buckets> => readHistogram(fleet.urls[0] as string, 'tasker_claim_duration_seconds');
    const p99s: number[] = [];
    const rates: number[] = [];
    try {
      const client = createClient({ url: db.url });
      const started = performance.now();
      const until = started + seconds * 1000;
      // A backlog that never ends and never grows far: submitted no faster than it is worked off.
      const requests = (async function* () {
        for (let n = 0; performance.now() < until; n += 1) {
          yield { input: { n } };
          if (n % 2000 === 1999)
            while (performance.now() < until && n + 1 - (await completed(db)) > 20_000) await sleep(20);
        }
      })();
      const submitting = (async () => {
        for await (const _ of client.submitMany(single, requests));
      })();
      let before = await read();
      let doneBefore = 0;
      let lookedAt = started;
      for (let third = 1; third <= 3; third += 1) {
        await Promise.race([
          submitting,
          sleep(Math.max(0, started + (third * seconds * 1000) / 3 - performance.now())),
        ]);
        const [after, done] = [await read(), await completed(db)];
        p99s.push(quantileBetween(before, after, 99) * 1000);
        const now = performance.now();
        rates.push(round((done - doneBefore) / ((now - lookedAt) / 1000)));
        lookedAt = now;
        before = after;
        doneBefore = done;
      }
      await submitting;
      await client.close();
      await untilAllComplete(db, 300);
    } finally {
      await fleet.stop();
    }
    await holder.query('ROLLBACK').catch(() => undefined);
    holder.release();
    if (seconds <= 60) await demandHealth(db);
    await db.drop();
    rows.push([
      held ? `a snapshot held for ${seconds} s` : `no snapshot held, for ${seconds} s`,
      ...rates,
      ...p99s.map((ms) => round(ms, 1)),
    ]);
  }
  return {
    title: 'Single-step tasks a second under a held snapshot',
    columns: [
      '',
      'first third',
      'second third',
      'last third',
      'claim p99 ms, first third',
      'second third',
      'last third',
    ],
    rows,
  };
}

async function completed(db: BenchDatabase): Promise<number> {
  const [row] = await db.query<{ done: number }>(
    `SELECT coalesce(n_tup_ins, 0)::float8 AS done FROM pg_stat_user_tables WHERE relname = 'tasker_task_transitions' /* bench: */`,
  );
  // Two transitions for each task that ended.
  return (row?.done ?? 0) / 2;
}

/** Steps that failed together and fall due together. */
async function dueRetries(server: BenchServer, count: number): Promise<Table> {
  const db = await server.database();
  const client = createClient({ url: db.url, notify: false });
  await client.register(single);
  await submitTasks(db, single, count);
  // As one failed attempt each would leave them, due at one moment.
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
  let requeuedMs = NaN;
  try {
    for (;;) {
      const [row] = await db.query<{ due: boolean }>(
        'SELECT EXISTS (SELECT FROM tasker.tasker_workflow_steps WHERE next_retry_at IS NOT NULL) AS due /* bench: */',
      );
      if (row?.due === false) break;
      await sleep(50);
    }
    requeuedMs = performance.now() - started;
    await untilAllComplete(db, 300);
  } finally {
    await fleet.stop();
  }
  const all = performance.now() - started;
  await demandHealth(db);
  await db.drop();
  return {
    title: 'Retries that fall due at one moment (process start included)',
    columns: ['steps', 'all requeued after, s', 'all complete after, s'],
    rows: [[count, round(requeuedMs / 1000, 1), round(all / 1000, 1)]],
  };
}

/** A worker's resident memory while it works through diamonds, and this process's while it submits them. */
async function memoryOverTime(server: BenchServer, tasks: number): Promise<Table> {
  const db = await server.database();
  const beforeMb = residentMb(process.pid);
  let submitMb = 0;
  const sampler = setInterval(() => (submitMb = Math.max(submitMb, residentMb(process.pid))), 50);
  const submitSeconds = await submitTasks(db, diamond, tasks);
  clearInterval(sampler);
  const fleet = await startFleet({ url: db.url, workers: 1, env: BUSY });
  const samples: number[] = [];
  let highestMb = NaN;
  const watch = setInterval(() => samples.push(residentMb(fleet.pids[0] as number)), 250);
  try {
    await untilAllComplete(db, 600);
    highestMb = residentMb(fleet.pids[0] as number, 'highest');
  } finally {
    clearInterval(watch);
    await fleet.stop();
  }
  if (tasks <= 50_000) await demandHealth(db);
  await db.drop();
  const half = Math.floor(samples.length / 2);
  return {
    title: 'Memory, MB resident',
    columns: ['', 'steps', 'highest, first half', 'highest, second half', 'highest of all'],
    rows: [
      [
        'one worker at full load',
        tasks * 4,
        round(Math.max(...samples.slice(0, half + 1))),
        round(Math.max(...samples.slice(half))),
        round(highestMb),
      ],
      [
        `submit of ${tasks.toLocaleString('en-US')} tasks in ${round(submitSeconds, 1)} s: growth of the client`,
        tasks * 4,
        round(submitMb - beforeMb),
        '-',
        '-',
      ],
    ],
  };
}
