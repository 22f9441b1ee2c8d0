import { type Area, draw, reachOf, type Scene } from './draw.ts';
import type { Geometry, View } from './geometry.ts';
import type { NodeView } from './model.ts';

interface Size {
  readonly width: number;
  readonly height: number;
}

interface Painted extends Size {
  readonly scene: Scene;
  readonly view: View;
  readonly ratio: number;
}

/** Of more nodes that have changed at once it is quicker to draw everything. */
const MOST_PARTS = 40;
/** Stretched further than this, names cannot be read. */
const MOST_STRETCHED = 2.5;
/** With less of the window covered by what was drawn before, everything is drawn. */
const LEAST_COVERED = 0.3;

/**
 * Paints a graph and draws no more of it than it has to. What is on the canvas already is moved, and only what comes into sight or has
 * changed is drawn. While somebody zooms, the picture of before is stretched: whoever calls paints it `anew` when it stands still.
 */
export class Picture {
  #painted: Painted | undefined;
  /** While somebody zooms: the last sharp picture, and what it shows. */
  #sharp: { readonly image: OffscreenCanvas; readonly view: View } | undefined;

  get isBlurred(): boolean {
    return this.#sharp !== undefined;
  }

  /** What comes next is drawn as a whole. */
  anew(): void {
    this.#painted = undefined;
    this.#sharp = undefined;
  }

  paint(context: CanvasRenderingContext2D, scene: Scene, at: View, { width, height }: Size): void {
    const ratio = devicePixelRatio;
    const { canvas } = context;
    const [deviceWidth, deviceHeight] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== deviceWidth || canvas.height !== deviceHeight) {
      canvas.width = deviceWidth;
      canvas.height = deviceHeight;
      this.anew();
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    // Moved by whole pixels, what is there stays as sharp as it is.
    const snapped = snapTo(ratio);
    const now: Painted = {
      scene,
      view: { scale: at.scale, x: snapped(at.x), y: snapped(at.y) },
      width,
      height,
      ratio,
    };
    const before = this.#painted;
    this.#painted = now;
    const isDone =
      before !== undefined &&
      before.ratio === ratio &&
      looksTheSame(before.scene, scene) &&
      (this.#sharp !== undefined || before.view.scale !== at.scale
        ? this.#stretch(context, before, now)
        : move(context, before, now));
    if (isDone) return;
    this.#sharp = undefined;
    draw(context, scene, now.view, now);
  }

  /** Draws the sharp picture larger or smaller, and what is outside of it as it is. False: too little of it is left. */
  #stretch(
    context: CanvasRenderingContext2D,
    before: Painted,
    { scene, view, width, height, ratio }: Painted,
  ): boolean {
    const { canvas } = context;
    const sharp = (this.#sharp ??= { image: copyOf(canvas), view: before.view });
    const factor = view.scale / sharp.view.scale;
    const snapped = snapTo(ratio);
    const left = snapped(view.x - sharp.view.x * factor);
    const top = snapped(view.y - sharp.view.y * factor);
    const right = left + width * factor;
    const bottom = top + height * factor;
    const [x1, x2] = [snapped(within(left, width)), snapped(within(right, width))];
    const [y1, y2] = [snapped(within(top, height)), snapped(within(bottom, height))];
    if (factor > MOST_STRETCHED || (x2 - x1) * (y2 - y1) < LEAST_COVERED * width * height) return false;
    context.clearRect(0, 0, width, height);
    context.drawImage(sharp.image, left, top, width * factor, height * factor);
    drawAround(context, scene, view, { width, height }, [x1, x2, y1, y2]);
    return true;
  }
}

/** To whole pixels of the device. */
const snapTo =
  (ratio: number) =>
  (value: number): number =>
    Math.round(value * ratio) / ratio;

const within = (value: number, most: number): number => Math.min(most, Math.max(0, value));

/** Moves what is there, and draws what comes into sight and what has changed. False: it is too much. */
function move(context: CanvasRenderingContext2D, before: Painted, now: Painted): boolean {
  const { scene, view, width, height, ratio } = now;
  const dx = view.x - before.view.x;
  const dy = view.y - before.view.y;
  if (Math.abs(dx) >= width || Math.abs(dy) >= height) return false;
  const changed = changedNodes(before.scene, scene, now);
  if (changed.length > MOST_PARTS) return false;
  if (dx !== 0 || dy !== 0) {
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalCompositeOperation = 'copy';
    context.drawImage(context.canvas, Math.round(dx * ratio), Math.round(dy * ratio));
    context.restore();
    drawAround(context, scene, view, now, [
      within(dx, width),
      within(width + dx, width),
      within(dy, height),
      within(height + dy, height),
    ]);
  }
  for (const node of changed) draw(context, scene, view, now, areaOf(node, scene.geometry, view, ratio));
  return true;
}

/** Everything but a rectangle: left, right, top, bottom. */
function drawAround(
  context: CanvasRenderingContext2D,
  scene: Scene,
  view: View,
  size: Size,
  [x1, x2, y1, y2]: readonly [number, number, number, number],
): void {
  const { width, height } = size;
  const parts: Area[] = [
    { x: 0, y: 0, width: x1, height },
    { x: x2, y: 0, width: width - x2, height },
    { x: x1, y: 0, width: x2 - x1, height: y1 },
    { x: x1, y: y2, width: x2 - x1, height: height - y2 },
  ];
  for (const part of parts) if (part.width > 0 && part.height > 0) draw(context, scene, view, size, part);
}

/** Nodes in sight that look different: of another state, or with a time that goes on. */
function changedNodes(before: Scene, { nodes, geometry, now }: Scene, { view, width, height }: Painted): NodeView[] {
  const isLater = now !== before.now;
  if (nodes === before.nodes && !isLater) return [];
  const { x, y, scale } = view;
  const [reachX, reachY] = reachOf(geometry, scale);
  return nodes.filter((node, index) => {
    if (node === before.nodes[index] && !(isLater && isTicking(node))) return false;
    const [planeX, planeY] = geometry.at(node.layer, node.row);
    const [atX, atY] = [planeX * scale + x, planeY * scale + y];
    return (
      atX > -reachX * scale && atX < width + reachX * scale && atY > -reachY * scale && atY < height + reachY * scale
    );
  });
}

const isTicking = ({ steps: [first, ...others] }: NodeView): boolean =>
  others.length === 0 && (first?.phase === 'running' || first?.phase === 'backoff');

/** The box of a node in the window, in whole pixels of the device. */
function areaOf({ layer, row }: NodeView, geometry: Geometry, { x, y, scale }: View, ratio: number): Area {
  const [planeX, planeY] = geometry.at(layer, row);
  const from = (at: number): number => Math.floor(at * ratio) / ratio;
  const until = (at: number): number => Math.ceil(at * ratio) / ratio;
  const [halfWidth, halfHeight] = reachOf(geometry, scale);
  const left = from((planeX - halfWidth) * scale + x);
  const top = from((planeY - halfHeight) * scale + y);
  const right = until((planeX + halfWidth) * scale + x);
  const bottom = until((planeY + halfHeight) * scale + y);
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/** Apart from what nodes do. */
const looksTheSame = (one: Scene, other: Scene): boolean =>
  one.geometry === other.geometry &&
  one.edges === other.edges &&
  one.colours === other.colours &&
  one.selected === other.selected &&
  isSame(one.path, other.path) &&
  isSame(one.faint, other.faint);

function isSame(one: ReadonlySet<number> | undefined, other: ReadonlySet<number> | undefined): boolean {
  if (one === other) return true;
  if (one === undefined || other === undefined || one.size !== other.size) return false;
  for (const each of one) if (!other.has(each)) return false;
  return true;
}

function copyOf(canvas: HTMLCanvasElement): OffscreenCanvas {
  const copy = new OffscreenCanvas(canvas.width, canvas.height);
  copy.getContext('2d')?.drawImage(canvas, 0, 0);
  return copy;
}
