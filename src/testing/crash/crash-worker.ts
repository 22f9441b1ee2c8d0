/**
 * The program of a worker that kills itself at a boundary, with SIGKILL: no handler of the process, no `finally` and no drain runs.
 * It is a Worker like any other, but that its database and its handlers are watched.
 */
import { appendFileSync } from 'node:fs';
import process from 'node:process';
import { openDatabase } from '../../db/connections/database.ts';
import { VERSION } from '../../version.ts';
import { Worker } from '../../worker/worker.ts';
import { currentStep, guardProcess } from '../../worker/running/current-step.ts';
import type { WorkerEvents } from '../../worker/telemetry/events.ts';
import { plainDefinition } from '../../workflow/define-workflow.ts';
import type { WorkflowDefinition } from '../../workflow/definition.ts';
import { describeThrown } from '../../workflow/describe-thrown.ts';
import { fleetConfig } from '../fleet/fleet-config.ts';
import { type Boundary, boundaryKey } from './boundary.ts';
import { recordEffectsWith } from './effects.ts';
import { type Begin, type End, PROGRAM, type Report, type TraceLine, type WorkerProgram } from './messages.ts';
import { watchDatabase, watchHandlers } from './watched.ts';

const program = JSON.parse(process.env[PROGRAM] ?? '{}') as WorkerProgram;
const report = (message: Report): void => void process.send?.(message);

guardProcess();
// The tests are gone.
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
try {
  const definition = await load();
  let worker: Promise<Worker | undefined> = Promise.resolve(undefined);
  process.on('message', (message: Begin | End) => {
    if ('end' in message) void end(worker);
    else worker = run(definition, message).catch(fail);
  });
  report({ loaded: true });
} catch (error) {
  fail(error);
}

function fail(error: unknown): undefined {
  const { name, message, stack } = describeThrown(error);
  report({ failed: stack ?? `${name}: ${message}` });
}

async function end(worker: Promise<Worker | undefined>): Promise<void> {
  await (await worker)?.stop();
  process.kill(process.pid, 'SIGKILL');
}

async function load(): Promise<WorkflowDefinition> {
  let exported: Record<string, unknown> = {};
  for (const module of program.modules) exported = (await import(module)) as Record<string, unknown>;
  const { namespace, name, version } = program.workflow;
  for (const value of Object.values(exported).flat()) {
    const candidate = value as Partial<WorkflowDefinition> | null | undefined;
    if (candidate?.namespace === namespace && candidate.name === name && candidate.version === version) {
      return plainDefinition(candidate as WorkflowDefinition);
    }
  }
  throw new Error(`${program.modules.at(-1)} does not export the workflow ${namespace}/${name} ${version}`);
}

async function run(definition: WorkflowDefinition, { url, trace, crashAt }: Begin): Promise<Worker> {
  const write = (line: TraceLine): void => appendFileSync(trace, `${JSON.stringify(line)}\n`);
  const reached = (boundary: Boundary): void => {
    write({ boundary });
    if (boundaryKey(boundary) === crashAt) process.kill(process.pid, 'SIGKILL');
  };
  const effectsOf = new Map<string, number>();
  recordEffectsWith((name, { key, value }) => {
    const running = currentStep.getStore();
    const step = running?.type.template.name;
    const attempt = running?.step.attempt;
    write({
      effect: {
        name,
        ...(step === undefined ? {} : { step }),
        ...(attempt === undefined ? {} : { attempt }),
        ...(key === undefined ? {} : { key }),
        ...(value === undefined ? {} : { value: JSON.stringify(value) }),
      },
    });
    if (step === undefined) return;
    const effect = (effectsOf.get(`${step} ${attempt}`) ?? 0) + 1;
    effectsOf.set(`${step} ${attempt}`, effect);
    reached({ kind: 'effect', step, attempt, effect, name });
  });
  const settings = fleetConfig('worker', url, [definition], program.settings);
  const ended = new Map<string, Boundary>();
  const worker = new Worker({
    db: watchDatabase(openDatabase({ url, plans: 'pinned', applicationName: 'tasker crash worker' }), ended, reached),
    settings,
    workflows: [watchHandlers(definition, ended, reached)],
    name: `crash worker ${process.pid}`,
    version: VERSION,
    events: NO_EVENTS,
    loggerFor: () => SILENT,
  });
  await worker.start();
  return worker;
}

const nothing = (): undefined => undefined;
const SILENT = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const NO_EVENTS = new Proxy({}, { get: () => nothing }) as WorkerEvents;
