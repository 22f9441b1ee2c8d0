import type { Client } from '../client/client.ts';
import { didYouMean } from '../workflow/did-you-mean.ts';

/** A line for standard error if nothing is registered under these names: an empty list does not show that its workflow is misspelt. */
export async function unknownWorkflow(
  client: Client,
  {
    workflow,
    namespace,
    version,
  }: { workflow?: string | undefined; namespace?: string | undefined; version?: string | undefined },
): Promise<string | undefined> {
  if (workflow === undefined) return undefined;
  const { workflows } = await client.workflows();
  const ofThatName = workflows.filter(
    (row) => row.workflow === workflow && (namespace === undefined || row.namespace === namespace),
  );
  if (ofThatName.some((row) => version === undefined || row.version === version)) return undefined;
  const nameOf = (of: string | undefined, name: string): string => (namespace === undefined ? name : `${of}/${name}`);
  const hint =
    ofThatName.length > 0
      ? `: it has the versions ${ofThatName.map((row) => row.version).join(', ')}`
      : didYouMean(nameOf(namespace, workflow), new Set(workflows.map((row) => nameOf(row.namespace, row.workflow))));
  return `tasker: no workflow ${nameOf(namespace, workflow)}${version === undefined ? '' : `@${version}`} is registered${hint}`;
}
