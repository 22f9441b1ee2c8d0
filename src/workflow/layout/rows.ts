import type { Vertex } from './vertices.ts';

const SWEEPS = 8;
/** A passing edge needs less room than a node, and should be straight. */
const PASS_SIZE = 0.5;
const PASS_WEIGHT = 3;

const sizeOf = ({ node }: Vertex): number => (node === undefined ? PASS_SIZE : 1);

/**
 * Gives each vertex its row: as near as may be to the middle of its neighbours, in the order of its layer and without overlaps. The last sweep
 * goes from the sinks to the roots, so that parents are centred over their children. Yields between layers.
 */
export function* placeRows(layers: readonly Vertex[][]): Generator<void> {
  for (const layer of layers) {
    let at = 0;
    for (const vertex of layer) {
      vertex.row = at + sizeOf(vertex) / 2;
      at += sizeOf(vertex);
    }
    for (const vertex of layer) vertex.row -= at / 2;
  }
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const towards = sweep % 2 === 0 ? 'up' : 'down';
    for (const layer of towards === 'up' ? layers : layers.toReversed()) {
      place(layer, (vertex) => middleOf(vertex[towards]) ?? vertex.row);
      yield;
    }
  }
}

/** The middle between the outermost, which is what one sees. */
function middleOf(vertices: readonly Vertex[]): number | undefined {
  if (vertices.length === 0) return undefined;
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  for (const { row } of vertices) {
    lowest = Math.min(lowest, row);
    highest = Math.max(highest, row);
  }
  return (lowest + highest) / 2;
}

/**
 * The rows with the least sum of squared distances to the wished ones that keep the order and do not overlap: neighbours that would overlap
 * become a block, which stands at the mean of their wishes.
 */
function place(layer: readonly Vertex[], wish: (vertex: Vertex) => number): void {
  const blocks: { sum: number; weight: number; members: number }[] = [];
  const offsets: number[] = [];
  let offset = 0;
  layer.forEach((vertex, index) => {
    const before = layer[index - 1];
    if (before !== undefined) offset += (sizeOf(before) + sizeOf(vertex)) / 2;
    offsets.push(offset);
    const weight = vertex.node === undefined ? PASS_WEIGHT : 1;
    let block = { sum: (wish(vertex) - offset) * weight, weight, members: 1 };
    for (let last = blocks.at(-1); last !== undefined; last = blocks.at(-1)) {
      if (last.sum / last.weight < block.sum / block.weight) break;
      blocks.pop();
      block = {
        sum: last.sum + block.sum,
        weight: last.weight + block.weight,
        members: last.members + block.members,
      };
    }
    blocks.push(block);
  });
  let index = 0;
  for (const { sum, weight, members } of blocks) {
    for (const end = index + members; index < end; index += 1) {
      (layer[index] as Vertex).row = sum / weight + (offsets[index] as number);
    }
  }
}
