import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError, taskerErrorCode } from '../errors.ts';
import { describeThrown } from '../workflow/describe-thrown.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';

/**
 * Imports modules and collects the workflow definitions that they export, under any name, single or in arrays. Throws
 * ConfigError for a path that does not exist, a module that does not load, and a module without a definition.
 */
export async function loadWorkflows(paths: readonly string[]): Promise<WorkflowDefinition[]> {
  const found: WorkflowDefinition[] = [];
  for (const path of paths) {
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
    const definitions = Object.values(exported).flat().filter(isDefinition);
    if (definitions.length === 0) {
      throw new ConfigError(
        `workflow module ${path} exports no workflow: export what defineWorkflow(...).step(...) returns`,
      );
    }
    for (const definition of definitions) if (!found.includes(definition)) found.push(definition);
  }
  return found;
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
