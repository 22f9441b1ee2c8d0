import type { Layout } from '../../api/types.ts';

/** How the graph lies in the plane, in pixels at scale 1. */
export interface Geometry {
  readonly width: number;
  readonly height: number;
  readonly nodeWidth: number;
  /** Centre of a node. */
  readonly at: (layer: number, row: number) => readonly [number, number];
  readonly down: boolean;
}

const NODE_WIDTH = 196;
/** Where layers go down, siblings stand beside each other in a window that has little room for that. */
const NARROW_NODE_WIDTH = 164;
export const NODE_HEIGHT = 52;
const LAYER_GAP = 56;
const ROW_GAP = 20;

/** `down`: layers go down, for a window that is higher than wide. */
export function geometryOf({ layers, rows }: Layout, down: boolean): Geometry {
  const nodeWidth = down ? NARROW_NODE_WIDTH : NODE_WIDTH;
  const [alongNode, acrossNode] = down ? [NODE_HEIGHT, nodeWidth] : [nodeWidth, NODE_HEIGHT];
  const alongSize = alongNode + LAYER_GAP * (down ? 0.75 : 1);
  const acrossSize = acrossNode + (down ? ROW_GAP * 0.8 : ROW_GAP);
  const along = (layer: number): number => layer * alongSize + alongNode / 2;
  const across = (row: number): number => row * acrossSize + acrossNode / 2;
  const length = (layers - 1) * alongSize + alongNode;
  const breadth = (Math.max(1, rows) - 1) * acrossSize + acrossNode;
  return {
    width: down ? breadth : length,
    height: down ? length : breadth,
    nodeWidth,
    at: (layer, row) => (down ? [across(row), along(layer)] : [along(layer), across(row)]),
    down,
  };
}

/** What part of the plane is shown: screen = plane * scale + offset. */
export interface View {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

const MIN_SCALE = 0.04;
export const MAX_SCALE = 2;
/** At this scale and above a node says what it does; below, its name is larger and stands alone. */
export const NEAR = 0.6;
/** At which the beginning of a large graph is shown: nearer, so that who zooms out and in again sees the same as before. */
const BEGINNING = 0.62;
/** A graph of which no more than this fits is shown as a whole: names can be read, if only just. */
const LEAST_WHOLE = 0.32;
const MARGIN = 24;

/** All of it, if that can be read; otherwise its beginning: the first layers, and of those the middle. */
export function fit({ width, height, down }: Geometry, shownWidth: number, shownHeight: number, whole = false): View {
  const margin = shownWidth < 640 ? MARGIN / 2 : MARGIN;
  const all = Math.min((shownWidth - 2 * margin) / width, (shownHeight - 2 * margin) / height, 1);
  const scale = whole || all >= LEAST_WHOLE ? all : BEGINNING;
  const place = (size: number, shown: number, along: boolean): number =>
    along && size * scale + 2 * margin > shown ? margin : Math.round((shown - size * scale) / 2);
  return { x: place(width, shownWidth, !down), y: place(height, shownHeight, down), scale };
}

/** Half of the box of a node in the plane, of which at least some pixels can be seen from however far. */
export const reach = ({ nodeWidth }: Geometry, scale: number, pixels: number): readonly [number, number] => [
  Math.max(nodeWidth, pixels / scale) / 2,
  Math.max(NODE_HEIGHT, pixels / scale) / 2,
];

/** A view in which a point of the plane is in sight: what is out of sight comes to the middle, as far as there is more of the graph. */
export function withInSight(
  view: View,
  { width, height }: Geometry,
  [x, y]: readonly [number, number],
  [shownWidth, shownHeight]: readonly [number, number],
): View {
  const { scale } = view;
  const place = (offset: number, at: number, size: number, shown: number): number => {
    const seen = at * scale + offset;
    if (seen > MARGIN && seen < shown - MARGIN) return offset;
    const middle = shown / 2 - at * scale;
    return Math.min(MARGIN, Math.max(shown - MARGIN - size * scale, middle));
  };
  return { scale, x: place(view.x, x, width, shownWidth), y: place(view.y, y, height, shownHeight) };
}

/** The furthest that one can go: all of a graph of thousands of steps is further away than anybody would zoom out of a small one. */
export const leastScale = (geometry: Geometry, shownWidth: number, shownHeight: number): number =>
  Math.min(MIN_SCALE, fit(geometry, shownWidth, shownHeight, true).scale);

/** Nearer or further, but not further than `least`, around a point of the screen. */
export function zoomed(view: View, factor: number, x: number, y: number, least: number): View {
  const scale = Math.min(MAX_SCALE, Math.max(least, view.scale * factor));
  const change = scale / view.scale;
  return { scale, x: x - (x - view.x) * change, y: y - (y - view.y) * change };
}
