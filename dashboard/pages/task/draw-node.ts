import { formatSeconds } from '../../format.ts';
import { PHASES, type Phase } from '../../phase.ts';
import { PHASE_SHAPES } from '../../ui/icons.tsx';
import type { Colours } from './colours.ts';
import type { Scene } from './draw.ts';
import { NEAR, NODE_HEIGHT } from './geometry.ts';
import type { NodeView, StepView } from './model.ts';

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';

/** A node with its name and, near, with what it does. */
export function drawNode(
  context: CanvasRenderingContext2D,
  scene: Scene,
  node: NodeView,
  x: number,
  y: number,
  scale: number,
): void {
  const { colours, selected, path } = scene;
  const width = scene.geometry.nodeWidth;
  const isNear = scale >= NEAR;
  const { counts } = node;
  const phase = counts[0]?.[0] ?? 'waiting';
  const isOnPath = path?.has(node.index) === true;
  if (node.steps.length > 1) {
    // Two cards behind it: it stands for many.
    context.fillStyle = colours.surface;
    context.strokeStyle = colours.strong;
    context.lineWidth = 1;
    for (const shift of [6, 3]) box(context, x + shift, y + shift, width, NODE_HEIGHT, 9);
  }
  context.fillStyle = phase === 'waiting' ? colours.surface : colours.phaseGround[phase];
  context.strokeStyle =
    selected === node.index
      ? colours.accent
      : isOnPath
        ? colours.phase.ready
        : phase === 'waiting'
          ? colours.strong
          : colours.phase[phase];
  context.lineWidth = selected === node.index || isOnPath ? (isNear ? 3 : 5) : isNear ? 1.25 : 2.25;
  if (phase === 'waiting') context.setLineDash([5, 4]);
  if (selected === node.index) context.setLineDash([]);
  box(context, x, y, width, NODE_HEIGHT, 9);
  context.setLineDash([]);
  const only = node.steps.length === 1 ? node.steps[0] : undefined;
  icon(context, phase, x + 12, y + (isNear ? 10 : 16), isNear ? 1 : 1.25, colours);
  context.textBaseline = 'alphabetic';
  context.fillStyle = colours.text;
  const size = isNear ? 13 : farSize(scale);
  context.font = `600 ${size}px ${FONT}`;
  const name = only?.name ?? `${node.steps.length} × ${groupName(node.steps)}`;
  context.fillText(cut(context, name, size, width - 46), x + 36, y + (isNear ? 22 : 33));
  if (!isNear) return;
  if (only !== undefined) {
    context.fillStyle = phase === 'waiting' ? colours.soft : colours.phase[phase];
    context.font = `11.5px ${FONT}`;
    context.fillText(cut(context, lineOf(only, scene.now), 11.5, width - 46), x + 36, y + 40);
  } else histogram(context, counts, x + 36, y + 33, width - 50, colours);
}

/** About nine pixels of the screen, in few sizes: the width of a text is measured once for each. */
const farSize = (scale: number): number => Math.min(24, Math.max(16, Math.round(4.5 / scale) * 2));

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

/** What of a text has room, by font size and width: reading the font of the context takes longer than drawing a text. */
const texts = new Map<string, Map<string, string>>();
const MOST_TEXTS = 5000;

function cut(context: CanvasRenderingContext2D, text: string, size: number, width: number): string {
  const key = `${size} ${width}`;
  let known = texts.get(key);
  if (known === undefined) texts.set(key, (known = new Map()));
  const before = known.get(text);
  if (before !== undefined) return before;
  let shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  while (shown.length > 1 && context.measureText(shown).width > width)
    shown = `${shown.replace(/…$/, '').slice(0, -1)}…`;
  if (known.size >= MOST_TEXTS) known.clear();
  known.set(text, shown);
  return shown;
}
