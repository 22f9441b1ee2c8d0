interface Node {
  readonly name: string;
  readonly dependsOn: readonly string[];
}

/** A dependency, by the names of its steps. */
export interface Edge {
  from: string;
  to: string;
}

/** A graph without the edges that make it none: those of a step on itself, and one of each cycle. */
export function withoutBadEdges(nodes: readonly Node[]): { nodes: Node[]; leftOut: Edge[] } {
  const parentsOf = new Map(nodes.map(({ name, dependsOn }) => [name, new Set(dependsOn)]));
  const leftOut: Edge[] = [];
  for (const [name, parents] of parentsOf) if (parents.delete(name)) leftOut.push({ from: name, to: name });
  const childrenOf = Map.groupBy(
    [...parentsOf].flatMap(([to, parents]) => [...parents].map((from) => ({ from, to }))),
    ({ from }) => from,
  );
  // Steps are taken away from the roots on; what is left then has a cycle.
  const waitsFor = new Map([...parentsOf].map(([name, parents]) => [name, new Set(parents)]));
  const free = [...waitsFor].flatMap(([name, parents]) => (parents.size === 0 ? [name] : []));
  while (waitsFor.size > 0) {
    const name = free.pop();
    if (name === undefined) {
      const { from, to } = edgeOfCycle(waitsFor);
      leftOut.push({ from, to });
      parentsOf.get(to)?.delete(from);
      waitsFor.get(to)?.delete(from);
      if (waitsFor.get(to)?.size === 0) free.push(to);
      continue;
    }
    waitsFor.delete(name);
    for (const { to } of childrenOf.get(name) ?? []) {
      const parents = waitsFor.get(to);
      if (parents?.delete(name) === true && parents.size === 0) free.push(to);
    }
  }
  return { nodes: nodes.map(({ name }) => ({ name, dependsOn: [...(parentsOf.get(name) ?? [])] })), leftOut };
}

/** Every step waits for another: from parent to parent the way comes back to where it was. */
function edgeOfCycle(waitsFor: ReadonlyMap<string, ReadonlySet<string>>): Edge {
  const passed = new Set<string>();
  let to = waitsFor.keys().next().value as string;
  for (;;) {
    passed.add(to);
    const from = waitsFor.get(to)?.values().next().value as string;
    if (passed.has(from)) return { from, to };
    to = from;
  }
}
