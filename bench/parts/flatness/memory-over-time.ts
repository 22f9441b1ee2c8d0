import { demandHealth, submitTasks, untilAllComplete } from '../../support/drive.ts';
import { BUSY, startFleet } from '../../support/fleet.ts';
import { round, type Table } from '../../support/report.ts';
import type { BenchServer } from '../../support/server.ts';
import { residentMb } from '../../support/usage.ts';
import { diamond } from '../../support/workflows.ts';

/** The resident memory of a worker while it runs diamonds, and of this process while it submits them. */
export async function memoryOverTime(server: BenchServer, tasks: number): Promise<Table> {
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
