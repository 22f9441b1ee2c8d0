import { resolve } from 'node:path';
import { Command } from 'commander';
import { describeDatabaseError } from '../../db/connections/describe-error.ts';
import { ConfigError, UnsuitableDatabaseError } from '../../errors.ts';
import { defaultWorkflows } from '../load-workflows.ts';
import { STATUS } from '../report-error.ts';
import { runProcess } from '../run-process.ts';

interface Options {
  workflows?: string[];
  data: string;
  submit?: string;
  input?: string;
  watch?: string[];
  slots?: string;
  once?: boolean;
  yes?: boolean;
  verbose?: boolean;
}

/** `tasker dev`: a database, a scheduler and a worker for one person's workflows, which start anew when they change. */
export function devCommand(exit: (status: number) => void): Command {
  return new Command('dev')
    .description(
      'run workflows while you write them: database, worker and scheduler in one command, new code at each save',
    )
    .option('-w, --workflows <modules...>', 'modules, or folders of them (TASKER_WORKFLOWS; default: ./workflows)')
    .option('--submit <workflow>', 'submit a task of this workflow at the start, and again whenever the code changes')
    .option('-i, --input <json>', 'with --submit: its input, as JSON or @file; default: one made from its schema')
    .option('--watch <paths...>', 'further files and folders whose changes count, beside what the workflows import')
    .option('-d, --data <folder>', 'where the embedded PostgreSQL keeps its data', '.tasker')
    .option('-s, --slots <n>', 'how many handlers may run at once (TASKER_SLOTS)')
    .option('--once', 'stop when the first task has ended; status 0 only if it is complete')
    .option('-y, --yes', 'install the embedded PostgreSQL without a question if it is missing')
    .option('--verbose', 'show what worker and scheduler report about themselves, too')
    .addHelpText(
      'after',
      `
Without DATABASE_URL it uses an embedded PostgreSQL, and other commands that are started in this folder or below it use the same one.
With DATABASE_URL it migrates that database; it refuses one on which a fleet runs.

Examples:
  tasker dev --workflows ./checkout.ts
  tasker dev --submit checkout --input '{"order":"10248"}'`,
    )
    .action(async (options: Options) => {
      const workflows = options.workflows ?? defaultWorkflows(process.env);
      if (workflows === undefined) {
        throw new ConfigError(
          'tasker dev needs workflows to run: name their modules with --workflows or TASKER_WORKFLOWS, or put them into ./workflows. `tasker init` writes an example',
        );
      }
      if (options.input !== undefined && options.submit === undefined) {
        throw new ConfigError('--input is the input of a task: name its workflow with --submit');
      }
      const { ensurePostgresPackage } = await import('../../dev/postgres-package.ts');
      if (!process.env['DATABASE_URL']?.trim()) {
        await ensurePostgresPackage({ yes: options.yes ?? false, say: (line) => console.log(line) });
      }
      const { DEV_ROLE, devLogger } = await import('../../dev/dev-logger.ts');
      const { startDev } = await import('../../dev/start-dev.ts');
      const verbose = options.verbose ?? false;
      const log = devLogger({ role: DEV_ROLE, level: verbose ? 'debug' : 'info', verbose });
      let succeeded = (): boolean => options.once !== true;
      const status = await runProcess(async () => {
        const running = await startDev({
          folder: resolve(options.data),
          workflows: workflows.map((path) => resolve(path)),
          watched: (options.watch ?? []).map((path) => resolve(path)),
          env: process.env,
          workerArgs: (first) => workerArgs(options, workflows, first),
          log,
          verbose,
          once: options.once ?? false,
          write: (text) => process.stdout.write(text),
          startApi: options.once === true ? undefined : (env) => startDevApi(env, verbose),
        }).catch(refuseToWait);
        if (options.once === true) succeeded = running.succeeded;
        return running;
      }, log);
      exit(status === STATUS.ok && !succeeded() ? STATUS.failed : status);
    });
}

/** A process of a fleet waits for its database; whoever sits before this one should know at once. */
function refuseToWait(error: unknown): never {
  const described = describeDatabaseError(error);
  if (described?.unavailable !== true) throw error;
  throw new UnsuitableDatabaseError(
    `${described.line}. Mend that, name another server in DATABASE_URL, or unset it to use the embedded one`,
  );
}

/** The usual port, or any if another program has it. For this machine alone, whatever is configured for others. */
async function startDevApi(env: NodeJS.ProcessEnv, verbose: boolean) {
  const { startApi } = await import('../../api/start-api.ts');
  const { loadConfig } = await import('../../config/load-config.ts');
  const { devLogger } = await import('../../dev/dev-logger.ts');
  const start = (port: string | undefined) => {
    const fixed = { apiHost: '127.0.0.1', apiAuth: 'none', apiBasePath: '/', metricsPort: '0' };
    const config = loadConfig('api', env, { ...fixed, ...(port === undefined ? {} : { apiPort: port }) });
    return startApi({ config, log: devLogger({ role: 'api', level: config.logLevel, verbose }) });
  };
  return start(undefined).catch((error: unknown) => {
    if (error instanceof ConfigError && error.message.includes('cannot listen')) return start('0');
    throw error;
  });
}

function workerArgs(options: Options, workflows: readonly string[], first: boolean): string[] {
  const { submit, input, slots, verbose } = options;
  return [
    'dev-worker',
    '--workflows',
    ...workflows,
    ...(slots === undefined ? [] : ['--slots', slots]),
    ...(verbose === true ? ['--verbose'] : []),
    // A task that crashes its worker is not submitted again by the worker that replaces it.
    ...(submit === undefined || !first ? [] : ['--submit', submit]),
    ...(input === undefined || !first ? [] : ['--input', input]),
  ];
}
