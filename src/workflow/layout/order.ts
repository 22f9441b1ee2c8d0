import type { Vertex } from './vertices.ts';

const SWEEPS = 10;
/** Crossings are counted as long as that costs little beside the rest. */
const MOST_COUNTED = 40_000;

/**
 * Orders each layer so that few edges cross: by the mean place of each vertex's parents, from the roots down, then of its children, from the
 * sinks up, several times. The best order counts. Yields between layers.
 */
export function* orderLayers(layers: Vertex[][]): Generator<void> {
  const joins = layers.reduce((sum, layer) => sum + layer.reduce((all, { down }) => all + down.length, 0), 0);
  const counted = joins <= MOST_COUNTED;
  let best = { crossings: Number.POSITIVE_INFINITY, layers: [] as Vertex[][] };
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const towards = sweep % 2 === 0 ? 'up' : 'down';
    for (const layer of towards === 'up' ? layers : layers.toReversed()) {
      sortByNeighbours(layer, towards);
      yield;
    }
    if (!counted) continue;
    const crossings = yield* countCrossings(layers);
    if (crossings < best.crossings) best = { crossings, layers: layers.map((layer) => [...layer]) };
    if (crossings === 0) break;
  }
  best.layers.forEach((layer, index) => {
    layers[index] = layer;
    layer.forEach((vertex, place) => (vertex.place = place));
  });
}

function sortByNeighbours(layer: Vertex[], towards: 'up' | 'down'): void {
  const means = new Map(layer.map((vertex) => [vertex, meanOf(vertex[towards]) ?? vertex.place]));
  // Stable: what has the same mean stays in its order.
  layer.sort((a, b) => (means.get(a) as number) - (means.get(b) as number));
  layer.forEach((vertex, place) => (vertex.place = place));
}

function meanOf(vertices: readonly Vertex[]): number | undefined {
  if (vertices.length === 0) return undefined;
  let sum = 0;
  for (const { place } of vertices) sum += place;
  return sum / vertices.length;
}

/** Pairs of edges between neighbouring layers that cross: inversions, counted by a tree of sums. */
function* countCrossings(layers: readonly Vertex[][]): Generator<void, number> {
  let crossings = 0;
  for (const [index, layer] of layers.entries()) {
    const size = layers[index + 1]?.length ?? 0;
    const sums = new Int32Array(size + 1);
    let seen = 0;
    for (const { down } of layer) {
      const places = down.filter((vertex) => vertex.layer === index + 1).map(({ place }) => place);
      for (const place of places) {
        let before = 0;
        for (let at = place + 1; at > 0; at -= at & -at) before += sums[at] as number;
        crossings += seen - before;
      }
      for (const place of places) {
        seen += 1;
        for (let at = place + 1; at <= size; at += at & -at) sums[at] = (sums[at] as number) + 1;
      }
    }
    yield;
  }
  return crossings;
}
