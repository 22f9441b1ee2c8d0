import { analyzeDag } from '../workflow/analyze-dag.ts';
import type { VersionRow } from '../db/statements/imports/import-versions.ts';

interface Node {
  readonly name: string;
  readonly parents: readonly string[];
}

/** The graph of a task as one text, equal for equal graphs: a version of a workflow has one graph. */
export function graphOf(steps: readonly Node[]): string {
  return steps
    .map(({ name, parents }) => `${name}<${parents.toSorted().join(',')}`)
    .toSorted()
    .join('|');
}

/** The same of stored templates. */
export function graphOfVersion({ steps }: VersionRow): string {
  const nameOf = new Map(steps.map(({ ordinal, name }) => [ordinal, name]));
  return graphOf(
    steps.map(({ name, parents }) => ({ name, parents: parents.map((parent) => nameOf.get(parent) ?? '') })),
  );
}

/** The steps with ordinals, parents before children, the same for equal graphs. */
export function inOrder(
  steps: readonly Node[],
): { name: string; ordinal: number; parents: number[]; children: number[] }[] {
  // An ended task without steps may be imported; it is no graph for a workflow.
  if (steps.length === 0) return [];
  const nodes = steps
    .map(({ name, parents }) => ({ name, dependsOn: parents.toSorted() }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const { order, parents, children } = analyzeDag(nodes);
  const ordinal = new Map(order.map((name, index) => [name, index + 1]));
  const ordinals = (names: readonly string[] = []): number[] =>
    names.map((name) => ordinal.get(name) as number).sort((a, b) => a - b);
  return order.map((name, index) => ({
    name,
    ordinal: index + 1,
    parents: ordinals(parents.get(name)),
    children: ordinals(children.get(name)),
  }));
}
