import { relative } from 'node:path';
import { type DevFile, findDev } from '../dev/dev-file.ts';
import { ConfigError } from '../errors.ts';
import { defaultWorkflows } from './load-workflows.ts';

/** How a command that submits names its modules. */
export const MODULES_OPTION =
  'modules that export the definition, whose schema checks the input; or folders of them (TASKER_WORKFLOWS; default: those of tasker dev, or ./workflows)';

let found: Promise<{ folder: string; dev: DevFile } | undefined> | undefined;
const running = (): ReturnType<typeof findDev> => (found ??= findDev());

/** The environment of a client's command: with the database of a `tasker dev` that runs here, unless it names one itself. */
export async function clientEnvironment(): Promise<NodeJS.ProcessEnv> {
  const { env } = process;
  if (env['DATABASE_URL']?.trim()) return env;
  const here = await running();
  if (here?.dev.url === undefined) return env;
  // On standard error, so that the output of a command stays the same: nobody should wonder which database it was.
  console.error(`tasker: the database of tasker dev (pid ${here.dev.pid}, ${relative('', here.folder) || '.'})`);
  return { ...env, DATABASE_URL: here.dev.url, TASKER_SCHEMA: here.dev.schema };
}

/**
 * The modules of a command that submits: those that are named, of the environment, of a `tasker dev` that runs here, or in
 * ./workflows.
 */
export async function workflowsToSubmit(named: readonly string[] | undefined): Promise<readonly string[]> {
  if (named !== undefined) return named;
  const paths = process.env['TASKER_WORKFLOWS']?.trim()
    ? defaultWorkflows(process.env)
    : ((await running())?.dev.workflows ?? defaultWorkflows(process.env));
  if (paths !== undefined) return paths;
  throw new ConfigError(
    'the definition is needed, whose schema checks the input: name its modules with --workflows or TASKER_WORKFLOWS, or put them into ./workflows',
  );
}
