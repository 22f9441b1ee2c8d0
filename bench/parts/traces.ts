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
import { changeText, median, type PartResult, round } from '../support/report.ts';
import type { BenchServer } from '../support/server.ts';
import { diamond } from '../support/workflows.ts';

const register = pathToFileURL(fileURLToPath(new URL('../../examples/tracing/register.ts', import.meta.url))).href;

/** The share of tasks whose spans are exported; undefined: neither the submitter nor the worker has an SDK. */
const ARMS = [undefined, 0.01, 1] as const;
type Ratio = (typeof ARMS)[number];

interface Run extends RunResult {
  submitted: number;
  spans: number;
}

/** What traces cost a worker and a submitter: without an SDK, with one that samples 1 % of the tasks, and with one that samples all. */
export async function traces(server: BenchServer, quick: boolean): Promise<PartResult> {
  // Long enough that what is loaded and compiled once is a small part of it.
  const tasks = quick ? 1000 : 30_000;
  const runs = new Map<Ratio, Run[]>(ARMS.map((ratio) => [ratio, []]));
  const receiver = await startReceiver();
  try {
    for (let round_ = 0; round_ < (quick ? 1 : Number(process.env['BENCH_TRACES_ROUNDS'] ?? 6)); round_ += 1) {
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
  const all = (ratio: Ratio): Run[] => runs.get(ratio) as Run[];
  const of = (ratio: Ratio, figure: (run: Run) => number): number => median(all(ratio).map(figure));
  /** Against the run without an SDK of the same round. */
  const changed = (ratio: Ratio, figure: (run: Run) => number): string =>
    ratio === undefined
      ? '-'
      : changeText(all(ratio).map((run, round_) => figure(run) / figure(all(undefined)[round_] as Run)));
  return {
    tables: [
      {
        title: `Traces: what an SDK of OpenTelemetry costs (medians of ${all(undefined).length} rounds; changes against the run of the same round without one, with their interval of 95 %)`,
        columns: [
          'OpenTelemetry SDK',
          'steps/s',
          'change',
          'worker CPU µs/step',
          'worker and PostgreSQL, CPU µs/step',
          'change',
          'CPU of a start, ms',
          'tasks submitted/s',
          'spans of the worker',
        ],
        rows: ARMS.map((ratio) => [
          nameOf(ratio),
          round(of(ratio, (run) => run.stepsPerSecond)),
          changed(ratio, (run) => run.stepsPerSecond),
          round(of(ratio, workerPerStep) * 1e6, 1),
          round(of(ratio, cpuPerStep) * 1e6, 1),
          changed(ratio, cpuPerStep),
          round(of(ratio, (run) => run.startCpu) * 1000),
          round(of(ratio, (run) => run.submitted)),
          of(ratio, (run) => run.spans),
        ]),
      },
    ],
    charts: [],
    data: Object.fromEntries([...runs].map(([ratio, runsOf]) => [nameOf(ratio), runsOf])),
  };
}

/** Without the start of the worker, which loads the SDK: that is once, however long it runs. */
const workerPerStep = (run: Run): number => (run.workerCpu - run.startCpu) / run.steps;
const cpuPerStep = (run: Run): number => workerPerStep(run) + run.serverCpu / run.steps;

const nameOf = (ratio: Ratio): string =>
  ratio === undefined ? 'none' : `samples ${round(ratio * 100)} % of the tasks`;

/** Does the work of a submitter with an SDK; its spans stay here. */
async function withSdk<Result>(ratio: Ratio, work: () => Promise<Result>): Promise<Result> {
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
