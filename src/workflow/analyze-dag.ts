import { WorkflowDefinitionError } from '../errors.ts';
import { didYouMean } from './did-you-mean.ts';
import { preview } from './preview.ts';

export const MAX_STEPS = 10_000;
export const MAX_EDGES = 50_000;

/** A step as a node of a graph: its name and its parents. */
export interface DagNode {
  readonly name: string;
  readonly dependsOn: readonly string[];
}

/** The shape of a graph of steps. */
export interface Dag {
  /** Parents before children; the given order, if it is such an order. */
  readonly order: readonly string[];
  readonly roots: readonly string[];
  readonly sinks: readonly string[];
  /** Level 0 has the roots; a node is one level below its deepest parent. The length is the longest chain of steps. */
  readonly levels: readonly (readonly string[])[];
  readonly parents: ReadonlyMap<string, readonly string[]>;
  /** In the order of `order`. */
  readonly children: ReadonlyMap<string, readonly string[]>;
  readonly edges: number;
}

export interface DagProblem {
  /** The node it is about; undefined for one of the whole graph. */
  readonly node?: string;
  readonly message: string;
  /** Every name on a cycle, parent before child, the first one again at the end. */
  readonly cycle?: readonly string[];
}

/** Everything that keeps these nodes from being a DAG: too many nodes, duplicates, unknown parents, edges to itself, a cycle. */
export function findDagProblems(nodes: readonly DagNode[]): DagProblem[] {
  if (nodes.length === 0) return [{ message: 'has no steps: add at least one' }];
  if (nodes.length > MAX_STEPS) return [{ message: `has ${nodes.length} steps: at most ${MAX_STEPS} are allowed` }];
  const edges = nodes.reduce((sum, node) => sum + node.dependsOn.length, 0);
  if (edges > MAX_EDGES) return [{ message: `has ${edges} edges: at most ${MAX_EDGES} are allowed` }];

  const problems: DagProblem[] = [];
  const names = new Set<string>();
  for (const { name } of nodes) {
    if (names.has(name)) problems.push({ node: name, message: 'is defined twice' });
    names.add(name);
  }
  for (const { name, dependsOn } of nodes) {
    const seen = new Set<string>();
    for (const parent of dependsOn) {
      if (parent === name) problems.push({ node: name, message: 'depends on itself' });
      else if (!names.has(parent)) {
        // Suggestions for thousands of mistakes, each compared with thousands of names, would be slow and of no use.
        const hint = problems.length < 20 ? didYouMean(parent, names) : '';
        problems.push({ node: name, message: `depends on the unknown step ${preview(parent, 128)}${hint}` });
      } else if (seen.has(parent)) problems.push({ node: name, message: `names "${parent}" twice in dependsOn` });
      seen.add(parent);
    }
  }
  if (problems.length > 0) return problems;

  const sorted = sortTopologically(nodes);
  if (sorted.cycle === undefined) return [];
  return [{ message: `has a cycle: ${cycleText(sorted.cycle)}`, cycle: sorted.cycle }];
}

/** The shape of a graph. Throws WorkflowDefinitionError if it is not a DAG; `findDagProblems` lists why. */
export function analyzeDag(nodes: readonly DagNode[]): Dag {
  const problems = findDagProblems(nodes);
  if (problems.length > 0) {
    const messages = problems.map(({ node, message }) =>
      node === undefined ? `the graph ${message}` : `"${node}" ${message}`,
    );
    throw new WorkflowDefinitionError(messages.join('; '), { problems });
  }
  const { order } = sortTopologically(nodes);
  const parents = new Map(nodes.map((node) => [node.name, node.dependsOn]));
  const children = new Map<string, string[]>(nodes.map((node) => [node.name, []]));
  const levelOf = new Map<string, number>();
  const levels: string[][] = [];
  let edges = 0;
  for (const name of order) {
    let level = 0;
    for (const parent of parents.get(name) ?? []) {
      edges += 1;
      children.get(parent)?.push(name);
      level = Math.max(level, (levelOf.get(parent) ?? 0) + 1);
    }
    levelOf.set(name, level);
    (levels[level] ??= []).push(name);
  }
  return {
    order,
    roots: levels[0] ?? [],
    sinks: order.filter((name) => children.get(name)?.length === 0),
    levels,
    parents,
    children,
    edges,
  };
}

/**
 * Depth first from each node in the given order, parents before the node itself. It has a stack of its own, so that a chain
 * of thousands does not overflow the call stack. A node that is reached while it is still on the stack closes a cycle.
 */
function sortTopologically(nodes: readonly DagNode[]): { order: string[]; cycle?: string[] } {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const order: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  for (const start of nodes) {
    if (state.has(start.name)) continue;
    state.set(start.name, 'open');
    const stack = [{ node: start, next: 0 }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const parent = top.node.dependsOn[top.next++];
      if (parent === undefined) {
        state.set(top.node.name, 'done');
        order.push(top.node.name);
        stack.pop();
      } else if (state.get(parent) === 'open') {
        // The stack runs from child to parent; the path is reported from parent to child.
        const names = stack.map(({ node }) => node.name);
        const loop = names.slice(names.indexOf(parent));
        return { order, cycle: [parent, ...loop.toReversed()] };
      } else if (!state.has(parent)) {
        state.set(parent, 'open');
        stack.push({ node: byName.get(parent) as DagNode, next: 0 });
      }
    }
  }
  return { order };
}

function cycleText(cycle: readonly string[]): string {
  const shown =
    cycle.length > 12 ? [...cycle.slice(0, 6), `... (${cycle.length - 9} more)`, ...cycle.slice(-3)] : cycle;
  return shown.join(' -> ');
}
