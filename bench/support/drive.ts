import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, type WorkflowDefinition } from '../../src/index.ts';
import { openDatabase } from '../../src/db/connections/database.ts';
import { examine } from '../../src/db/doctor/examine.ts';
import { analyzeHotTables } from '../../src/db/health/analyze.ts';
import { startFleet } from './fleet.ts';
import type { BenchDatabase, BenchServer } from './server.ts';
import { cpuSeconds, readUsage, residentMb, type Usage, usageBetween } from './usage.ts';

/** Submits `count` tasks through the public client; returns the seconds that this took. */
export async function submitTasks(db: BenchDatabase, definition: WorkflowDefinition, count: number): Promise<number> {
  const client = createClient({ url: db.url, notify: false });
  const started = performance.now();
  try {
    const requests = (function* () {
      for (let n = 0; n < count; n += 1) yield { input: { n } };
    })();
    let seen = 0;
    for await (const _ of client.submitMany(definition, requests, {
      batchSize: definition.steps.length > 100 ? 20 : 1000,
    }))
      seen += 1;
    if (seen !== count) throw new Error(`submitted ${seen} of ${count} tasks`);
    return (performance.now() - started) / 1000;
  } finally {
    await client.close();
  }
}

export interface RunResult extends Usage {
  steps: number;
  /** From the first attempt's start to the last completion, by the database clock. */
  seconds: number;
  stepsPerSecond: number;
  /** Of `workerCpu`, the seconds until all workers had started. */
  startCpu: number;
  /** The highest of all workers. */
  workerMb: number;
}

/** Runs real workers until every task in the database is complete; returns what that took. */
export async function runToTheEnd(
  server: BenchServer,
  db: BenchDatabase,
  options: { workers: number; env?: Record<string, string>; limitSeconds?: number },
): Promise<RunResult> {
  await db.query(analyzeHotTables.text);
  await db.query('SELECT pg_stat_statements_reset()').catch(() => undefined);
  const before = await readUsage(db, server, []);
  const fleet = await startFleet({
    url: db.url,
    workers: options.workers,
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  const cpuOfWorkers = (): number => fleet.pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  const startCpu = cpuOfWorkers();
  let workerCpu: number;
  let workerMb: number;
  try {
    await untilAllComplete(db, options.limitSeconds ?? 120);
    workerCpu = cpuOfWorkers();
    workerMb = Math.max(...fleet.pids.map((pid) => residentMb(pid, 'highest')));
  } finally {
    await fleet.stop();
  }
  // Sessions report their counts of row versions when they end.
  const after = { ...(await readUsage(db, server, [])), workerCpu };
  const [row] = await db.query<{ steps: number; seconds: number }>(`
    SELECT count(*)::integer AS steps, extract(epoch FROM max(processed_at) - min(last_attempted_at))::float8 AS seconds
    FROM tasker.tasker_workflow_steps`);
  const { steps, seconds } = row as { steps: number; seconds: number };
  return { ...usageBetween(before, after), steps, seconds, stepsPerSecond: steps / seconds, startCpu, workerMb };
}

/** `from`: only tasks with this id and higher ones. */
export async function untilAllComplete(db: BenchDatabase, limitSeconds: number, from = '0'): Promise<void> {
  const deadline = performance.now() + limitSeconds * 1000;
  const firstOpen = async (start: string): Promise<string | undefined> => {
    const [row] = await db.query<{ task_id: string }>(
      `SELECT task_id FROM tasker.tasker_tasks WHERE task_id >= $1 AND NOT complete ORDER BY task_id LIMIT 1 /* bench: */`,
      [start],
    );
    return row?.task_id;
  };
  // Tasks below the first open one are complete: each query starts from the task at which the last one ended.
  const untilNoneOpen = async (start: string): Promise<void> => {
    for (let open = await firstOpen(start); open !== undefined; open = await firstOpen(open)) {
      if (performance.now() > deadline) throw new Error(`tasks are still open after ${limitSeconds} s`);
      await sleep(100);
    }
  };
  const [last] = await db.query<{ task_id: string }>(
    `SELECT task_id FROM tasker.tasker_tasks ORDER BY task_id DESC LIMIT 1 /* bench: */`,
  );
  // Waits for the newest task first: queries over all tasks would disturb the measurement.
  if (last !== undefined) await untilNoneOpen(last.task_id);
  await untilNoneOpen(from);
}

/** Throws with what the doctor found: a figure of a run that broke an invariant is worthless. */
export async function demandHealth(db: BenchDatabase): Promise<void> {
  const database = openDatabase({ url: db.url, poolSize: 1, applicationName: 'bench doctor' });
  try {
    const findings = await examine(database);
    if (findings.length > 0) {
      throw new Error(
        `the doctor found violations after the run:\n${findings.map((f) => `${f.id}: ${f.violations} (${f.title}) ${JSON.stringify(f.examples[0])}`).join('\n')}`,
      );
    }
  } finally {
    await database.close();
  }
}
