import { UnknownWorkflowError, WorkflowDefinitionError } from '../errors.ts';
import { DEFAULT_NAMESPACE, workflowLabel } from './build-definition.ts';
import { plainDefinition } from './define-workflow.ts';
import type { WorkflowDefinition } from './definition.ts';
import { closestTo } from './did-you-mean.ts';
import { compareVersions } from './compare-versions.ts';
import { preview } from './preview.ts';

export interface WorkflowReference {
  /** Default `default`. */
  namespace?: string | undefined;
  name: string;
  /** Default: the highest version that is registered. */
  version?: string | undefined;
}

/** The definitions of this process, by namespace, name and version. */
export interface WorkflowRegistry {
  /** By namespace and name, lowest version first. */
  readonly definitions: readonly WorkflowDefinition[];
  find(reference: WorkflowReference): WorkflowDefinition | undefined;
  /** As find, but throws UnknownWorkflowError, which suggests a similar name. */
  get(reference: WorkflowReference): WorkflowDefinition;
}

/** Throws WorkflowDefinitionError for two definitions with the same namespace, name and version, or one that is not valid. */
export function createRegistry(definitions: Iterable<WorkflowDefinition>): WorkflowRegistry {
  /** `namespace/name` -> version -> definition. Names contain neither slashes nor spaces. */
  const known = new Map<string, Map<string, WorkflowDefinition>>();
  for (const given of definitions) {
    const definition = plainDefinition(given);
    const key = `${definition.namespace}/${definition.name}`;
    const versions = known.get(key) ?? new Map<string, WorkflowDefinition>();
    const same = versions.get(definition.version);
    if (same !== undefined && same !== definition) {
      throw new WorkflowDefinitionError(
        `${workflowLabel(definition)} is registered twice: give one of the two definitions another name or version`,
        { namespace: definition.namespace, name: definition.name, version: definition.version },
      );
    }
    known.set(key, versions.set(definition.version, definition));
  }
  const sorted = [...known.keys()]
    .sort()
    .flatMap((key) => [...(known.get(key)?.values() ?? [])].sort((a, b) => compareVersions(a.version, b.version)));

  const find = ({
    namespace = DEFAULT_NAMESPACE,
    name,
    version,
  }: WorkflowReference): WorkflowDefinition | undefined => {
    const versions = known.get(`${namespace}/${name}`);
    if (version !== undefined) return versions?.get(version);
    return [...(versions?.values() ?? [])].sort((a, b) => compareVersions(b.version, a.version))[0];
  };
  const get = (reference: WorkflowReference): WorkflowDefinition => {
    const found = find(reference);
    if (found !== undefined) return found;
    const { namespace = DEFAULT_NAMESPACE, name, version } = reference;
    throw new UnknownWorkflowError(unknownMessage(sorted, namespace, name, version), {
      namespace,
      name,
      ...(version === undefined ? {} : { version }),
    });
  };
  return Object.freeze({ definitions: Object.freeze(sorted), find, get });
}

function unknownMessage(
  definitions: readonly WorkflowDefinition[],
  namespace: string,
  name: string,
  version: string | undefined,
): string {
  if (definitions.length === 0) return `workflow ${preview(name)} is not known: no workflows are registered`;
  const versions = definitions
    .filter((one) => one.namespace === namespace && one.name === name)
    .map((one) => one.version);
  if (versions.length > 0) {
    return `workflow ${namespace}/${name} has no version ${preview(version)}: known versions are ${versions.slice(-10).join(', ')}`;
  }
  const elsewhere = [...new Set(definitions.filter((one) => one.name === name).map((one) => one.namespace))];
  const start = `no workflow ${preview(name)} is known in the namespace ${preview(namespace)}`;
  if (elsewhere.length > 0) return `${start}: there is one in ${elsewhere.slice(0, 10).join(', ')}`;
  const closest = closestTo(`${namespace}/${name}`, new Set(definitions.map((one) => `${one.namespace}/${one.name}`)));
  return closest === undefined ? start : `${start}: did you mean "${closest}"?`;
}
