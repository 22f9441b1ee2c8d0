import { type GraphStep, nodesOf } from './graph.ts';
import { orderLayers } from './order.ts';
import { placeRows } from './rows.ts';
import { layersOf, verticesOf } from './vertices.ts';

/**
 * Where the steps of a workflow are drawn: in layers, parents before children. Positions are abstract; whoever draws chooses the size of a
 * row and of a layer.
 */
export interface Layout {
  layers: number;
  rows: number;
  /** In the order of their ordinals. `node`: which of `nodes` it belongs to. */
  steps: { name: string; queue: string; node: number }[];
  /** A step, or siblings with the same parents and children. `row`: its centre; `first`: the ordinal of its first step. */
  nodes: { layer: number; row: number; steps: number; first: number }[];
  /** From node, to node, then the rows at which it passes the layers between, if it passes any. */
  edges: number[][];
}

const rounded = (row: number): number => Math.round(row * 100) / 100;

/** The layout of a workflow. Yields after each portion of the work, some milliseconds at most for 5,000 steps. */
export function* layOut(steps: readonly GraphStep[]): Generator<void, Layout> {
  const nodes = nodesOf(steps);
  yield;
  const { vertices, edges } = verticesOf(nodes);
  yield;
  const layers = layersOf(vertices);
  yield* orderLayers(layers);
  yield* placeRows(layers);
  const rows = vertices.map(({ row }) => row);
  const top = rows.reduce((lowest, row) => Math.min(lowest, row), Number.POSITIVE_INFINITY);
  const bottom = rows.reduce((highest, row) => Math.max(highest, row), top);
  const nodeOf = steps.map(() => 0);
  nodes.forEach((node, index) => {
    for (const step of node.steps) nodeOf[step] = index;
  });
  return {
    layers: layers.length,
    rows: steps.length === 0 ? 0 : rounded(bottom - top) + 1,
    steps: steps.map(({ name, queue }, index) => ({ name, queue, node: nodeOf[index] as number })),
    nodes: nodes.map(({ layer, steps: members }, index) => ({
      layer,
      row: rounded((rows[index] as number) - top),
      steps: members.length,
      first: (members[0] as number) + 1,
    })),
    edges: edges.map(({ from, to, passes }) => [from, to, ...passes.map(({ row }) => rounded(row - top))]),
  };
}
