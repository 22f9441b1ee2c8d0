import { InvalidInputError, TaskerError } from '../../errors.ts';
import { plainDefinition } from '../../workflow/define-workflow.ts';
import type { WorkflowDefinition } from '../../workflow/definition.ts';
import { didYouMean } from '../../workflow/did-you-mean.ts';
import { preview } from '../../workflow/preview.ts';
import { createTestDatabase } from '../fleet/test-database.ts';
import { fleetConfig } from '../fleet/fleet-config.ts';
import { sharedTestServer } from '../fleet/test-server.ts';
import { type Boundary, boundaryKey } from './boundary.ts';
import type { CrashOptions } from './crash-options.ts';
import { CrashProcess } from './crash-process.ts';
import { crashReport, type CrashReport } from './crash-report.ts';
import { runWithCrash, type CrashRun } from './crash-run.ts';
import { findProblems, type CrashProblem } from './find-problems.ts';
import type { WorkerProgram } from './messages.ts';

const DEFAULT_MAX_CRASHES = 200;
const DEFAULT_TIMEOUT_MS = 30_000;
/** Workers that load while others run: the one to be killed and the one after it. */
const SPARE_WORKERS = 2;

export async function findCrashes(workflow: WorkflowDefinition, options: CrashOptions): Promise<CrashReport> {
  const started = performance.now();
  const definition = plainDefinition(workflow);
  const { maxCrashes = DEFAULT_MAX_CRASHES, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const program = programOf(definition, options);
  for (const [field, value] of Object.entries({ maxCrashes, timeoutMs })) {
    if (Number.isInteger(value) && value > 0) continue;
    throw new InvalidInputError(`${field} is ${preview(value)}: use a whole number from 1 on`, { field });
  }
  const names = definition.steps.map(({ name }) => name);
  for (const step of options.steps ?? []) {
    if (names.includes(step)) continue;
    throw new InvalidInputError(
      `steps names "${step}", which is no step of ${definition.namespace}/${definition.name}${didYouMean(step, names) || `: its steps are ${names.join(', ')}`}`,
      { field: 'steps' },
    );
  }
  const serverUrl = options.url ?? (await sharedTestServer()).url;
  const workers = new Workers(program, options.execArgv ?? []);
  const template = await createTestDatabase(serverUrl);
  const run = async (crashAt: string | undefined): Promise<CrashRun> => {
    const database = await createTestDatabase(serverUrl, template.name);
    try {
      const { input, submit = {} } = options;
      const takeWorker = (): CrashProcess => workers.take();
      return await runWithCrash({ definition, input, submit, timeoutMs, database, takeWorker, crashAt });
    } finally {
      await database.drop();
    }
  };
  try {
    const reference = await run(undefined);
    const found = boundariesOf(definition, reference, timeoutMs).filter(
      ({ step }) => options.steps === undefined || (step !== undefined && options.steps.includes(step)),
    );
    const problems: CrashProblem[] = [];
    let crashes = 0;
    for (const boundary of found.slice(0, maxCrashes)) {
      const result = await run(boundaryKey(boundary));
      if (result.crashed) crashes += 1;
      problems.push(...findProblems(reference, result, boundary));
    }
    return crashReport({
      workflow: `workflow ${definition.namespace}/${definition.name} ${definition.version}`,
      steps: definition.steps.map(({ name }) => ({
        name,
        effects: reference.effects.filter(({ step }) => step === name).length,
      })),
      problems,
      crashes,
      untried: found.length - crashes,
      seconds: (performance.now() - started) / 1000,
    });
  } finally {
    await workers.killAll();
    await template.drop();
  }
}

function programOf(definition: WorkflowDefinition, { module, setup, settings = {} }: CrashOptions): WorkerProgram {
  for (const [field, value] of Object.entries({ module, setup })) {
    if (field === 'setup' && value === undefined) continue;
    if (URL.canParse(String(value))) continue;
    throw new InvalidInputError(
      `${field} is ${preview(value)}: use the URL of a module, such as new URL('./checkout.ts', import.meta.url)`,
      { field },
    );
  }
  const { namespace, name, version } = definition;
  fleetConfig('worker', 'postgres://unknown/unknown', [definition], settings);
  const modules = [...(setup === undefined ? [] : [setup]), module].map(String);
  return { modules, workflow: { namespace, name, version }, settings };
}

/** Of a run without a crash, each once. */
function boundariesOf(definition: WorkflowDefinition, reference: CrashRun, timeoutMs: number): Boundary[] {
  if (reference.state === undefined) {
    throw new TaskerError(
      'REFERENCE_RUN_FAILED',
      `the run without a crash of ${definition.namespace}/${definition.name} did not end within ${timeoutMs} ms: raise timeoutMs, or fake what its handlers wait for`,
      { task: reference.task },
    );
  }
  return [...new Map(reference.boundaries.map((boundary) => [boundaryKey(boundary), boundary])).values()];
}

/** Workers that have loaded the workflow, or are about to: the start of a process takes longer than the run of a small task. */
class Workers {
  private readonly program: WorkerProgram;
  private readonly execArgv: readonly string[];
  private readonly spare: CrashProcess[] = [];

  constructor(program: WorkerProgram, execArgv: readonly string[]) {
    this.program = program;
    this.execArgv = execArgv;
    this.fill();
  }

  take(): CrashProcess {
    const worker = this.spare.shift() as CrashProcess;
    this.fill();
    return worker;
  }

  async killAll(): Promise<void> {
    await Promise.all(this.spare.map((worker) => worker.kill()));
  }

  private fill(): void {
    while (this.spare.length < SPARE_WORKERS) this.spare.push(new CrashProcess(this.program, this.execArgv));
  }
}
