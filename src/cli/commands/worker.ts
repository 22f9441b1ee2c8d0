import { Command } from 'commander';
import { loadConfig } from '../../config/load-config.ts';
import { ConfigError } from '../../errors.ts';
import { createLogger } from '../../logger.ts';
import { guardProcess } from '../../worker/running/current-step.ts';
import type { QuarantineProcess } from '../../worker/scope/worker-options.ts';
import { boundHeapGrowth } from '../heap-growth.ts';
import { loadWorkflows } from '../load-workflows.ts';
import { runProcess } from '../run-process.ts';
import { startQuarantine } from '../start-quarantine.ts';

/** `tasker worker`: runs steps until a signal stops it. */
export function workerCommand(exit: (status: number) => void): Command {
  return new Command('worker')
    .description('run steps until SIGTERM, SIGINT or SIGHUP, which drains; a second signal aborts')
    .option(
      '-w, --workflows <modules...>',
      'modules that export workflow definitions, or folders of them (TASKER_WORKFLOWS)',
    )
    .option('-q, --queues <names>', 'comma-separated queues to serve (TASKER_QUEUES)')
    .option('-s, --slots <n>', 'how many handlers may run at once (TASKER_SLOTS)')
    .option('--metrics-port <port>', 'port of /metrics, /livez, /readyz; 0 for any (TASKER_METRICS_PORT)')
    .option(
      '--quarantine',
      'run only steps that are suspected of killing their process, one at a time, until there are none left; a worker starts this by itself',
    )
    .addHelpText(
      'after',
      '\nExample:\n  DATABASE_URL=postgres://... tasker worker --workflows ./workflows.ts --slots 100',
    )
    .action(
      async (options: {
        workflows?: string[];
        queues?: string;
        slots?: string;
        metricsPort?: string;
        quarantine?: boolean;
      }) => {
        boundHeapGrowth();
        const config = loadConfig('worker', process.env, {
          workflows: options.workflows?.join(','),
          queues: options.queues,
          slots: options.slots,
          metricsPort: options.metricsPort,
        });
        if (config.workflows.length === 0) {
          throw new ConfigError(
            'a worker needs workflows to run: name their modules with --workflows or TASKER_WORKFLOWS',
          );
        }
        const log = createLogger({ level: config.logLevel, role: 'worker', redact: config.redact });
        const workflows = await loadWorkflows(config.workflows);
        guardProcess();
        const quarantine = options.quarantine === true ? 'only' : (): QuarantineProcess => startQuarantine(log);
        const { startWorker } = await import('../../worker/start-worker.ts');
        exit(await runProcess(() => startWorker({ config, workflows, log, quarantine }), log));
      },
    );
}
