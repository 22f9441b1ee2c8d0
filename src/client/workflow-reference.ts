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
