import { InvalidInputError } from '../errors.ts';
import type { Registry, SourceWorkflow } from './workflows.ts';

/** Named tasks that `--only` selects; null: all. Throws InvalidInputError for a name that no workflow has. */
export function selectedWorkflows(registry: Registry, only: readonly string[]): number[] | null {
  return only.length === 0 ? null : only.flatMap((name) => namedTasksOf(registry, name, '--only'));
}

/** The named tasks of a workflow, which the option names as it is in Tasker (Ruby) or here. */
export function namedTasksOf({ workflows }: Registry, name: string, option: string): number[] {
  const found = [...workflows.values()].filter((workflow) => namesOf(workflow).includes(name));
  if (found.length > 0) return found.map((workflow) => workflow.namedTaskId);
  const known = [...workflows.values()].map((workflow) => workflow.sourceName).join(', ');
  throw new InvalidInputError(`${option} is ${JSON.stringify(name)}: the workflows of Tasker are ${known}`, {
    field: option,
  });
}

const namesOf = ({ sourceName, namespace, name, version }: SourceWorkflow): string[] => [
  sourceName,
  sourceName.split(' ')[0] as string,
  name,
  `${namespace}/${name}`,
  `${namespace}/${name} ${version}`,
];
