import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { demandHealth, runToTheEnd, submitTasks } from '../support/drive.ts';
import { BUSY } from '../support/fleet.ts';
import { median, type PartResult, round } from '../support/report.ts';
import type { BenchServer } from '../support/server.ts';
import { diamond, single } from '../support/workflows.ts';

/** `long`: four times as many single-step jobs, so that the start of a run weighs less and the rows it leaves behind weigh more. */
type Load = 'single' | 'single, long' | 'diamond';

interface Arm {
  name: string;
  load: Load;
  run: (server: BenchServer, quick: boolean) => Promise<number>;
}

const ours = (load: Load, tasks: number): Arm => ({
  name: 'Tasker Fleet, one worker, full history',
  load,
  run: async (server, quick) => {
    const db = await server.database();
    await submitTasks(db, load === 'diamond' ? diamond : single, quick ? tasks / 20 : tasks);
    const run = await runToTheEnd(server, db, { workers: 1, env: BUSY });
    await demandHealth(db);
    await db.drop();
    return run.stepsPerSecond;
  },
});

const peer = (name: string, load: Load, file: string, mode: string, count: number): Arm => ({
  name,
  load,
  run: async (server, quick) => {
    const db = await server.database({ empty: true });
    const { steps, seconds } = await runPeer(file, db.url, mode, quick ? Math.ceil(count / 20) : count);
    await db.drop();
    return steps / seconds;
  },
});

const GRAPHILE = 'graphile-worker 0.18, local queue, batched completion';
const PG_BOSS = 'pg-boss 12, fetch and complete in bulk';

const ARMS: Arm[] = [
  ours('single', 60_000),
  peer(GRAPHILE, 'single', 'graphile.ts', 'batched', 60_000),
  peer('graphile-worker 0.18, default', 'single', 'graphile.ts', 'default', 6000),
  peer(PG_BOSS, 'single', 'pg-boss.ts', 'bulk', 60_000),
  peer('pg-boss 12, work() in batches', 'single', 'pg-boss.ts', 'work', 20_000),
  peer('DBOS 5, one step in a workflow', 'single', 'dbos.ts', 'single', 2000),
  ours('single, long', 240_000),
  peer(GRAPHILE, 'single, long', 'graphile.ts', 'batched', 240_000),
  peer(PG_BOSS, 'single, long', 'pg-boss.ts', 'bulk', 240_000),
  ours('diamond', 20_000),
  peer('pg-boss 12, flow()', 'diamond', 'pg-boss.ts', 'flow', 500),
  peer('DBOS 5, four steps in a workflow', 'diamond', 'dbos.ts', 'diamond', 600),
];

/** The same load on the same PostgreSQL; within each round the arms take turns. */
export async function peers(server: BenchServer, quick: boolean): Promise<PartResult> {
  const data: Record<string, number[]> = {};
  for (let turn = 0; turn < (quick ? 1 : 3); turn += 1) {
    for (const arm of ARMS) {
      const rate = await arm.run(server, quick);
      (data[`${arm.load}: ${arm.name}`] ??= []).push(round(rate));
      console.error(`  ${arm.load}: ${arm.name}: ${round(rate)}/s`);
    }
  }
  const rate = (arm: Arm): number => median(data[`${arm.load}: ${arm.name}`] ?? []);
  const mine = (load: Load): number => rate(ARMS.find((arm) => arm.load === load) as Arm);
  const batched = rate(ARMS[1] as Arm);
  return {
    tables: [
      {
        title: 'Peers, median of the runs',
        columns: ['load', 'who', 'steps or jobs/s', 'Tasker Fleet is'],
        rows: ARMS.map((arm) => [arm.load, arm.name, rate(arm), `${round(mine(arm.load) / rate(arm), 2)}x`]),
      },
      {
        title: 'Across loads',
        columns: ['ratio', 'value'],
        rows: [["our diamond steps/s to graphile-worker's batched jobs/s", round(mine('diamond') / batched, 2)]],
      },
    ],
    data,
  };
}

function runPeer(file: string, url: string, mode: string, count: number): Promise<{ steps: number; seconds: number }> {
  return new Promise((resolve, reject) => {
    const script = fileURLToPath(new URL(`../peers/${file}`, import.meta.url));
    const child = spawn(process.execPath, [script, mode, String(count)], {
      env: { ...process.env, DATABASE_URL: url, NODE_ENV: 'production' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    const limit = setTimeout(() => child.kill('SIGKILL'), 300_000);
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('exit', (code) => {
      clearTimeout(limit);
      const line = /PEER (.*)/.exec(output)?.[1];
      if (line === undefined) reject(new Error(`${file} ${mode} ended with status ${code} and no result:\n${output}`));
      else resolve(JSON.parse(line) as { steps: number; seconds: number });
    });
  });
}
