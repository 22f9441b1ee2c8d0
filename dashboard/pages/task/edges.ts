import type { Layout } from '../../api/types.ts';
import { type Geometry, NODE_HEIGHT } from './geometry.ts';

/** What can be seen, in the plane. */
export interface Sight {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** The edges of a graph in the plane, computed once: a frame only finds those in sight and draws them. */
export interface Edges {
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** Points of the edge `index` are x and y from `starts[index]` to `starts[index + 1]`. */
  readonly points: Float32Array;
  readonly starts: Int32Array;
  /** left, right, top, bottom of each. */
  readonly boxes: Float32Array;
  readonly down: boolean;
  /** Of a node, along the flow. */
  readonly half: number;
}

export function edgesOf(layout: Layout, geometry: Geometry): Edges {
  const count = layout.edges.length;
  const starts = new Int32Array(count + 1);
  for (const [index, edge] of layout.edges.entries()) starts[index + 1] = (starts[index] ?? 0) + edge.length * 2;
  const edges: Edges = {
    from: new Int32Array(count),
    to: new Int32Array(count),
    points: new Float32Array(starts[count] ?? 0),
    starts,
    boxes: new Float32Array(count * 4),
    down: geometry.down,
    half: (geometry.down ? NODE_HEIGHT : geometry.nodeWidth) / 2,
  };
  for (const [index, [from = 0, to = 0, ...rows]] of layout.edges.entries()) {
    const one = layout.nodes[from];
    const other = layout.nodes[to];
    if (one === undefined || other === undefined) continue;
    edges.from[index] = from;
    edges.to[index] = to;
    const places = [
      geometry.at(one.layer, one.row),
      ...rows.map((row, passed) => geometry.at(one.layer + 1 + passed, row)),
      geometry.at(other.layer, other.row),
    ];
    const box = [Infinity, -Infinity, Infinity, -Infinity] as [number, number, number, number];
    for (const [at, [x, y]] of places.entries()) {
      edges.points[(starts[index] ?? 0) + at * 2] = x;
      edges.points[(starts[index] ?? 0) + at * 2 + 1] = y;
      box[0] = Math.min(box[0], x);
      box[1] = Math.max(box[1], x);
      box[2] = Math.min(box[2], y);
      box[3] = Math.max(box[3], y);
    }
    edges.boxes.set(box, index * 4);
  }
  return edges;
}

export function isInSight({ boxes }: Edges, index: number, sight: Sight): boolean {
  const at = index * 4;
  return (
    (boxes[at + 1] as number) >= sight.left &&
    (boxes[at] as number) <= sight.right &&
    (boxes[at + 3] as number) >= sight.top &&
    (boxes[at + 2] as number) <= sight.bottom
  );
}

/** Adds an edge to a path: from behind a node to before the next one. `straight`: far away a curve looks like a line. */
export function trace(path: CanvasRenderingContext2D, edges: Edges, index: number, straight: boolean): void {
  const { points, starts, down, half } = edges;
  const first = starts[index] as number;
  const end = starts[index + 1] as number;
  let x = points[first] as number;
  let y = points[first + 1] as number;
  if (down) path.moveTo(x, y + half);
  else path.moveTo(x + half, y);
  for (let at = first + 2; at < end; at += 2) {
    const nextX = points[at] as number;
    const nextY = points[at + 1] as number;
    const isLast = at + 2 >= end;
    if (straight) path.lineTo(down ? nextX : nextX - half, down ? nextY - half : nextY);
    else if (down) {
      const middle = (y + nextY) / 2;
      path.bezierCurveTo(x, middle, nextX, middle, nextX, nextY - half);
      if (!isLast) path.lineTo(nextX, nextY + half);
    } else {
      const middle = (x + nextX) / 2;
      path.bezierCurveTo(middle, y, middle, nextY, nextX - half, nextY);
      if (!isLast) path.lineTo(nextX + half, nextY);
    }
    x = nextX;
    y = nextY;
  }
}
