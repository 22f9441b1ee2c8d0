import { Command } from 'commander';
import { loadConfig } from '../../config/load-config.ts';
import { createLogger } from '../../logger.ts';
import { clientEnvironment } from '../dev-environment.ts';
import { osUser } from '../os-user.ts';
import { apiKey, apiUrl } from '../remote/target.ts';
import { STATUS } from '../report-error.ts';

/** `tasker mcp`: tools for an AI assistant, over standard input and output. */
export function mcpCommand(exit: (status: number) => void): Command {
  return new Command('mcp')
    .description('give an AI assistant tools to see the fleet (Model Context Protocol, over standard input and output)')
    .option('--allow-writes', 'tools that act, too: a first call previews the act, a second one with its token does it')
    .option('--payloads', 'show inputs, results and messages of errors, without what TASKER_REDACT names')
    .option('--api <url>', 'ask this tasker api, with TASKER_API_KEY; default TASKER_API_URL, or else the database')
    .addHelpText(
      'after',
      `
The assistant starts it, and ends it by closing its input. What it logs goes to standard error.
Example of a configuration: {"mcpServers": {"tasker": {"command": "npx", "args": ["tasker", "mcp"]}}}`,
    )
    .action(async (options: { allowWrites?: boolean; payloads?: boolean; api?: string }) => {
      const { startMcp } = await import('../../mcp/start-mcp.ts');
      const url = apiUrl(options.api);
      const of =
        url === undefined
          ? { config: loadConfig('api', await clientEnvironment()), name: `mcp of ${osUser()}` }
          : { url, key: apiKey() };
      const running = await startMcp({
        of,
        log: createLogger({ level: 'warn', role: 'mcp', destination: process.stderr }),
        writes: options.allowWrites === true,
        payloads: options.payloads === true,
      });
      const signal = new Promise<void>((stop) => {
        for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(name, () => stop());
      });
      await Promise.race([running.ended, signal]);
      await running.stop();
      exit(STATUS.ok);
    });
}
