import type { Colours } from './colours.ts';
import { type Edges, isInSight, type Sight, trace } from './edges.ts';
import { PHASE_ORDER } from '../../phase.ts';
import { type Geometry, NODE_HEIGHT, reach, type View } from './geometry.ts';
import { drawNode } from './draw-node.ts';
import type { NodeView } from './model.ts';

export interface Scene {
  readonly nodes: readonly NodeView[];
  readonly geometry: Geometry;
  readonly edges: Edges;
  readonly colours: Colours;
  readonly selected: number | undefined;
  /** Nodes on the critical path, if it is shown. */
  readonly path: ReadonlySet<number> | undefined;
  /** Nodes without a step that the filter lets through; undefined: there is no filter. */
  readonly faint: ReadonlySet<number> | undefined;
  /** Milliseconds since the submit. */
  readonly now: number;
}

/** Nearer than this a node has a name. */
const FAR = 0.3;

/** A part of the window. */
export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Lines, marks and the cards behind a node reach beyond its box by this much. */
const AROUND = 14;
/** However far away: a block can be seen, and one that needs somebody can be seen among thousands. */
const LEAST_PIXELS = 1.5;
export const URGENT_PIXELS = 4;
/** Around the blocks that are chosen or on the path, once blocks are small. */
const MARK_PIXELS = 1.5;

/** How far from its centre anything of a node is drawn, in the plane. */
export function reachOf(geometry: Geometry, scale: number): readonly [number, number] {
  const [halfWidth, halfHeight] = reach(geometry, scale, URGENT_PIXELS);
  const around = Math.max(AROUND, (2 * MARK_PIXELS) / scale);
  return [halfWidth + around, halfHeight + around];
}

/** Draws what is in an area of the window. Far away a node is a block, nearer it has a name, and near also what it does. */
export function draw(
  context: CanvasRenderingContext2D,
  scene: Scene,
  view: View,
  window: { readonly width: number; readonly height: number },
  area: Area = { x: 0, y: 0, width: window.width, height: window.height },
): void {
  const { scale } = view;
  context.save();
  context.beginPath();
  context.rect(area.x, area.y, area.width, area.height);
  context.clip();
  context.clearRect(area.x, area.y, area.width, area.height);
  context.translate(view.x, view.y);
  context.scale(scale, scale);
  const [reachX, reachY] = reachOf(scene.geometry, scale);
  const sight = {
    left: (area.x - view.x) / scale - AROUND,
    right: (area.x + area.width - view.x) / scale + AROUND,
    top: (area.y - view.y) / scale - AROUND,
    bottom: (area.y + area.height - view.y) / scale + AROUND,
  };
  drawEdges(context, scene, scale, sight, isCrowded(scene, scale, window));
  const seen: NodeView[] = [];
  const { nodeWidth } = scene.geometry;
  for (const node of scene.nodes) {
    const [x, y] = scene.geometry.at(node.layer, node.row);
    if (x + reachX >= sight.left && x - reachX <= sight.right && y + reachY >= sight.top && y - reachY <= sight.bottom)
      seen.push(node);
  }
  if (scale < FAR) drawBlocks(context, scene, seen, scale);
  else {
    for (const node of seen) {
      const [x, y] = scene.geometry.at(node.layer, node.row);
      context.globalAlpha = scene.faint?.has(node.index) === true ? 0.28 : 1;
      drawNode(context, scene, node, x - nodeWidth / 2, y - NODE_HEIGHT / 2, scale);
    }
  }
  context.restore();
}

/** Whether thousands of edges are in the window: by its size, and not by its place, so that each part of it is drawn alike. */
function isCrowded({ edges, geometry }: Scene, scale: number, window: { width: number; height: number }): boolean {
  const shown =
    Math.min(1, window.width / scale / geometry.width) * Math.min(1, window.height / scale / geometry.height);
  return edges.from.length * shown > 2000;
}

/** Edges that look the same together. From afar they are lines, and many of them one path. */
function drawEdges(
  context: CanvasRenderingContext2D,
  scene: Scene,
  scale: number,
  sight: Sight,
  crowded: boolean,
): void {
  const { edges, colours, path, selected, faint } = scene;
  const plain: number[] = [];
  const pale: number[] = [];
  const near: number[] = [];
  const critical: number[] = [];
  for (let index = 0; index < edges.from.length; index += 1) {
    if (!isInSight(edges, index, sight)) continue;
    const from = edges.from[index] as number;
    const to = edges.to[index] as number;
    if (path?.has(from) === true && path.has(to)) critical.push(index);
    else if (selected === from || selected === to) near.push(index);
    else if (faint?.has(from) === true && faint.has(to)) pale.push(index);
    else plain.push(index);
  }
  const thin = Math.min(1, Math.max(scale, 0.35));
  const stroke = (which: readonly number[], colour: string, width: number, alpha: number): void => {
    if (which.length === 0) return;
    context.globalAlpha = alpha;
    context.strokeStyle = colour;
    context.lineWidth = width / thin;
    // One path of many curves that cross is slow to fill, and so are thousands of strokes.
    const atOnce = scale < FAR ? 500 : 1;
    for (let first = 0; first < which.length; first += atOnce) {
      context.beginPath();
      for (const index of which.slice(first, first + atOnce)) trace(context, edges, index, scale < FAR);
      context.stroke();
    }
  };
  // Where thousands cross each other, they are a ground on which the nodes must be seen.
  const crowd = crowded ? 0.45 : 1;
  stroke(pale, colours.strong, 1.25, 0.3);
  stroke(plain, colours.strong, 1.25, crowd);
  stroke(near, colours.accent, 2, 1);
  stroke(critical, colours.phase.ready, 3, 1);
  context.globalAlpha = 1;
}

/** Those that most need somebody come last: what is drawn last can be seen. */
export const byUrgency = (nodes: readonly NodeView[]): NodeView[] =>
  nodes.toSorted((one, other) => rankOf(other) - rankOf(one));
export const isUrgent = (counts: NodeView['counts']): boolean =>
  counts[0]?.[0] === 'blocked' || counts[0]?.[0] === 'backoff';
const rankOf = ({ counts }: NodeView): number => PHASE_ORDER.indexOf(counts[0]?.[0] ?? 'waiting');

/** Nodes from afar, as blocks of the colour of the worst that is in them: all of one colour at once. */
function drawBlocks(context: CanvasRenderingContext2D, scene: Scene, nodes: readonly NodeView[], scale: number): void {
  const { colours, geometry, faint, path, selected } = scene;
  const looks = Map.groupBy(byUrgency(nodes), ({ index, counts }) => {
    const phase = counts[0]?.[0] ?? 'waiting';
    return `${faint?.has(index) === true ? 0.28 : 1} ${phase === 'waiting' ? colours.strong : colours.phase[phase]}`;
  });
  const least = reach(geometry, scale, LEAST_PIXELS);
  const urgent = reach(geometry, scale, URGENT_PIXELS);
  const block = ({ layer, row, counts }: NodeView, grown: number): void => {
    const [x, y] = geometry.at(layer, row);
    const [halfWidth, halfHeight] = grown > 0 || isUrgent(counts) ? urgent : least;
    context.rect(x - halfWidth - grown, y - halfHeight - grown, 2 * (halfWidth + grown), 2 * (halfHeight + grown));
  };
  for (const [look, members] of looks) {
    const space = look.indexOf(' ');
    context.globalAlpha = Number(look.slice(0, space));
    context.fillStyle = look.slice(space + 1);
    context.beginPath();
    for (const node of members) block(node, 0);
    context.fill();
  }
  context.globalAlpha = 1;
  const marked = (which: readonly NodeView[], colour: string): void => {
    context.strokeStyle = colour;
    context.lineWidth = Math.max(10, MARK_PIXELS / scale);
    context.beginPath();
    for (const node of which) block(node, Math.max(6, MARK_PIXELS / 2 / scale));
    context.stroke();
  };
  if (path !== undefined)
    marked(
      nodes.filter(({ index }) => path.has(index)),
      colours.phase.ready,
    );
  marked(
    nodes.filter(({ index }) => index === selected),
    colours.accent,
  );
}
