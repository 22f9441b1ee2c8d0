import { fileURLToPath, pathToFileURL } from 'node:url';
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  ParentBasedSampler,
  SimpleSpanProcessor,
  InMemorySpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { startReceiver } from '../../examples/tracing/receiver.ts';
import { demandHealth, runToTheEnd, type RunResult, submitTasks } from '../support/drive.ts';
import { BUSY } from '../support/fleet.ts';
import { median, type PartResult, round } from '../support/report.ts';
import type { BenchServer } from '../support/server.ts';
import { diamond } from '../support/workflows.ts';

const register = pathToFileURL(fileURLToPath(new URL('../../examples/tracing/register.ts', import.meta.url))).href;

/** The share of tasks whose spans are exported; undefined: neither the submitter nor the worker has an SDK. */
const ARMS = [undefined, 0.01, 1] as const;

interface Run extends RunResult {
  submitted: number;
  spans: number;
}

/** What traces cost a worker and a submitter: without an SDK, with one that samples 1 % of the tasks, and with one that samples all. */
export async function traces(server: BenchServer, quick: boolean): Promise<PartResult> {
  const tasks = quick ? 1000 : 15_000;
  const runs = new Map<number | undefined, Run[]>(ARMS.map((ratio) => [ratio, []]));
  const receiver = await startReceiver();
  try {
    for (let round_ = 0; round_ < (quick ? 1 : 5); round_ += 1) {
      for (const ratio of round_ % 2 === 0 ? ARMS : ARMS.toReversed()) {
        const db = await server.database();
        const before = receiver.spans.length;
        const seconds = await withSdk(ratio, () => submitTasks(db, diamond, tasks));
        const traced = {
          NODE_OPTIONS: `--max-semi-space-size=4 --import ${register}`,
          OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
        };
        const run = await runToTheEnd(server, db, {
          workers: 1,
          env: ratio === undefined ? BUSY : { ...BUSY, ...traced },
        });
        await demandHealth(db);
        await db.drop();
        const spans = receiver.spans.length - before;
        (runs.get(ratio) as Run[]).push({ ...run, submitted: tasks / seconds, spans });
        console.error(`  ${nameOf(ratio)}: ${round(run.stepsPerSecond)} steps/s, ${spans} spans`);
      }
    }
  } finally {
    await receiver.close();
  }
  const of = (ratio: number | undefined, figure: (run: Run) => number): number =>
    median((runs.get(ratio) as Run[]).map(figure));
  const bare = of(undefined, (run) => run.workerCpu / run.steps);
  return {
    tables: [
      {
        title: 'Traces',
        columns: [
          'OpenTelemetry SDK',
          'steps/s',
          'of those without',
          'worker CPU µs/step',
          'more than without',
          'tasks submitted/s',
          'spans of the worker',
        ],
        rows: ARMS.map((ratio) => {
          const cpu = of(ratio, (run) => run.workerCpu / run.steps);
          return [
            nameOf(ratio),
            round(of(ratio, (run) => run.stepsPerSecond)),
            `${round((of(ratio, (run) => run.stepsPerSecond) / of(undefined, (run) => run.stepsPerSecond)) * 100, 1)} %`,
            round(cpu * 1e6, 1),
            `${round((cpu / bare - 1) * 100, 1)} %`,
            round(of(ratio, (run) => run.submitted)),
            of(ratio, (run) => run.spans),
          ];
        }),
      },
    ],
    charts: [],
    data: Object.fromEntries([...runs].map(([ratio, all]) => [nameOf(ratio), all])),
  };
}

const nameOf = (ratio: number | undefined): string =>
  ratio === undefined ? 'none' : `samples ${round(ratio * 100)} % of the tasks`;

/** Does the work of a submitter with an SDK; its spans stay here. */
async function withSdk<Result>(ratio: number | undefined, work: () => Promise<Result>): Promise<Result> {
  if (ratio === undefined) return work();
  context.setGlobalContextManager(new AsyncLocalStorageContextManager());
  trace.setGlobalTracerProvider(
    new TracerProvider({
      sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
      spanProcessors: [new SimpleSpanProcessor({ exporter: new InMemorySpanExporter() })],
    }),
  );
  try {
    return await work();
  } finally {
    for (const api of [trace, context]) api.disable();
  }
}
