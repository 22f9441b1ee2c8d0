import { Command } from 'commander';
import type { Client } from '../../client/client.ts';
import { loadConfig } from '../../config/load-config.ts';
import type { Logger } from '../../logger.ts';
import { guardProcess } from '../../worker/running/current-step.ts';
import type { WorkflowDefinition } from '../../workflow/definition.ts';
import { findWorkflow } from '../find-workflow.ts';
import { loadWorkflows } from '../load-workflows.ts';
import { readInput } from '../read-input.ts';
import { describeFailure, STATUS } from '../report-error.ts';
import { runProcess } from '../run-process.ts';
import { toMinute } from '../table.ts';
import { openClient } from '../with-client.ts';

interface Options {
  workflows: string[];
  slots?: string;
  submit?: string;
  input?: string;
  verbose?: boolean;
}

/** In development nobody waits half a minute for a step of former code. */
const DRAIN_GRACE_SECONDS = '5';

/** `tasker dev-worker`: the process in which `tasker dev` runs steps. Not for people. */
export function devWorkerCommand(exit: (status: number) => void): Command {
  return new Command('dev-worker')
    .requiredOption('--workflows <modules...>')
    .option('--slots <n>')
    .option('--submit <workflow>')
    .option('--input <json>')
    .option('--verbose')
    .action(async (options: Options) => {
      const { loadForDev, report, startDevWorker, toStart } = await import('../../dev/run-dev-worker.ts');
      const { loadProblem } = await import('../../dev/load-problem.ts');
      const { DEV_ROLE, devLogger } = await import('../../dev/dev-logger.ts');
      const { env } = process;
      const verbose = options.verbose ?? false;
      try {
        const workflows = await loadForDev(() => loadWorkflows(options.workflows));
        const steps = workflows.flatMap((workflow) => workflow.steps.map(({ name }) => name));
        const queues = new Set(workflows.flatMap((workflow) => workflow.steps.map(({ queue }) => queue)));
        const config = loadConfig('worker', env, {
          slots: options.slots,
          queues: env['TASKER_QUEUES']?.trim() || [...queues].join(','),
          metricsPort: '0',
          drainGraceSeconds: env['TASKER_DRAIN_GRACE_SECONDS'] ?? DRAIN_GRACE_SECONDS,
        });
        const log = devLogger({ role: 'worker', level: config.logLevel, verbose, redact: config.redact, steps });
        const devLog = devLogger({ role: DEV_ROLE, level: 'info', verbose });
        guardProcess();
        await toStart();
        const status = await runProcess(async () => {
          const worker = await startDevWorker({ config, workflows, log, devLog });
          void afterStart(options, workflows, devLog);
          return worker;
        }, log);
        exit(status);
      } catch (error) {
        report({ type: 'failed', problem: loadProblem(error, describeFailure(error).line) });
        // The channel delivers in order: the process may end when the report has left.
        setImmediate(() => exit(STATUS.failed));
      }
    });
}

/** What follows the start of new code: its schedules are made those of the code, and a task is submitted if that is wanted. */
async function afterStart(options: Options, workflows: readonly WorkflowDefinition[], log: Logger): Promise<void> {
  const { report } = await import('../../dev/run-dev-worker.ts');
  const client = openClient(loadConfig('client'));
  try {
    await applySchedules(client, workflows, log);
    if (options.submit !== undefined) await submitTask(client, options, workflows, log);
  } catch (error) {
    log.error(describeFailure(error).line);
    if (options.submit !== undefined) report({ type: 'notSubmitted' });
  } finally {
    await client.close();
  }
}

async function applySchedules(client: Client, workflows: readonly WorkflowDefinition[], log: Logger): Promise<void> {
  for (const { key, workflow, outcome, next } of await client.applySchedules(workflows)) {
    if (outcome === 'unchanged') continue;
    log.info(`schedule ${key} of ${workflow} ${outcome}${next === null ? '' : `, next ${toMinute(next)}`}`);
  }
}

async function submitTask(
  client: Client,
  options: Options,
  workflows: readonly WorkflowDefinition[],
  log: Logger,
): Promise<void> {
  const { definition } = findWorkflow(options.submit as string, workflows);
  const { sampleInput } = await import('../../dev/sample-input.ts');
  const input = await readInput(options.input ?? sampleInput(definition.inputSchema));
  const key = definition.identity === 'caller_key' ? { key: `dev-${Date.now()}` } : {};
  const { taskId, outcome } = await client.submit(definition, input as never, { ...key, initiator: 'tasker dev' });
  log.info({ workflow: definition.name, task_id: taskId }, outcome === 'existing' ? 'exists already' : 'submitted');
}
