import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { modulesIn } from '../dev/module-files.ts';
import { ConfigError, taskerErrorCode } from '../errors.ts';
import { describeThrown } from '../workflow/describe-thrown.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';

/** The folder in which workflows are looked for if none are named. */
const DEFAULT_FOLDER = 'workflows';

/** What to load if no workflows are named: TASKER_WORKFLOWS, or the folder `workflows` if there is one. */
export function defaultWorkflows(env: NodeJS.ProcessEnv): string[] | undefined {
  const named = (env['TASKER_WORKFLOWS'] ?? '').split(',').flatMap((path) => path.trim() || []);
  if (named.length > 0) return named;
  return modulesIn(DEFAULT_FOLDER) === undefined ? undefined : [DEFAULT_FOLDER];
}

/**
 * Imports modules and collects the workflow definitions that they export, under any name, single or in arrays. Throws
 * ConfigError for a path that does not exist, a module that does not load, and a module without a definition. A folder
 * stands for the modules in it, of which some may have no definition.
 */
export async function loadWorkflows(paths: readonly string[]): Promise<WorkflowDefinition[]> {
  const found: WorkflowDefinition[] = [];
  for (const path of paths) {
    const modules = modulesIn(path);
    const definitions = modules === undefined ? await definitionsOf(path) : await definitionsIn(path, modules);
    for (const definition of definitions) if (!found.includes(definition)) found.push(definition);
  }
  return found;
}

async function definitionsIn(folder: string, modules: readonly string[]): Promise<WorkflowDefinition[]> {
  const definitions: WorkflowDefinition[] = [];
  for (const path of modules) definitions.push(...(await exportsOf(path)));
  if (definitions.length > 0) return definitions;
  throw new ConfigError(
    `no module in the folder ${folder} exports a workflow: export what defineWorkflow(...).step(...) returns`,
  );
}

async function definitionsOf(path: string): Promise<WorkflowDefinition[]> {
  const definitions = await exportsOf(path);
  if (definitions.length > 0) return definitions;
  throw new ConfigError(
    `workflow module ${path} exports no workflow: export what defineWorkflow(...).step(...) returns`,
  );
}

async function exportsOf(path: string): Promise<WorkflowDefinition[]> {
  const file = resolve(path);
  if (!existsSync(file)) throw new ConfigError(`workflow module ${path} does not exist (looked for ${file})`);
  let exported: Record<string, unknown>;
  try {
    exported = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    // A module may throw anything. The errors of a definition are lists, which are shown whole.
    const { message, stack } = describeThrown(error);
    const whole = taskerErrorCode(error) === undefined ? message : (error as Error).message;
    throw new ConfigError(`workflow module ${path} could not be loaded: ${whole}`, { path, stack });
  }
  return Object.values(exported).flat().filter(isDefinition);
}

function isDefinition(value: unknown): value is WorkflowDefinition {
  if (typeof value !== 'object' || value === null) return false;
  const { namespace, name, version, steps } = value as Partial<WorkflowDefinition>;
  return (
    typeof namespace === 'string' &&
    typeof name === 'string' &&
    typeof version === 'string' &&
    Array.isArray(steps) &&
    steps.length > 0
  );
}
