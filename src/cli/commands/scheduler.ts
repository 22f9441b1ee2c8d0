import { Command } from 'commander';
import { loadConfig } from '../../config/load-config.ts';
import { createLogger } from '../../logger.ts';
import { boundHeapGrowth } from '../heap-growth.ts';
import { runProcess } from '../run-process.ts';

/** `tasker scheduler`: keeps things moving until it is told to stop. */
export function schedulerCommand(exit: (status: number) => void): Command {
  return new Command('scheduler')
    .description('re-queue due retries, recover the steps of dead processes, fire schedules; run two or more')
    .option('--metrics-port <port>', 'port of /metrics, /livez, /readyz; 0 for any (TASKER_METRICS_PORT)')
    .addHelpText('after', '\nExample:\n  DATABASE_URL=postgres://... tasker scheduler')
    .action(async (options: { metricsPort?: string }) => {
      boundHeapGrowth();
      const config = loadConfig('scheduler', process.env, { metricsPort: options.metricsPort });
      const log = createLogger({ level: config.logLevel, role: 'scheduler', redact: config.redact });
      // Each kind of process loads what it needs: packages are most of the memory of one that has little to do.
      const { startScheduler } = await import('../../scheduler/start-scheduler.ts');
      exit(await runProcess(() => startScheduler({ config, log }), log));
    });
}
