import type { WorkflowDefinition } from '../../src/index.ts';
import { demandHealth, runToTheEnd, type RunResult, submitTasks } from '../support/drive.ts';
import { BUSY } from '../support/fleet.ts';
import { median, type PartResult, round } from '../support/report.ts';
import type { BenchServer } from '../support/server.ts';
import { chain, diamond, fan, mixed, single } from '../support/workflows.ts';

const SHAPES: Record<string, { definition: WorkflowDefinition; tasks: number; quickTasks: number }> = {
  single: { definition: single, tasks: 60_000, quickTasks: 3000 },
  diamond: { definition: diamond, tasks: 20_000, quickTasks: 1000 },
  chain: { definition: chain, tasks: 6000, quickTasks: 300 },
  mixed: { definition: mixed, tasks: 7000, quickTasks: 300 },
  fan: { definition: fan, tasks: 60, quickTasks: 3 },
};

/** Durable steps a second through the public API, handlers that do nothing, real worker processes, full history. */
export async function throughput(server: BenchServer, quick: boolean): Promise<PartResult> {
  const arms = Object.keys(SHAPES).map((shape) => ({ shape, workers: 1 }));
  if (!quick) for (const workers of [2, 4, 8]) arms.push({ shape: 'diamond', workers });
  const runs = new Map<string, RunResult[]>();
  for (let round_ = 0; round_ < (quick ? 1 : 3); round_ += 1) {
    for (const { shape, workers } of arms) {
      const { definition, tasks, quickTasks } = SHAPES[shape] as (typeof SHAPES)[string];
      const db = await server.database();
      await submitTasks(db, definition, quick ? quickTasks : tasks);
      const run = await runToTheEnd(server, db, { workers, env: BUSY });
      await demandHealth(db);
      await db.drop();
      const key = `${shape} x ${workers}`;
      runs.set(key, [...(runs.get(key) ?? []), run]);
      console.error(`  ${key}: ${round(run.stepsPerSecond)} steps/s`);
    }
  }
  const of = (all: readonly RunResult[], figure: (run: RunResult) => number): number => median(all.map(figure));
  const rows = [...runs].map(([key, all]) => [
    ...key.split(' x '),
    round(of(all, (run) => run.stepsPerSecond)),
    round(of(all, (run) => run.walBytes / run.steps)),
    round(
      of(all, (run) => run.statements / run.steps),
      3,
    ),
    round(
      of(all, (run) => run.rowVersions / run.steps),
      2,
    ),
    round(
      of(all, (run) => run.hotUpdates / run.updates),
      2,
    ),
    round(of(all, (run) => (run.serverCpu / run.steps) * 1e6)),
    round(of(all, (run) => (run.workerCpu / run.steps) * 1e6)),
    round(of(all, (run) => run.workerMb)),
  ]) as (string | number)[][];
  return {
    tables: [
      {
        title: 'Steps a second, end to end',
        columns: [
          'workflow',
          'worker processes',
          'steps/s',
          'WAL bytes/step',
          'round trips/step',
          'row versions/step',
          'HOT share of updates',
          'PostgreSQL CPU µs/step',
          'worker CPU µs/step',
          'worker MB',
        ],
        rows,
      },
    ],
    charts: quick
      ? []
      : [
          {
            name: 'throughput-workers',
            title: 'Diamond steps per second by worker processes',
            x: { field: 'workers', title: 'worker processes' },
            y: { field: 'steps', title: 'steps/s' },
            series: 'workflow',
            values: rows
              .filter(([shape]) => shape === 'diamond')
              .map(([workflow, workers, steps]) => ({
                workflow: workflow as string,
                workers: Number(workers),
                steps: steps as number,
              })),
          },
        ],
    data: Object.fromEntries(runs),
  };
}
