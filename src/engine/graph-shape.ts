import type { WorkflowDefinition } from '../workflow/definition.ts';

interface Template {
  name: string;
  ordinal: number;
  parents: readonly number[];
}

/** The steps and edges of stored templates as one text, equal for equal graphs. */
export function graphOfTemplates(steps: readonly Template[]): string {
  return JSON.stringify(steps.map((step) => [step.name, step.ordinal, step.parents.toSorted((a, b) => a - b)]));
}

/** The same of a definition. */
export function graphOf(definition: WorkflowDefinition): string {
  return graphOfTemplates(
    definition.steps.map(({ name, ordinal, parentOrdinals }) => ({ name, ordinal, parents: parentOrdinals })),
  );
}

/** What a definition has otherwise than stored templates, for people: `step "pack" is new, step "notify" has other parents`. */
export function graphDifference(stored: readonly Template[], definition: WorkflowDefinition): string {
  const nameOf = new Map(stored.map(({ ordinal, name }) => [ordinal, name]));
  const before = new Map(
    stored.map(({ name, parents }) => [name, parents.map((parent) => nameOf.get(parent)).toSorted()]),
  );
  const differences: string[] = [];
  for (const { name, dependsOn } of definition.steps) {
    const parents = before.get(name);
    before.delete(name);
    if (parents === undefined) differences.push(`step "${name}" is new`);
    else if (parents.join() !== dependsOn.toSorted().join()) differences.push(`step "${name}" has other parents`);
  }
  differences.push(...[...before.keys()].map((name) => `step "${name}" is missing`));
  return differences.length === 0 ? 'the steps have another order' : differences.join(', ');
}
