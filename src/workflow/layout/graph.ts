/** A step of a workflow, as a layout needs it. */
export interface GraphStep {
  readonly name: string;
  readonly queue: string;
  /** Ordinals of its parents, from 1. Parents come before their children. */
  readonly parents: readonly number[];
}

/** A step, or equal siblings that are drawn as one. */
export interface GraphNode {
  /** Indexes of its steps. */
  readonly steps: number[];
  /** Nodes. Every step of a parent is a parent of every step of the child. */
  readonly parents: number[];
  readonly children: number[];
  /** The longest way from a root. */
  layer: number;
}

/** Fewer siblings are clearer side by side. */
const FEWEST_SIBLINGS = 5;

/** Nodes in topological order: steps, of which those that have the same parents and the same children are one node if they are many. */
export function nodesOf(steps: readonly GraphStep[]): GraphNode[] {
  const children: number[][] = steps.map(() => []);
  steps.forEach(({ parents }, index) => {
    for (const parent of parents) children[parent - 1]?.push(index);
  });
  const siblings = Map.groupBy(
    steps.keys(),
    (index) => `${(steps[index] as GraphStep).parents.toSorted(ascending).join(' ')}|${children[index]?.join(' ')}`,
  );
  const nodeOf = steps.map(() => -1);
  const nodes: GraphNode[] = [];
  const all = [...siblings.values()].flatMap((group) => (group.length < FEWEST_SIBLINGS ? group.map(alone) : [group]));
  // By their first steps: all parents of a node have lower ordinals than each of its steps.
  for (const members of all.toSorted(([a = 0], [b = 0]) => a - b)) {
    for (const member of members) nodeOf[member] = nodes.length;
    nodes.push({ steps: members, parents: [], children: [], layer: 0 });
  }
  nodes.forEach((node, index) => {
    const [first = 0] = node.steps;
    for (const parent of new Set((steps[first] as GraphStep).parents.map((ordinal) => nodeOf[ordinal - 1] as number))) {
      const above = nodes[parent] as GraphNode;
      node.parents.push(parent);
      above.children.push(index);
      node.layer = Math.max(node.layer, above.layer + 1);
    }
  });
  return nodes;
}

const alone = (index: number): number[] => [index];
const ascending = (a: number, b: number): number => a - b;
