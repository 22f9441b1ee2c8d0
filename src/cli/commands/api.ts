import { Command } from 'commander';
import { loadConfig } from '../../config/load-config.ts';
import { createLogger } from '../../logger.ts';
import { boundHeapGrowth } from '../heap-growth.ts';
import { runProcess } from '../run-process.ts';

/** `tasker api`: serves the HTTP API until a signal stops it. */
export function apiCommand(exit: (status: number) => void): Command {
  return new Command('api')
    .description('serve the HTTP API until SIGTERM, SIGINT or SIGHUP, which drains; any number may run')
    .option('-p, --port <port>', 'port of the API; 0 for any (TASKER_API_PORT)')
    .option('--host <address>', 'where it listens (TASKER_API_HOST)')
    .option('--read-only', 'refuse every request that would change something (TASKER_API_READ_ONLY)')
    .option('--metrics-port <port>', 'port of /metrics, /livez, /readyz; 0 for any (TASKER_METRICS_PORT)')
    .addHelpText(
      'after',
      '\nExamples:\n  DATABASE_URL=postgres://... tasker api\n  TASKER_API_AUTH=keys TASKER_API_HOST=0.0.0.0 tasker api',
    )
    .action(async (options: { port?: string; host?: string; readOnly?: boolean; metricsPort?: string }) => {
      boundHeapGrowth();
      const config = loadConfig('api', process.env, {
        apiPort: options.port,
        apiHost: options.host,
        ...(options.readOnly === true ? { apiReadOnly: 'true' } : {}),
        metricsPort: options.metricsPort,
      });
      const log = createLogger({ level: config.logLevel, role: 'api', redact: config.redact });
      const { startApi } = await import('../../api/start-api.ts');
      exit(await runProcess(() => startApi({ config, log }), log));
    });
}
