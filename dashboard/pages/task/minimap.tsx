import { useEffect, useRef } from 'preact/hooks';
import { byUrgency, isUrgent, type Scene } from './draw.ts';
import { fit, type Geometry, NODE_HEIGHT, type View } from './geometry.ts';

const WIDTH = 184;
const HEIGHT = 112;
const MARGIN = 6;
/** Blocked steps can be seen among thousands. */
const URGENT_PIXELS = 3;

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Whether one would lose one's way in a graph: it is at least half as large again as its window. */
export function isLarge(geometry: Geometry, { width, height }: Size): boolean {
  if (width < 500) return false;
  const { scale } = fit(geometry, width, height);
  return geometry.width * scale > width * 1.5 || geometry.height * scale > height * 1.5;
}

/**
 * The whole graph in a corner, and which part of it is in the window: point at a place to go there. For a pointer alone: whoever uses
 * keys goes from step to step.
 */
export function Minimap({
  scene,
  shown,
  move,
  view,
  follow,
}: {
  scene: Scene;
  shown: Size;
  move: (view: View) => void;
  view: () => View;
  /** Gets what draws the frame again when the view has moved. */
  follow: { current: ((view: View) => void) | undefined };
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const frame = useRef<HTMLCanvasElement>(null);
  const { nodes, geometry, colours } = scene;
  const scale = Math.min((WIDTH - 2 * MARGIN) / geometry.width, (HEIGHT - 2 * MARGIN) / geometry.height);
  const left = (WIDTH - geometry.width * scale) / 2;
  const top = (HEIGHT - geometry.height * scale) / 2;
  const drawn = useRef<Scene | undefined>(undefined);
  useEffect(() => {
    const element = canvas.current as HTMLCanvasElement;
    const context = element.getContext('2d') as CanvasRenderingContext2D;
    const before = drawn.current;
    drawn.current = scene;
    const isThere =
      before?.geometry === geometry &&
      before.colours === colours &&
      !before.nodes.some((node, index) => node !== nodes[index] && isUrgent(node.counts));
    if (!isThere) {
      element.width = WIDTH * devicePixelRatio;
      element.height = HEIGHT * devicePixelRatio;
      context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    }
    // Of thousands of nodes a few change at once.
    for (const node of byUrgency(isThere ? nodes.filter((each, index) => each !== before.nodes[index]) : nodes)) {
      const { layer, row, counts } = node;
      const [x, y] = geometry.at(layer, row);
      const phase = counts[0]?.[0] ?? 'waiting';
      context.fillStyle = phase === 'waiting' ? colours.strong : colours.phase[phase];
      const least = isUrgent(counts) ? URGENT_PIXELS : 1;
      const width = Math.max(least, geometry.nodeWidth * scale);
      const height = Math.max(least, NODE_HEIGHT * scale);
      context.fillRect(left + x * scale - width / 2, top + y * scale - height / 2, width, height);
    }
  }, [nodes, geometry, colours]);
  useEffect(() => {
    const element = frame.current as HTMLCanvasElement;
    element.width = WIDTH * devicePixelRatio;
    element.height = HEIGHT * devicePixelRatio;
    const context = element.getContext('2d') as CanvasRenderingContext2D;
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.strokeStyle = context.fillStyle = colours.accent;
    context.lineWidth = 1.5;
    const within = (value: number, most: number): number => Math.min(most, Math.max(0, value));
    // Drawn: an element that is moved and resized would have the page laid out for each frame.
    follow.current = (now) => {
      const x = within(left + (-now.x / now.scale) * scale, WIDTH);
      const y = within(top + (-now.y / now.scale) * scale, HEIGHT);
      const right = within(left + ((shown.width - now.x) / now.scale) * scale, WIDTH);
      const bottom = within(top + ((shown.height - now.y) / now.scale) * scale, HEIGHT);
      const box = [x, y, Math.max(4, right - x), Math.max(4, bottom - y)] as const;
      context.clearRect(0, 0, WIDTH, HEIGHT);
      context.globalAlpha = 0.12;
      context.fillRect(...box);
      context.globalAlpha = 1;
      context.strokeRect(box[0] + 0.75, box[1] + 0.75, box[2] - 1.5, box[3] - 1.5);
    };
    follow.current(view());
    return () => {
      follow.current = undefined;
    };
  }, [geometry, shown, colours]);
  const go = (event: PointerEvent): void => {
    if (event.buttons === 0 && event.type !== 'pointerdown') return;
    const { scale: nearness } = view();
    const x = (event.offsetX - left) / scale;
    const y = (event.offsetY - top) / scale;
    move({ scale: nearness, x: shown.width / 2 - x * nearness, y: shown.height / 2 - y * nearness });
  };
  return (
    <div class="minimap" aria-hidden="true">
      <canvas ref={canvas} onPointerDown={go} onPointerMove={go} />
      <canvas ref={frame} class="minimap-frame" />
    </div>
  );
}
