import { Command } from 'commander';
import { loadConfig } from '../../config/load-config.ts';
import { createLogger } from '../../logger.ts';
import { boundHeapGrowth } from '../heap-growth.ts';
import { runProcess } from '../run-process.ts';

/** `tasker scheduler`: runs the chores of the fleet until a signal stops it. */
export function schedulerCommand(exit: (status: number) => void): Command {
  return new Command('scheduler')
    .description(
      'put due retries back in their queue, recover the steps of dead processes, fire schedules; run two or more',
    )
    .option('--metrics-port <port>', 'port of /metrics, /livez, /readyz; 0 for any (TASKER_METRICS_PORT)')
    .addHelpText('after', '\nExample:\n  DATABASE_URL=postgres://... tasker scheduler')
    .action(async (options: { metricsPort?: string }) => {
      boundHeapGrowth();
      const config = loadConfig('scheduler', process.env, { metricsPort: options.metricsPort });
      const log = createLogger({ level: config.logLevel, role: 'scheduler', redact: config.redact });
      // Each role loads only the modules that it needs: packages are most of the memory of an idle process.
      const { startScheduler } = await import('../../scheduler/start-scheduler.ts');
      exit(await runProcess(() => startScheduler({ config, log }), log));
    });
}
