import type { Layout } from '../../api/types.ts';
import { formatSeconds } from '../../format.ts';
import { countPhases, PHASES, type Phase } from '../../phase.ts';
import { PHASE_SHAPES } from '../../ui/icons.tsx';
import type { Colours } from './colours.ts';
import { type Geometry, NODE_HEIGHT, NODE_WIDTH, type View } from './geometry.ts';
import type { NodeView, StepView } from './model.ts';

export interface Scene {
  readonly layout: Layout;
  readonly nodes: readonly NodeView[];
  readonly geometry: Geometry;
  readonly colours: Colours;
  readonly selected: number | undefined;
  /** Nodes on the critical path, if it is shown. */
  readonly path: ReadonlySet<number> | undefined;
  /** Nodes without a step that the filter lets through are faint. */
  readonly faint: (node: NodeView) => boolean;
  /** Milliseconds since the submit. */
  readonly now: number;
}

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';

/** Draws what is in sight. Far away a node is a block, nearer it has a name, and near also what it does. */
export function draw(context: CanvasRenderingContext2D, scene: Scene, view: View, width: number, height: number): void {
  const { scale } = view;
  context.save();
  context.clearRect(0, 0, width, height);
  context.translate(view.x, view.y);
  context.scale(scale, scale);
  const inSight = {
    left: -view.x / scale - NODE_WIDTH,
    right: (width - view.x) / scale + NODE_WIDTH,
    top: -view.y / scale - NODE_WIDTH,
    bottom: (height - view.y) / scale + NODE_WIDTH,
  };
  drawEdges(context, scene, scale, inSight);
  for (const node of scene.nodes) {
    const [x, y] = scene.geometry.at(node.layer, node.row);
    if (x < inSight.left || x > inSight.right || y < inSight.top || y > inSight.bottom) continue;
    context.globalAlpha = scene.faint(node) ? 0.28 : 1;
    drawNode(context, scene, node, x - NODE_WIDTH / 2, y - NODE_HEIGHT / 2, scale);
  }
  context.restore();
}

interface Sight {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

function drawEdges(context: CanvasRenderingContext2D, scene: Scene, scale: number, sight: Sight): void {
  const { layout, nodes, geometry, colours, path, selected } = scene;
  const half = (geometry.down ? NODE_HEIGHT : NODE_WIDTH) / 2;
  for (const [from = 0, to = 0, ...rows] of layout.edges) {
    const one = nodes[from];
    const other = nodes[to];
    if (one === undefined || other === undefined) continue;
    const points = [
      geometry.at(one.layer, one.row),
      ...rows.map((row, index) => geometry.at(one.layer + 1 + index, row)),
      geometry.at(other.layer, other.row),
    ];
    const xs = points.map(([x]) => x);
    const ys = points.map(([, y]) => y);
    if (Math.max(...xs) < sight.left || Math.min(...xs) > sight.right) continue;
    if (Math.max(...ys) < sight.top || Math.min(...ys) > sight.bottom) continue;
    const onPath = path !== undefined && path.has(from) && path.has(to);
    const isNear = selected === from || selected === to;
    context.globalAlpha = scene.faint(one) && scene.faint(other) ? 0.3 : 1;
    context.strokeStyle = onPath ? colours.phase.ready : isNear ? colours.accent : colours.strong;
    context.lineWidth = (onPath ? 3 : isNear ? 2 : 1.25) / Math.min(1, Math.max(scale, 0.35));
    context.beginPath();
    for (const [index, [x, y]] of points.entries()) {
      if (index === 0) context.moveTo(geometry.down ? x : x + half, geometry.down ? y + half : y);
      else
        curve(
          context,
          geometry.down,
          points[index - 1] as readonly [number, number],
          [x, y],
          half,
          index === points.length - 1,
        );
    }
    context.stroke();
  }
  context.globalAlpha = 1;
}

/** From behind the last point to before the next one, along the flow at both ends. */
function curve(
  context: CanvasRenderingContext2D,
  down: boolean,
  [fromX, fromY]: readonly [number, number],
  [x, y]: readonly [number, number],
  half: number,
  isLast: boolean,
): void {
  const end = half;
  if (down) {
    const middle = (fromY + y) / 2;
    context.bezierCurveTo(fromX, middle, x, middle, x, y - end);
    if (!isLast) context.lineTo(x, y + end);
  } else {
    const middle = (fromX + x) / 2;
    context.bezierCurveTo(middle, fromY, middle, y, x - end, y);
    if (!isLast) context.lineTo(x + end, y);
  }
}

function drawNode(
  context: CanvasRenderingContext2D,
  scene: Scene,
  node: NodeView,
  x: number,
  y: number,
  scale: number,
): void {
  const { colours, selected, path } = scene;
  const counts = countPhases(node.steps.map(({ phase }) => phase));
  const phase = counts[0]?.[0] ?? 'waiting';
  const isFar = scale < 0.3;
  const isOnPath = path?.has(node.index) === true;
  if (node.steps.length > 1) {
    // Two cards behind it: it stands for many.
    context.fillStyle = colours.surface;
    context.strokeStyle = colours.strong;
    context.lineWidth = 1;
    for (const shift of [6, 3]) box(context, x + shift, y + shift, NODE_WIDTH, NODE_HEIGHT, 9);
  }
  context.fillStyle = isFar ? colours.phase[phase] : phase === 'waiting' ? colours.surface : colours.phaseGround[phase];
  context.strokeStyle =
    selected === node.index
      ? colours.accent
      : isOnPath
        ? colours.phase.ready
        : phase === 'waiting'
          ? colours.strong
          : colours.phase[phase];
  context.lineWidth = selected === node.index ? 3 : isOnPath ? 3 : 1.25;
  if (phase === 'waiting') context.setLineDash([5, 4]);
  if (selected === node.index) context.setLineDash([]);
  box(context, x, y, NODE_WIDTH, NODE_HEIGHT, 9);
  context.setLineDash([]);
  if (isFar) return;
  const only = node.steps.length === 1 ? node.steps[0] : undefined;
  icon(context, phase, x + 12, y + (scale < 0.5 ? 16 : 10), scale < 0.5 ? 1.25 : 1, colours);
  context.textBaseline = 'alphabetic';
  context.fillStyle = colours.text;
  context.font = `600 ${scale < 0.5 ? 17 : 13}px ${FONT}`;
  const name = only?.name ?? `${node.steps.length} × ${groupName(node.steps)}`;
  context.fillText(cut(context, name, NODE_WIDTH - 50), x + 36, y + (scale < 0.5 ? 32 : 22));
  if (scale < 0.5) return;
  if (only !== undefined) {
    context.fillStyle = phase === 'waiting' ? colours.soft : colours.phase[phase];
    context.font = `11.5px ${FONT}`;
    context.fillText(cut(context, lineOf(only, scene.now), NODE_WIDTH - 50), x + 36, y + 40);
  } else histogram(context, counts, x + 36, y + 33, NODE_WIDTH - 50, colours);
}

/** What it does, and since when or how long it took. */
export function lineOf(step: StepView, now: number): string {
  const { phase, started, ended, nextRetry, attempts } = step;
  const label = PHASES[phase].label;
  const again = attempts > 1 ? ` · attempt ${attempts}` : '';
  if (phase === 'running' && started !== undefined) return `${label} ${formatSeconds((now - started) / 1000)}${again}`;
  if (phase === 'backoff' && nextRetry !== undefined && nextRetry > now)
    return `${label}, next in ${formatSeconds((nextRetry - now) / 1000)}${again}`;
  if (phase === 'complete' && started !== undefined && ended !== undefined)
    return `${formatSeconds((ended - started) / 1000)}${attempts > 1 ? ` · ${attempts} attempts` : ''}`;
  return `${label}${again}`;
}

function groupName(steps: readonly StepView[]): string {
  const [first = '', ...rest] = steps.map(({ name }) => name);
  let length = first.length;
  for (const name of rest) {
    while (length > 0 && !name.startsWith(first.slice(0, length))) length -= 1;
  }
  const common = first.slice(0, length).replace(/[\s\d_.-]+$/, '');
  return common === '' ? `${first} …` : common;
}

function histogram(
  context: CanvasRenderingContext2D,
  counts: readonly (readonly [Phase, number])[],
  x: number,
  y: number,
  width: number,
  colours: Colours,
): void {
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  let at = x;
  for (const [phase, count] of counts) {
    const part = Math.max(3, (count / total) * width);
    context.fillStyle = phase === 'waiting' ? colours.strong : colours.phase[phase];
    context.fillRect(at, y, Math.min(part, x + width - at) - 1, 6);
    at += part;
  }
}

function box(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  height: number,
  radius: number,
): void {
  context.beginPath();
  context.roundRect(x, y, width, height, radius);
  context.fill();
  context.stroke();
}

const shapes = new Map<string, Path2D>();
function shape(path: string): Path2D {
  const known = shapes.get(path) ?? new Path2D(path);
  shapes.set(path, known);
  return known;
}

/** The same shapes as on badges. */
function icon(
  context: CanvasRenderingContext2D,
  phase: Phase,
  x: number,
  y: number,
  size: number,
  colours: Colours,
): void {
  const { filled, lines } = PHASE_SHAPES[phase];
  context.save();
  context.translate(x, y);
  context.scale(size, size);
  context.fillStyle = colours.phase[phase];
  if (filled !== undefined) context.fill(shape(filled));
  if (lines !== undefined) {
    context.strokeStyle = filled === undefined || phase === 'ready' ? colours.phase[phase] : colours.surface;
    context.lineWidth = 2;
    context.lineCap = 'round';
    context.lineJoin = 'round';
    context.stroke(shape(lines));
  }
  context.restore();
}

const widths = new Map<string, string>();
function cut(context: CanvasRenderingContext2D, text: string, width: number): string {
  const key = `${context.font}|${width}|${text}`;
  const known = widths.get(key);
  if (known !== undefined) return known;
  let shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  while (shown.length > 1 && context.measureText(shown).width > width)
    shown = `${shown.replace(/…$/, '').slice(0, -1)}…`;
  if (widths.size > 5000) widths.clear();
  widths.set(key, shown);
  return shown;
}
