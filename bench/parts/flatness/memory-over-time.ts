import { demandHealth, submitTasks, untilAllComplete } from '../../support/drive.ts';
import { BUSY, startFleet } from '../../support/fleet.ts';
import { round, type Table } from '../../support/report.ts';
import type { BenchServer } from '../../support/server.ts';
import { residentMb } from '../../support/usage.ts';
import { diamond } from '../../support/workflows.ts';

/**
 * The resident memory of a worker and a scheduler while diamonds run and the metrics of both are read each second, and of this process while it
 * submits them.
 */
export async function memoryOverTime(server: BenchServer, tasks: number): Promise<Table> {
  const db = await server.database();
  const beforeMb = residentMb(process.pid);
  let submitMb = 0;
  const sampler = setInterval(() => (submitMb = Math.max(submitMb, residentMb(process.pid))), 50);
  const submitSeconds = await submitTasks(db, diamond, tasks);
  clearInterval(sampler);
  const fleet = await startFleet({ url: db.url, workers: 1, schedulers: 1, env: BUSY });
  const names = ['one worker at full load', 'one scheduler'];
  const samples: number[][] = names.map(() => []);
  let highestMb: number[] = [];
  const watch = setInterval(() => samples.forEach((own, at) => own.push(residentMb(fleet.pids[at] as number))), 250);
  const scrape = setInterval(() => void Promise.allSettled(fleet.urls.map(read)), 1000);
  try {
    await untilAllComplete(db, 1800);
    highestMb = names.map((_, at) => residentMb(fleet.pids[at] as number, 'highest'));
  } finally {
    clearInterval(watch);
    clearInterval(scrape);
    await fleet.stop();
  }
  if (tasks <= 50_000) await demandHealth(db);
  await db.drop();
  return {
    title: 'Memory, MB resident',
    columns: ['', 'steps', 'highest, first half', 'highest, second half', 'highest of all'],
    rows: [
      ...names.map((name, at) => {
        const own = samples[at] as number[];
        const half = Math.floor(own.length / 2);
        return [
          name,
          tasks * 4,
          round(Math.max(...own.slice(0, half + 1))),
          round(Math.max(...own.slice(half))),
          round(highestMb[at] as number),
        ];
      }),
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

const read = async (url: string): Promise<string> => (await fetch(`${url}/metrics`)).text();
