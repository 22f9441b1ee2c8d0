import { InvalidInputError } from '../errors.ts';
import type { WorkflowReference } from '../reads/workflow-details.ts';
import { preview } from '../workflow/preview.ts';

/** Reads `[namespace/]name[@version]`. Throws InvalidInputError, which names `field`. */
export function workflowReference(field: string, text: string): Required<WorkflowReference> {
  const [, namespace, name, version] = /^(?:([^/@]+)\/)?([^/@]+)(?:@(.+))?$/.exec(String(text)) ?? [];
  if (name === undefined) {
    throw new InvalidInputError(`${field} is ${preview(text)}: write [namespace/]name[@version]`, { field });
  }
  return { namespace, name, version };
}

/** A workflow by names that are given apart, or by one that has them all: `shop/checkout@1.2.0`. */
interface Named {
  namespace?: string | undefined;
  workflow?: string | undefined;
  version?: string | undefined;
}

/** The names apart, however they were given. Throws InvalidInputError for one that is given twice and differs. */
export function namesApart<Given extends Named>(given: Given): Given {
  const { workflow } = given;
  // A name has neither character.
  if (typeof workflow !== 'string' || !/[/@]/.test(workflow)) return given;
  const { name, ...read } = workflowReference('workflow', workflow);
  for (const field of ['namespace', 'version'] as const) {
    const [own, beside] = [read[field], given[field]];
    if (own === undefined || beside === undefined || own === beside) continue;
    throw new InvalidInputError(
      `workflow is ${preview(workflow)}, and ${field} is ${preview(beside)}: give one of them`,
      { field: 'workflow' },
    );
  }
  const { namespace = given.namespace, version = given.version } = read;
  return {
    ...given,
    workflow: name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(version === undefined ? {} : { version }),
  };
}
