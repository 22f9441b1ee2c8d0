import type { GraphNode } from './graph.ts';

/** A place in a layer: of a node, or of an edge that passes the layer. */
export interface Vertex {
  readonly layer: number;
  /** Undefined: an edge passes here. */
  readonly node: number | undefined;
  /** Neighbours towards the roots, and towards the sinks. */
  readonly up: Vertex[];
  readonly down: Vertex[];
  /** Its place in its layer, counted from 0. */
  place: number;
  /** Its centre. */
  row: number;
}

export interface Edge {
  readonly from: number;
  readonly to: number;
  /** Where it passes the layers between; none if it is drawn as it likes. */
  readonly passes: readonly Vertex[];
}

/** Places for passing edges: without a limit a chain whose steps all feed the last one would have millions. */
const MOST_PASSES = 20_000;
const PASSES_PER_NODE = 4;

/** The vertices of all layers, and the edges through them. The shortest edges get their places first. */
export function verticesOf(nodes: readonly GraphNode[]): { vertices: Vertex[]; edges: Edge[] } {
  const vertices: Vertex[] = nodes.map(({ layer }, node) => ({ layer, node, up: [], down: [], place: 0, row: 0 }));
  let left = Math.min(MOST_PASSES, nodes.length * PASSES_PER_NODE);
  const pairs = nodes.flatMap(({ children }, from) => children.map((to) => ({ from, to })));
  const spanOf = ({ from, to }: { from: number; to: number }): number =>
    (vertices[to] as Vertex).layer - (vertices[from] as Vertex).layer;
  const edges = pairs
    .toSorted((a, b) => spanOf(a) - spanOf(b))
    .map((pair): Edge => {
      const between = spanOf(pair) - 1;
      const passes: Vertex[] = [];
      let at = vertices[pair.from] as Vertex;
      if (between <= left) {
        left -= between;
        for (let passed = 0; passed < between; passed += 1) {
          const pass: Vertex = { layer: at.layer + 1, node: undefined, up: [], down: [], place: 0, row: 0 };
          join(at, pass);
          passes.push(pass);
          vertices.push(pass);
          at = pass;
        }
      }
      join(at, vertices[pair.to] as Vertex);
      return { ...pair, passes };
    });
  return { vertices, edges };
}

function join(above: Vertex, below: Vertex): void {
  above.down.push(below);
  below.up.push(above);
}

/** The vertices of each layer, each in its place. */
export function layersOf(vertices: readonly Vertex[]): Vertex[][] {
  const layers: Vertex[][] = [];
  for (const vertex of vertices) {
    const layer = (layers[vertex.layer] ??= []);
    vertex.place = layer.length;
    layer.push(vertex);
  }
  return layers;
}
