import type { Layout } from '../../api/types.ts';

/** How the graph lies in the plane, in pixels at scale 1. */
export interface Geometry {
  readonly width: number;
  readonly height: number;
  /** Centre of a node. */
  readonly at: (layer: number, row: number) => readonly [number, number];
  readonly down: boolean;
}

export const NODE_WIDTH = 196;
export const NODE_HEIGHT = 52;
const LAYER_GAP = 56;
const ROW_GAP = 20;

/** `down`: layers go down, for a window that is higher than wide. */
export function geometryOf({ layers, rows }: Layout, down: boolean): Geometry {
  const alongSize = (down ? NODE_HEIGHT : NODE_WIDTH) + LAYER_GAP * (down ? 0.75 : 1);
  const acrossSize = (down ? NODE_WIDTH : NODE_HEIGHT) + ROW_GAP;
  const along = (layer: number): number => layer * alongSize + (down ? NODE_HEIGHT : NODE_WIDTH) / 2;
  const across = (row: number): number => row * acrossSize + (down ? NODE_WIDTH : NODE_HEIGHT) / 2;
  const length = (layers - 1) * alongSize + (down ? NODE_HEIGHT : NODE_WIDTH);
  const breadth = Math.max(1, rows) * acrossSize - ROW_GAP;
  return {
    width: down ? breadth : length,
    height: down ? length : breadth,
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

export const MIN_SCALE = 0.04;
export const MAX_SCALE = 2;
/** At this scale and above names can be read. */
const READABLE = 0.62;

/** All of it, if that can be read; otherwise its beginning. */
export function fit({ width, height }: Geometry, shownWidth: number, shownHeight: number, whole = false): View {
  const margin = 24;
  const all = Math.min((shownWidth - 2 * margin) / width, (shownHeight - 2 * margin) / height, 1);
  const scale = Math.max(MIN_SCALE, whole ? all : Math.max(all, Math.min(READABLE, 1)));
  const place = (size: number, shown: number): number =>
    size * scale + 2 * margin > shown ? margin : (shown - size * scale) / 2;
  return { x: place(width, shownWidth), y: place(height, shownHeight), scale };
}

/** Nearer or further, around a point of the screen. */
export function zoomed(view: View, factor: number, x: number, y: number): View {
  const scale = Math.min(MAX_SCALE, Math.max(MIN_SCALE, view.scale * factor));
  const change = scale / view.scale;
  return { scale, x: x - (x - view.x) * change, y: y - (y - view.y) * change };
}
