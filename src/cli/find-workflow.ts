import { workflowReference } from '../client/workflow-reference.ts';
import { InvalidInputError, UnknownWorkflowError } from '../errors.ts';
import { DEFAULT_NAMESPACE } from '../workflow/build-definition.ts';
import { compareVersions } from '../workflow/compare-versions.ts';
import type { WorkflowDefinition } from '../workflow/definition.ts';
import { createRegistry } from '../workflow/registry.ts';

/** How a command names a workflow. */
export const WORKFLOW_ARGUMENT = '[namespace/]name[@version]; the newest version if none is given';

/**
 * The definition that `[namespace/]name[@version]` names among those of the modules; the newest if no version is given.
 * `pinned`: the reference has a version. Throws UnknownWorkflowError, or InvalidInputError if two namespaces have the name.
 */
export function findWorkflow(
  reference: string,
  definitions: readonly WorkflowDefinition[],
): { definition: WorkflowDefinition; pinned: boolean } {
  const match = /^(?:([^/@]+)\/)?([^/@]+)(?:@(.+))?$/.exec(reference);
  if (match === null)
    throw new InvalidInputError(`workflow ${JSON.stringify(reference)}: write [namespace/]name[@version]`, {
      field: 'workflow',
    });
  const [, namespace, name, version] = match;
  createRegistry(definitions);
  const found = definitions
    .filter(
      (definition) =>
        definition.name === name &&
        (namespace === undefined || definition.namespace === namespace) &&
        (version === undefined || definition.version === version),
    )
    .toSorted((a, b) => compareVersions(b.version, a.version));
  const [newest] = found;
  if (newest === undefined) {
    throw new UnknownWorkflowError(
      `the modules export no workflow ${reference}; they export ${definitions.map(label).join(', ')}`,
    );
  }
  if (found.some((definition) => definition.namespace !== newest.namespace)) {
    throw new InvalidInputError(
      `workflow ${JSON.stringify(reference)} is in several namespaces: name one of ${found.map(label).join(', ')}`,
      { field: 'workflow' },
    );
  }
  return { definition: newest, pinned: version !== undefined };
}

/** The names alone, for the HTTP API, which has no need of the code. Without a version, that is empty. */
export function namesOnly(reference: string): { definition: WorkflowDefinition; pinned: boolean } {
  const { namespace = DEFAULT_NAMESPACE, name, version } = workflowReference('workflow', reference);
  return {
    definition: { namespace, name, version: version ?? '' } as WorkflowDefinition,
    pinned: version !== undefined,
  };
}

function label({ namespace, name, version }: WorkflowDefinition): string {
  return `${namespace}/${name}@${version}`;
}
